"""One page of a longer list."""

from typing import Generic, TypeVar

from pydantic import Field

from .frozen import Frozen

T = TypeVar("T")


class Page(Frozen, Generic[T]):
    """`next_cursor` asks for what follows; None on the last page. A cursor is opaque."""

    items: tuple[T, ...]
    next_cursor: str | None = Field(default=None)
