"""Takes one part of the output: `{name: take, with: {path: items[0].name}}`."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ..definition.expressions import resolve
from ..errors import InvalidData, InvalidDefinition, VariableNotFound

_ROOT = "output"


class Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid")

    path: str = Field(min_length=1, max_length=400, description="As behind a step's name.")

    @field_validator("path")
    @classmethod
    def _readable(cls, path: str) -> str:
        try:
            resolve(_expression(path), {})
        except InvalidDefinition as error:
            raise ValueError(f"{path[:60]!r} is no path such as items[0].name") from error
        except VariableNotFound:
            return path
        return path


def process(output: Any, parameters: Parameters) -> Any:
    """The part at `path`. Raises `InvalidData` if it is not there."""
    try:
        return resolve(_expression(parameters.path), {_ROOT: output})
    except VariableNotFound as error:
        name = error.details["name"].removeprefix(_ROOT).removeprefix(".")
        raise InvalidData(
            f"The output has no {name}.",
            kind="part",
            field=parameters.path,
            near=error.details["near"],
            available=error.details["available"],
        ) from error


def _expression(path: str) -> str:
    return "{{ " + _ROOT + ("" if path.startswith("[") else ".") + path + " }}"
