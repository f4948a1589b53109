"""What OpenAPI says of the service: the routes' own words, and what FastAPI can't know."""

from typing import Any, cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ...storage.requests import KEPT_FOR
from .examples import examples
from .gate import PUBLIC
from .idempotency import HEADER, KEY_PATTERN, METHODS, REPLAYED
from .permissions import SCOPES, who_may
from .problems import MEDIA_TYPE, Problem

#: In every operation's description; which code a status comes with is in the body.
STATUSES = {
    400: "Not JSON, or not a failed run",
    401: "No key, or one that is not valid",
    402: "Not enough credits",
    403: "This role may not",
    404: "No such thing in this workspace",
    409: "Not in this state; nothing was changed",
    412: "Changed since If-Match was read",
    413: "Body over 2 MB",
    415: "Not JSON, or packed",
    422: "Something in it can't be used",
    428: "If-Match is missing",
    429: "More than this key may ask in a minute",
    500: "Our fault",
    503: "The database does not answer",
}
#: What any request can be answered with, and any that needs a key.
_ANYWHERE = (500, 503)
_BEHIND_THE_GATE = (401, 429, *_ANYWHERE)

_SUMMARY = "Failed workflow runs explained, fixed with approval, and watched."
_KEY_PARAMETER: dict[str, Any] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "The same request with the same key is carried out once; its answer is kept for "
    f"{KEPT_FOR.total_seconds() / 3600:g} hours and given again with {REPLAYED}: true.",
    "schema": {"type": "string", "pattern": KEY_PATTERN},
}
_REPLAYED_HEADER: dict[str, Any] = {
    "description": "There when this is a kept answer, given again.",
    "schema": {"type": "string", "enum": ["true"]},
}
#: Whose answers hold a secret, and so are never kept.
_NEVER_KEPT = frozenset({"create_key"})
_NEW_SECRET = (
    f"The same request with the same key makes no second API key but a new secret for the same "
    f"key_id, without {REPLAYED}; the secret given before stops working. Once that API key has been "
    "used or revoked, it is 409 already_exists, and a new key is a new request."
)
_NO_FIX = (
    "This stores a definition, as a deployment does; it is not a fix, and needs no preview and no "
    "approval. What a suggested fix changes goes through its preview and a person's approval."
)
_STREAM = (
    "A stream counts as one request, however long it lasts. It is ended soon after its key has been "
    "revoked or has expired, and when the server stops."
)
#: What is said of an operation beside its own words.
_NOTES = {
    "create_workflow": _NO_FIX,
    "replace_workflow": _NO_FIX,
    "create_key": _NEW_SECRET,
    "watch_execution": _STREAM,
    "decide_approval": "This answers a step of a run. A suggested fix is approved under fixes.",
}


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems of *statuses*, for a router."""
    return {status: {"model": Problem, "description": STATUSES[status]} for status in statuses}


def describe(rest: FastAPI) -> dict[str, Any]:
    """OpenAPI of *rest*, made once."""
    if rest.openapi_schema is None:
        schema = get_openapi(
            title=rest.title, version=rest.version, summary=_SUMMARY, routes=rest.routes
        )
        schema["components"]["securitySchemes"] = {
            "key": {
                "type": "http",
                "scheme": "bearer",
                "description": "An API key, as `ask-copilot keys create` gives it.",
            }
        }
        schema["security"] = [{"key": []}]
        for path, operations in schema["paths"].items():
            for method, operation in operations.items():
                _complete(operation, method=method.upper(), public=path in PUBLIC)
        forms = schema["components"]["schemas"]
        for name, given in examples().items():
            forms[name]["examples"] = list(given)
        rest.openapi_schema = schema
    return rest.openapi_schema


def _complete(operation: dict[str, Any], *, method: str, public: bool) -> None:
    if public:
        operation["security"] = []
    operation_id: str = operation["operationId"]
    answers = cast("dict[str, Any]", operation["responses"])
    if method in METHODS:
        _accept_key(operation, answers, kept=operation_id not in _NEVER_KEPT)
    told = [operation.get("description", ""), _NOTES.get(operation_id, "")]
    if operation_id in SCOPES:
        told.append(who_may(operation_id))
    operation["description"] = "\n\n".join(filter(None, told))
    for status in _ANYWHERE if public else _BEHIND_THE_GATE:
        answers.setdefault(str(status), {"description": STATUSES[status]})
    for status, answer in answers.items():
        if int(status) >= 400:
            schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
            answer["content"] = {MEDIA_TYPE: schema}


def _accept_key(operation: dict[str, Any], answers: dict[str, Any], *, kept: bool) -> None:
    parameter = _KEY_PARAMETER
    if not kept:
        words = "The same request with the same key makes a new secret for the same API key."
        parameter = _KEY_PARAMETER | {"description": words}
    operation.setdefault("parameters", []).append(parameter)
    for status, answer in answers.items():
        if kept and (int(status) < 300 or int(status) == 409):
            answer.setdefault("headers", {})[REPLAYED] = _REPLAYED_HEADER
