"""How a step's output is brought into form: one file each, found by its file name.

To add a processor, add a module with `Parameters` and `process` (see `Processor`).
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Protocol

from pydantic import BaseModel

from ..catalogs import discover


class Processor(Protocol):
    """A module of this package, or any object with the same two names.

    `Parameters` forbids unknown fields. `process` gives the new output and leaves the old one as it
    is; it raises a `StepError` for an output it can't work with.
    """

    @property
    def Parameters(self) -> type[BaseModel]: ...  # noqa: N802

    def process(self, output: Any, parameters: Any) -> Any: ...


@lru_cache(maxsize=1)
def catalog() -> Mapping[str, Processor]:
    """Every shipped processor by name."""
    return discover(__name__, __path__)
