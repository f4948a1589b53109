"""The words that say what went wrong, found under those that only say that something did."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from pydantic import JsonValue

from ... import chains
from ...types import ErrorRecord
from ...wrappers import is_empty, raised_inside

#: The place of an error that is the run's own.
RUN = None
#: Details that hold the error another one was made of.
_CAUSES = ("cause", "error", "original_error", "inner", "exception", "reason", "exceptions", "body")
_WORDS = ("message", "msg", "error", "detail", "description", "text", "reason")
_CLASSES = ("type", "error_type", "class", "name")
MOST_LEVELS = 8


@dataclass(frozen=True, slots=True)
class Told:
    """An error to be explained. `step` is the path of the one that has it, None for the run.

    field, start: where in the record its message stands: 'message', 'traceback' or
    'details.cause.message', and from which character on. type_field, type_start: the same of its
    class. wrapper: the record's own message, where it only says that something failed.
    """

    error: ErrorRecord
    step: str | None
    field: str = "message"
    start: int = 0
    type_field: str = "error_type"
    type_start: int = 0
    wrapper: str | None = None

    @property
    def says_nothing(self) -> bool:
        """Whether neither its words nor a class named in them tell what went wrong."""
        return self.type_field == "error_type" and is_empty(self.error.message)


def tell(error: ErrorRecord, step: str | None) -> Told:
    """What *error* is about: itself or, if it only says that something failed, what is inside."""
    if not is_empty(error.message):
        return Told(error, step)
    return _in_details(error, step) or _in_traceback(error, step) or _by_class(error, step)


def _by_class(error: ErrorRecord, step: str | None) -> Told:
    """The class that a RetryError names is the one to go by."""
    raised = raised_inside(error.message)
    if raised is None:
        return Told(error, step)
    return Told(
        error.model_copy(update={"type": raised}),
        step,
        type_field="message",
        type_start=error.message.rindex(raised),
    )


def _in_traceback(error: ErrorRecord, step: str | None) -> Told | None:
    link = chains.root(error.traceback) if error.traceback else None
    if link is None or not link.message or is_empty(link.message):
        return None
    return Told(
        error.model_copy(update={"message": link.message, "type": link.type or error.type}),
        step,
        field="traceback",
        start=link.message_start,
        type_field="traceback" if link.type else "error_type",
        type_start=link.start if link.type else 0,
        wrapper=error.message,
    )


def _in_details(error: ErrorRecord, step: str | None) -> Told | None:
    for field, message, kind in _causes(error.details, "details", MOST_LEVELS):
        if is_empty(message):
            continue
        return Told(
            error.model_copy(update={"message": message, "type": kind[1] if kind else error.type}),
            step,
            field=field,
            type_field=kind[0] if kind else "error_type",
            wrapper=error.message,
        )
    return None


def _causes(
    details: Mapping[str, JsonValue], field: str, levels: int
) -> Iterator[tuple[str, str, tuple[str, str] | None]]:
    """Where each cause is told, its words, and its class with its place; the innermost first."""
    for key in _CAUSES:
        value = details.get(key)
        here = f"{field}.{key}"
        if isinstance(value, list) and value:
            value, here = value[0], f"{here}.0"
        if isinstance(value, str):
            yield here, value, None
        elif isinstance(value, dict) and levels:
            inner = cast("dict[str, JsonValue]", value)
            yield from _causes(inner, here, levels - 1)
            yield from _words(inner, here)


def _words(
    told: Mapping[str, JsonValue], field: str
) -> Iterator[tuple[str, str, tuple[str, str] | None]]:
    kinds = ((f"{field}.{key}", told.get(key)) for key in _CLASSES)
    kind = next(((place, text) for place, text in kinds if isinstance(text, str)), None)
    for key in _WORDS:
        text = told.get(key)
        if isinstance(text, str) and text:
            yield f"{field}.{key}", text, kind
            return
