"""The output is a number within bounds, or has so many items."""

from decimal import Decimal
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, model_validator


class Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid")

    min: Decimal | None = None
    max: Decimal | None = None

    @model_validator(mode="after")
    def _some_bound(self) -> "Parameters":
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is more than max {self.max}")
        return self


def problem(output: Any, parameters: Parameters) -> str | None:
    """Bounds belong to the range. Of a list or mapping the number of items counts."""
    size, unit = _measured(output)
    if size is None or size.is_nan():
        return f"a number or a list was expected, not {type(output).__name__}"
    if parameters.min is not None and size < parameters.min:
        return f"{size}{unit} is less than {parameters.min}"
    if parameters.max is not None and size > parameters.max:
        return f"{size}{unit} is more than {parameters.max}"
    return None


def _measured(output: Any) -> tuple[Decimal | None, str]:
    if isinstance(output, list | tuple | dict):
        items = len(cast("list[Any]", output))
        return Decimal(items), " item" if items == 1 else " items"
    if isinstance(output, int | float | Decimal) and not isinstance(output, bool):
        return Decimal(str(output)), ""
    return None, ""
