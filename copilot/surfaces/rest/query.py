"""A query parameter that a route does not know is an error: a misspelt filter must not be ignored."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, cast

from fastapi import Request
from fastapi.exceptions import RequestValidationError


async def no_unknown_parameters(request: Request) -> None:
    """Raises RequestValidationError, with the name that was likely meant."""
    if not request.query_params:
        return
    known = _known(request.app.openapi(), request.scope["endpoint"].__name__)
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        raise RequestValidationError(
            [
                {"type": "extra_forbidden", "loc": ("query", name), "msg": _advice(name, known)}
                for name in unknown
            ]
        )


def _known(description: Mapping[str, Any], operation_id: str) -> frozenset[str]:
    """The names that the description of the service gives for an operation."""
    paths = cast("Mapping[str, Mapping[str, Any]]", description["paths"])
    operations = (operation for methods in paths.values() for operation in methods.values())
    found = next(one for one in operations if one["operationId"] == operation_id)
    return frozenset(one["name"] for one in found.get("parameters", ()) if one["in"] == "query")


def _advice(name: str, known: frozenset[str]) -> str:
    near = get_close_matches(name, sorted(known), n=1)
    return f"There is no such parameter. Did you mean {near[0]}?" if near else "There is none."
