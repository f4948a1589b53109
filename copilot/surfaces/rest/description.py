"""What OpenAPI says of the service: the routes' own words, and what FastAPI can't know."""

from typing import Any, cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ...storage.requests import KEPT_FOR
from .gate import PUBLIC
from .idempotency import HEADER, KEY_PATTERN, METHODS
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
#: What even a request without a key can be answered with.
PUBLIC_STATUSES = (500, 503)

_SUMMARY = "Failed workflow runs explained, fixed with approval, and watched."
_KEY_PARAMETER: dict[str, Any] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "The same request with the same key is carried out once; its answer is kept for "
    f"{KEPT_FOR.total_seconds() / 3600:g} hours and given again with Idempotent-Replayed: true.",
    "schema": {"type": "string", "pattern": KEY_PATTERN},
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
        rest.openapi_schema = schema
    return rest.openapi_schema


def _complete(operation: dict[str, Any], *, method: str, public: bool) -> None:
    if public:
        operation["security"] = []
    if method in METHODS:
        operation.setdefault("parameters", []).append(_KEY_PARAMETER)
    for status, answer in cast("dict[str, Any]", operation["responses"]).items():
        if int(status) >= 400 and "content" in answer:
            schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
            answer["content"] = {MEDIA_TYPE: schema}
