"""The output is text that a pattern is found in; anchor it with ^ and $ for the whole text."""

from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ..definition.expressions import as_text
from ._patterns import LONGEST_PATTERN, compiled, found


class Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pattern: str = Field(min_length=1, max_length=LONGEST_PATTERN)

    @field_validator("pattern")
    @classmethod
    def _readable(cls, pattern: str) -> str:
        compiled(pattern)
        return pattern


def problem(output: Any, parameters: Parameters) -> str | None:
    """Numbers and the like are looked at as they read in text."""
    if isinstance(output, list | tuple | dict) or output is None:
        return f"text was expected, not {type(cast(object, output)).__name__}"
    if found(parameters.pattern, as_text(output)):
        return None
    return f"it does not match {parameters.pattern!r}"
