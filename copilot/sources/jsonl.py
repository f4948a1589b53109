"""Runs of other systems as JSON Lines, in the spellings found in the wild, made into one.

Both of these are the same failed step:

    {"action": "send_email", "status": "failed", "error": "Token expired"}
    {"action": "send_email", "stepStatus": "failed", "result": {"success": false, "error": …}}

Names may be snake_case or camelCase. Nowhere else in the copilot is a second spelling accepted.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any, cast

from pydantic import ValidationError

from ..errors import InvalidInput
from ..types import ErrorRecord, RunRecord, RunStatus, StepRecord, StepStatus
from ..types.frozen import LONGEST_NAME

#: A run longer than this is refused: no orchestrator writes one by accident.
MAX_LINE_CHARS = 20_000_000
MAX_STEPS = 10_000

_RUN_STATUS: Mapping[str, RunStatus] = {
    **{status.value: status for status in RunStatus},
    "success": RunStatus.SUCCEEDED,
    "completed": RunStatus.SUCCEEDED,
    "error": RunStatus.FAILED,
    "failure": RunStatus.FAILED,
    "timeout": RunStatus.TIMED_OUT,
    "canceled": RunStatus.CANCELLED,
    "pending": RunStatus.QUEUED,
}
_STEP_STATUS: Mapping[str, StepStatus] = {
    **{status.value: status for status in StepStatus},
    "success": StepStatus.SUCCEEDED,
    "completed": StepStatus.SUCCEEDED,
    "error": StepStatus.FAILED,
    "failure": StepStatus.FAILED,
    "timed_out": StepStatus.FAILED,
    "timeout": StepStatus.FAILED,
    "cancelled": StepStatus.SKIPPED,
    "queued": StepStatus.PENDING,
    "assigned": StepStatus.PENDING,
}


#: Fields of a run that have a place of their own; all others are its context.
_KNOWN = frozenset(
    [
        "execution_id",
        "id",
        "_id",
        "run_id",
        "workflow_id",
        "agent_id",
        "workflow",
        "workflow_name",
        "agent_name",
        "name",
        "workflow_version",
        "status",
        "trigger",
        "test_mode",
        "started_at",
        "start_time",
        "created_at",
        "finished_at",
        "completed_at",
        "end_time",
        "error",
        "steps",
        "instructions",
        "restrictions",
        "memory",
        "workspace_id",
        "source",
        "credits_used",
        "tokens_used",
    ]
)


def read(lines: Iterable[str], *, source: str, workspace_id: str) -> Iterator[RunRecord]:
    """One run a line; empty lines are skipped. *source* names the file in errors.

    Raises InvalidInput with the line number, the field and what is accepted there.
    """
    for number, line in enumerate(lines, start=1):
        if line.strip():
            where = f"{source}, line {number}"
            yield parse_run(decode(line, where), where=where, workspace_id=workspace_id)


def decode(line: str, where: str) -> Mapping[str, Any]:
    """The JSON object of one line. Raises InvalidInput."""
    if len(line) > MAX_LINE_CHARS:
        raise InvalidInput(where, f"longer than {MAX_LINE_CHARS:,} characters.", "Split the run.")
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(where, _why_not_json(error), "Write one object a line.") from None
    if not isinstance(value, dict):
        raise InvalidInput(where, "not an object.", "Write one object a line.")
    return cast("dict[str, Any]", value)


def _why_not_json(error: ValueError | RecursionError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON, at character {error.pos + 1}."
    return "nested too deeply." if isinstance(error, RecursionError) else "a number is too long."


def parse_run(data: Mapping[str, Any], *, where: str, workspace_id: str) -> RunRecord:
    """One run, whichever of the accepted spellings it uses. Raises InvalidInput."""
    try:
        return _run(data, where=where, workspace_id=workspace_id)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"][:1])) or "a field"
        problem = f"{field[:60]!r} can't be used: {first['msg'][:200]}."
        raise InvalidInput(where, problem, "Correct it, or leave it out.") from None


def _run(data: Mapping[str, Any], *, where: str, workspace_id: str) -> RunRecord:
    fields = _snake(data)
    status = _run_status(fields, where)
    steps = _steps(fields.get("steps"), where)
    error = _error(fields.get("error"), where)
    if status.is_failure and error is None and not any(step.error for step in steps):
        raise InvalidInput(
            where, "a failed run without any error text.", "Give 'error', or one in a step."
        )
    # the end of the place has the line number, which tells the runs of a file apart
    execution_id = (
        _id(fields, where, "execution_id", "id", "_id", "run_id") or where[-LONGEST_NAME:]
    )
    # without a workflow a run stands alone: failures of strangers must not make a pattern
    workflow_id = _id(fields, where, "workflow_id", "agent_id", "agent", "workflow") or execution_id
    return RunRecord(
        source="jsonl",
        workspace_id=workspace_id,
        execution_id=execution_id,
        workflow_id=workflow_id,
        workflow_name=_first(fields, "workflow_name", "agent_name", "name") or workflow_id,
        workflow_version=_version(fields.get("workflow_version")),
        status=status,
        trigger=_trigger(fields.get("trigger")),
        test_mode=fields.get("test_mode") is True,
        started_at=_time(_first(fields, "started_at", "start_time", "created_at")),
        finished_at=_time(_first(fields, "finished_at", "completed_at", "end_time")),
        error=error,
        steps=steps,
        instructions=_first(fields, "instructions"),
        restrictions=_object(fields.get("restrictions")),
        memory=_object(fields.get("memory")),
        context={name: value for name, value in data.items() if _snake_name(name) not in _KNOWN},
    )


def _run_status(fields: Mapping[str, Any], where: str) -> RunStatus:
    spelled = fields.get("status")
    if not isinstance(spelled, str):
        raise InvalidInput(where, "no 'status'.", f"Give one of {', '.join(_RUN_STATUS)}.")
    known = _RUN_STATUS.get(_snake_name(spelled))
    if known is None:
        near = get_close_matches(_snake_name(spelled), _RUN_STATUS, n=1) or sorted(_RUN_STATUS)
        raise InvalidInput(
            where, f"unknown status {spelled[:60]!r}.", f"Did you mean {', '.join(near)}?"
        )
    return known


def _steps(value: Any, where: str) -> tuple[StepRecord, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise InvalidInput(where, "'steps' is not a list.", "Give a list of step objects.")
    items = cast("list[Any]", value)
    if len(items) > MAX_STEPS:
        raise InvalidInput(where, f"more than {MAX_STEPS:,} steps.", "Split the run.")
    return tuple(_step(item, number, where) for number, item in enumerate(items, start=1))


def _step(value: Any, number: int, where: str) -> StepRecord:
    place = f"{where}, step {number}"
    if not isinstance(value, dict):
        raise InvalidInput(place, "not an object.", "Give 'action', 'status' and 'error'.")
    fields = _snake(cast("dict[str, Any]", value))
    result: Any = fields.get("result")
    inner = _snake(cast("dict[str, Any]", result)) if isinstance(result, dict) else {}
    error = _error(fields.get("error"), place) or _error(inner.get("error"), place)
    finished = _time(_first(fields, "finished_at", "completed_at", "timestamp"))
    return StepRecord(
        number=number,
        path=_id(fields, place, "path") or f"/step{number}",
        action=_first(fields, "action", "type", "name", "id") or f"step {number}",
        name=_first(fields, "name"),
        status=_step_status(fields, inner, error=error, place=place),
        error=error,
        started_at=_time(_first(fields, "started_at", "start_time")),
        finished_at=finished,
        credits_used=_number(fields.get("credits_used")),
        tokens=_version(fields.get("tokens_used")),
        output=_output(fields, inner),
    )


def _output(fields: Mapping[str, Any], inner: Mapping[str, Any]) -> Any:
    """What a step gave: its output or result, or what is beside the error in a result."""
    if (output := fields.get("output")) is not None:
        return output
    rest = {name: value for name, value in inner.items() if name not in ("success", "error")}
    return rest or (None if inner else fields.get("result"))


def _step_status(
    fields: Mapping[str, Any], inner: Mapping[str, Any], *, error: ErrorRecord | None, place: str
) -> StepStatus:
    spelled = _first(fields, "step_status", "status")
    if spelled is None:
        failed = inner.get("success") is False or error is not None
        return StepStatus.FAILED if failed else StepStatus.SUCCEEDED
    known = _STEP_STATUS.get(_snake_name(spelled))
    if known is None:
        near = get_close_matches(_snake_name(spelled), _STEP_STATUS, n=1) or sorted(_STEP_STATUS)
        raise InvalidInput(
            place, f"unknown status {spelled[:60]!r}.", f"Did you mean {', '.join(near)}?"
        )
    return known


def _error(value: Any, where: str) -> ErrorRecord | None:
    """An error given as text, or as an object with type, message, stack and fingerprint."""
    if isinstance(value, str):
        return ErrorRecord(message=value) if value.strip() else None
    if not isinstance(value, dict) or not value:
        return None
    fields = _snake(cast("dict[str, Any]", value))
    message = _first(fields, "message", "msg", "detail", "description", "error")
    return ErrorRecord(
        message=message or json.dumps(value, ensure_ascii=False, default=str),
        type=_first(fields, "type", "error_type", "name", "class"),
        traceback=_first(fields, "traceback", "stack", "stack_trace", "stacktrace"),
        fingerprint=_id(fields, where, "fingerprint"),
    )


def _trigger(value: Any) -> str | None:
    if isinstance(value, dict):
        return _first(_snake(cast("dict[str, Any]", value)), "type")
    return value if isinstance(value, str) else None


def _time(value: str | None) -> datetime | None:
    """RFC 3339; a time without a zone is taken as UTC; what can't be read is unknown."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _version(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _object(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _id(fields: Mapping[str, Any], where: str, *names: str) -> str | None:
    """The first of these fields, whole. Raises InvalidInput for one that is too long to be an id."""
    found = _first(fields, *names)
    if found is not None and len(found) > LONGEST_NAME:
        problem = f"{names[0]!r} is longer than {LONGEST_NAME} characters."
        raise InvalidInput(where, problem, "Give a shorter one.")
    return found


def _first(fields: Mapping[str, Any], *names: str) -> str | None:
    """The first of these fields that holds a text (or a number used as an id)."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return None


def _snake(data: Mapping[str, Any]) -> dict[str, Any]:
    return {_snake_name(name): value for name, value in data.items()}


def _snake_name(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name[:100]).replace("-", "_").lower().strip()
