"""Takes the code fence away that models like to put around an answer."""

import re
from typing import Any

from pydantic import BaseModel, ConfigDict

_FENCED = re.compile(
    r"\s*(?P<fence>`{3,}|~{3,})[^\n`]*\n(?P<inside>.*?)\n?(?P=fence)\s*", re.DOTALL
)


class Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid")


def process(output: Any, parameters: Parameters) -> Any:
    """The inside of a text that is one fenced block; everything else as it is."""
    if not isinstance(output, str) or not output.rstrip().endswith(("```", "~~~")):
        return output
    fenced = _FENCED.fullmatch(output)
    if fenced is None or _holds(fenced["inside"], fenced["fence"]):
        return output
    return fenced["inside"]


def _holds(inside: str, fence: str) -> bool:
    """Whether the block ends before the text does, and others follow."""
    return any(line.strip().startswith(fence) for line in inside.splitlines())
