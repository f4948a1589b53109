"""What an output must be like: one file each, found by its file name.

To add a validator, add a module with `Parameters` and `problem` (see `Validator`).
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Protocol

from pydantic import BaseModel

from ..catalogs import discover


class Validator(Protocol):
    """A module of this package, or any object with the same two names.

    `Parameters` forbids unknown fields. `problem` says in one sentence what is wrong with the
    output, or None. It runs in a thread and must end whatever the output is.
    """

    @property
    def Parameters(self) -> type[BaseModel]: ...  # noqa: N802

    def problem(self, output: Any, parameters: Any) -> str | None: ...


@lru_cache(maxsize=1)
def catalog() -> Mapping[str, Validator]:
    """Every shipped validator by name."""
    return discover(__name__, __path__)
