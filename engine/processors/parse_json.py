"""Reads text as JSON."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict

from ..errors import InvalidData

_EXCERPT = 500


class Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid")


def process(output: Any, parameters: Parameters) -> Any:
    """The value that *output* spells; what is no text stays. Raises `InvalidData`."""
    if not isinstance(output, str):
        return output
    try:
        return json.loads(output, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        reason = (
            f"{error.msg} at character {error.pos}"
            if isinstance(error, json.JSONDecodeError)
            else str(error)
        )
        raise InvalidData(
            f"The output is not JSON: {reason}.",
            kind="json",
            field="output",
            value=output[:_EXCERPT],
        ) from error


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")
