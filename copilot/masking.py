"""A run of another system without the secrets in its errors, before anything of it is kept or shown."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from pydantic import JsonValue

from .redaction.named import without_named
from .types import ErrorRecord, RunRecord, StepRecord

Told = TypeVar("Told", RunRecord, StepRecord)
Mask = Callable[[str], str]


def masked(run: RunRecord, mask: Mask) -> RunRecord:
    """*run* with *mask* over every error: message, traceback and facts.

    A fact also goes for the name of a secret that it stands under.
    Runs of our own engine come like that already. Personal data stays: who looks at a run may see
    it, and towards a model it is masked in the prompt.
    """
    steps = tuple(_masked(step, mask) for step in run.steps)
    return _masked(run, mask).model_copy(update={"steps": steps})


def _masked(told: Told, mask: Mask) -> Told:
    if told.error is None:
        return told
    return told.model_copy(update={"error": _error(told.error, mask)})


def _error(error: ErrorRecord, mask: Mask) -> ErrorRecord:
    return error.model_copy(
        update={
            "message": mask(error.message),
            "traceback": None if error.traceback is None else mask(error.traceback),
            "details": without_named(_values(error.details, mask), mask=mask),
        }
    )


def _values(details: Mapping[str, JsonValue], mask: Mask) -> dict[str, JsonValue]:
    return {name: _value(value, mask) for name, value in details.items()}


def _value(value: JsonValue, mask: Mask) -> JsonValue:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, list):
        return [_value(item, mask) for item in value]
    return _values(value, mask) if isinstance(value, dict) else value
