"""The engine's refusals as a server sends them, made the engine's own again."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import Any, cast

from engine.errors import (
    AlreadyExists,
    AlreadyRunning,
    ApprovalClosed,
    ApprovalNotAllowed,
    BudgetExceeded,
    EffectWouldRepeat,
    EngineError,
    InvalidCursor,
    InvalidData,
    InvalidDefinition,
    InvalidParameters,
    InvalidSchedule,
    NotFound,
    NotResumable,
    PreconditionRequired,
    RequestKeyReused,
    StaleVersion,
    UnserializableValue,
    WorkflowPaused,
)
from engine.quota import split_name

from .sentences import Sentence

_SENTENCES: Mapping[str, Sentence[EngineError]] = MappingProxyType(
    {
        "already_exists": Sentence(AlreadyExists, str),
        "approval_closed": Sentence(ApprovalClosed, str),
        "budget_exceeded": Sentence(BudgetExceeded, str),
        "invalid_cursor": Sentence(InvalidCursor),
        "invalid_data": Sentence(InvalidData, str),
        "invalid_parameters": Sentence(InvalidParameters, str),
        "precondition_required": Sentence(PreconditionRequired, str),
        "request_key_reused": Sentence(RequestKeyReused),
        "stale_version": Sentence(StaleVersion, str, int, int),
        "unserializable_value": Sentence(UnserializableValue, str, str),
    }
)


def missing(kind: str) -> Callable[[], EngineError]:
    """Makes what the engine raises where there is no such *kind*."""
    return partial(NotFound, kind)


def unit_and_window(name: str) -> tuple[str, str]:
    """Of a quota's name. Raises InvalidParameters as the engine does, and for what has no address."""
    try:
        unit, window = split_name(name)
    except ValueError as error:
        raise InvalidParameters(f"{error}.", parameter="name") from None
    if "/" in unit:
        raise InvalidParameters(f"The unit in {name!r} holds a slash.", parameter="name")
    return unit, window


def engine_error(code: str, detail: str, facts: Mapping[str, Any]) -> EngineError | None:
    """The engine's error for *code*; None when no request can be answered with it."""
    match code, facts:
        case InvalidDefinition.code, _:
            return InvalidDefinition(tuple(facts.get("problems") or (detail,)))
        case AlreadyRunning.code, {"run_status": str(status)}:
            return AlreadyRunning(status)
        case NotResumable.code, {"run_status": str(status)}:
            return NotResumable(status, facts.get("advice", ""))
        case ApprovalNotAllowed.code, _:
            return ApprovalNotAllowed(facts.get("role", ""))
        case EffectWouldRepeat.code, {"paths": paths}:
            again = cast("list[str]", facts.get("again", []))
            told = (tuple(again),) if again else ()
            return EffectWouldRepeat(tuple(cast("list[str]", paths)), *told)
        case InvalidSchedule.code, {"schedule": str(schedule), "reason": str(reason)}:
            return InvalidSchedule(facts.get("name", ""), schedule, reason)
        case WorkflowPaused.code, _:
            return _paused(detail)
        case _:
            sentence = _SENTENCES.get(code)
            return None if sentence is None else sentence.read(detail)


#: The words show the minute; that is what is known here.
_PAUSED = re.compile(
    r"This workflow was paused(?: by (.+?))? on (\d{4}-\d\d-\d\d) at (\d\d:\d\d) UTC"
    r"(?: \((.*)\))?\. [^)]*",
    re.DOTALL,
)


def _paused(detail: str) -> WorkflowPaused | None:
    found = _PAUSED.fullmatch(detail)
    if found is None:
        return None
    by, day, minute, reason = found.groups()
    at = datetime.fromisoformat(f"{day}T{minute}").replace(tzinfo=UTC)
    return WorkflowPaused(by, at, reason or "")
