"""What it takes to write untrusted text out; import-linter says who may import this."""

from typing import final


@final
class RenderCap:
    __slots__ = ()


RENDER = RenderCap()
