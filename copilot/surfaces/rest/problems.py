"""Everything that goes wrong, as `application/problem+json` (RFC 9457) with a stable code."""

import json
import logging
import re
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from ...bootstrap import DELIBERATE, UNREACHABLE, InvalidDefinition, is_full
from ...errors import ApprovalRefused, EditedMeanwhile, InvalidCursor, TooManyRequests
from .._errors import ADVICE, http_status
from .wording import in_words

MEDIA_TYPE = "application/problem+json"
LONGEST_DETAIL = 1000
LONGEST_NAME = 100
MOST_ERRORS = 50

_log = logging.getLogger(__name__)
_CODES: Mapping[int, str] = {
    400: "invalid_json",
    404: "not_found",
    405: "method_not_allowed",
}
#: How the engine ends a problem line when it quotes what was written; a value may be a secret.
_QUOTED_VALUE = re.compile(r", not (?:'.*|\".*|-?\d.*|True|False|inf|nan)$")
_LINE_NUMBER = re.compile(r" \(line \d+\)$")
#: How the parts of a place begin that name one of several types, and no field.
_OF_A_TYPE = ("dict[str,", "constrained-")

#: What the arguments of an error are called in its problem; the other errors say all in `detail`.
_FACTS: Mapping[str, tuple[str, ...]] = {
    "already_running": ("run_status",),
    "approval_not_allowed": ("role",),
    "effect_would_repeat": ("paths", "again"),
    "forbidden": ("scope", "role", "persons_only", "reason"),
    "insufficient_credits": ("available", "price"),
    "invalid_input": ("where", "reason", "advice"),
    "invalid_schedule": ("name", "schedule", "reason"),
    "not_a_failed_execution": ("run_status",),
    "not_resumable": ("run_status", "advice"),
    "edited_meanwhile": ("seen_version", "current_version", "fresh_diff", "reason"),
    "stale_base": ("seen_version", "current_version", "fresh_diff"),
    "too_many_requests": ("limit", "retry_after"),
    "unknown_name": ("kind", "name", "near"),
}


class FieldProblem(BaseModel):
    """One field of a request that can't be used; the value is never repeated."""

    field: str = Field(description="Where: body.inputs, query.limit, header.if-match.")
    problem: str


class Problem(BaseModel):
    """What every error answers with. Members that do not apply are absent."""

    type: str = Field(description="A name for this kind of problem, made from the code.")
    title: str
    status: int
    code: str = Field(description="Stable; the texts beside it are not.")
    detail: str | None = None
    advice: str | None = Field(default=None, description="What to do about it.")
    retryable: bool | None = Field(default=None, description="Whether the same may work later.")
    request_id: str | None = Field(default=None, description="Of an internal error, for the log.")
    available: int | None = Field(default=None, description="insufficient_credits: what is left.")
    price: int | None = Field(default=None, description="insufficient_credits: what it costs.")
    fresh_diff: str | None = Field(
        default=None,
        description="stale_base: the change as of now. edited_meanwhile: what was edited.",
    )
    seen_version: int | None = Field(
        default=None,
        description="stale_base: what was approved. edited_meanwhile: what the fix made.",
    )
    current_version: int | None = Field(default=None, description="Of both: what there is.")
    scope: str | None = Field(default=None, description="forbidden: what is missing.")
    role: str | None = Field(
        default=None,
        description="forbidden: the least role that has it. approval_not_allowed: the one to have.",
    )
    persons_only: bool | None = Field(default=None, description="forbidden: never a machine.")
    run_status: str | None = Field(default=None, description="What state the run is in.")
    limit: int | None = Field(default=None, description="too_many_requests: how many a minute.")
    retry_after: int | None = Field(default=None, description="too_many_requests: in seconds.")
    where: str | None = Field(default=None, description="invalid_input: what can't be used.")
    reason: str | None = Field(
        default=None,
        description="invalid_input, invalid_schedule, forbidden: why. edited_meanwhile: what was "
        "edited or is used elsewhere, where it is not the workflow.",
    )
    schedule: str | None = Field(default=None, description="invalid_schedule: as it was written.")
    paths: list[str] | None = Field(
        default=None, description="effect_would_repeat: of the steps that have acted."
    )
    again: list[str] | None = Field(
        default=None,
        description="effect_would_repeat: of other steps of a changed workflow which would act again.",
    )
    kind: str | None = Field(default=None, description="unknown_name: of what.")
    name: str | None = Field(
        default=None,
        description="unknown_name: what was asked for. invalid_schedule: of the workflow.",
    )
    near: list[str] | None = Field(default=None, description="unknown_name: what may be meant.")
    errors: list[FieldProblem] | None = Field(default=None, description="invalid_request.")
    problems: list[str] | None = Field(default=None, description="invalid_definition: all of them.")


def problem(
    code: str,
    *,
    detail: str | None = None,
    retryable: bool = False,
    headers: Mapping[str, str] | None = None,
    **facts: Any,
) -> Response:
    """The answer for *code*; *facts* are further members of `Problem`."""
    status = http_status(code)
    body = _opening(code, status)
    if detail is not None:
        body["detail"] = _clipped(detail, LONGEST_DETAIL)
    if code in ADVICE:
        body["advice"] = ADVICE[code]
    given = {name: value for name, value in facts.items() if value not in (None, "")}
    return _answer({**body, "retryable": retryable, **given}, status=status, headers=headers)


def not_found() -> Response:
    """The same bytes whatever is missing, in whichever workspace it may be after all."""
    return problem("not_found", detail="There is no such thing in this workspace.")


def refusal(error: Any) -> Response:
    """The answer for an error that was raised on purpose, unless it is our fault."""
    if error.code == "not_found":
        return not_found()
    if isinstance(error, InvalidDefinition):
        (lines,) = error.args
        problems = [_without_value(line) for line in lines]
        return problem(error.code, detail="This is not a valid workflow.", problems=problems)
    detail = "The database is busy." if error.code == "store_busy" else str(error)
    return problem(
        error.code,
        detail=detail,
        retryable=error.retryable,
        headers=_when_to_come_back(error),
        **dict(zip(_FACTS.get(error.code, ()), error.args, strict=False)),
        **(
            {"advice": error.advice} if isinstance(error, ApprovalRefused | EditedMeanwhile) else {}
        ),
    )


def unreachable(error: Any) -> Response:
    """The answer while the database gives none, or has no room for what is asked."""
    _log.error("The database does not answer: %s", error.orig)
    if is_full(error):
        return problem(
            "store_unavailable",
            detail="The disk of the database is full.",
            retryable=True,
            headers={"Retry-After": "5"},
        )
    return problem(
        "store_busy",
        detail="The database does not answer.",
        retryable=True,
        headers={"Retry-After": "5"},
    )


def install(app: FastAPI) -> None:
    """Answer everything that is raised with a problem."""
    for kind in DELIBERATE:
        app.add_exception_handler(kind, _deliberate)
    app.add_exception_handler(UNREACHABLE, _unreachable)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _refused_by_framework)
    app.add_exception_handler(Exception, _internal)


async def _deliberate(request: Request, error: Any) -> Response:
    if http_status(error.code) == 500:
        return await _internal(request, error)
    return refusal(error)


def _when_to_come_back(error: Any) -> dict[str, str]:
    """Seconds, for what may work later."""
    if isinstance(error, TooManyRequests):
        _limit, seconds = error.args
        return {"Retry-After": str(seconds)}
    return {"Retry-After": "1"} if error.retryable else {}


async def _unreachable(_request: Request, error: Any) -> Response:
    return unreachable(error)


async def _invalid_request(_request: Request, error: Any) -> Response:
    found: Sequence[Mapping[str, Any]] = error.errors()
    if any(one["loc"][:1] == ("path",) for one in found):
        return not_found()  # nothing can have such an id
    if any(one["type"] == "json_invalid" for one in found):
        return problem("invalid_json", detail="The body is not JSON.")
    if all(one["loc"] == ("query", "cursor") for one in found):
        return refusal(InvalidCursor())
    problems: dict[str, list[str]] = {}
    for one in found[:MOST_ERRORS]:
        problems.setdefault(_place(one["loc"]), []).append(in_words(one))
    # a field that may be one thing or another has a problem for each
    errors = [{"field": field, "problem": " or ".join(said)} for field, said in problems.items()]
    return problem("invalid_request", detail="The request can't be used.", errors=errors)


def _place(parts: Sequence[str | int]) -> str:
    named = [str(part) for part in parts if not str(part).startswith(_OF_A_TYPE)]
    return ".".join(_clipped(part, LONGEST_NAME) for part in named)


async def _refused_by_framework(_request: Request, error: Any) -> Response:
    if error.status_code == 204:  # no refusal, but how a stream that is over is not begun
        return Response(status_code=204, headers=error.headers)
    if error.status_code == 404:
        return not_found()
    code = _CODES.get(error.status_code, "invalid_request")
    details = {
        "invalid_json": "The body is not JSON.",
        "method_not_allowed": "This path does not take this method.",
    }
    return problem(code, detail=details.get(code), headers=error.headers)


async def _internal(request: Request, error: Exception) -> Response:
    """Logs where it happened, not what was said: the words may hold somebody's data."""
    request_id = request.state.request_id
    frames = "".join(traceback.format_tb(error.__traceback__))
    _log.error("Request %s failed with %s:\n%s", request_id, type(error).__qualname__, frames)
    body = _opening("internal_error", 500) | {"request_id": request_id}
    unmarked = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    return _answer(body, status=500, headers={"X-Request-ID": request_id, **unmarked})


def _opening(code: str, status: int) -> dict[str, Any]:
    return {
        "type": f"urn:problem-type:ask-copilot:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "code": code,
    }


def _answer(body: Mapping[str, Any], *, status: int, headers: Mapping[str, str] | None) -> Response:
    # ASCII, because a quoted field name may be text that UTF-8 can't hold.
    content = json.dumps(body).encode("ascii")
    return Response(content, status_code=status, headers=headers, media_type=MEDIA_TYPE)


def _clipped(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _without_value(line: str) -> str:
    number = _LINE_NUMBER.search(line)
    at = number[0] if number else ""
    return _QUOTED_VALUE.sub("", line.removesuffix(at)) + at
