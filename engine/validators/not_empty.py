"""The output is there: not nothing, no blank text, no list or mapping without content."""

from collections.abc import Sized
from typing import Any

from pydantic import BaseModel, ConfigDict


class Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid")


def problem(output: Any, parameters: Parameters) -> str | None:
    """0 and false are something."""
    content = output.strip() if isinstance(output, str) else output
    is_empty = content is None or (isinstance(content, Sized) and len(content) == 0)
    return "it is empty" if is_empty else None
