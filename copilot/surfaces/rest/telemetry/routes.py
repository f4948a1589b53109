"""Which route answered a request, as it is written in the code: never the path that was asked for."""

from collections.abc import Sequence
from typing import Any

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute
from starlette.types import Scope

#: Of a request that found no route, or was refused before it could.
NO_ROUTE = "none"


class Templates:
    """Paths with their parameters in braces, looked up by the function that answered."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        """routes: may still grow until the first request."""
        self._routes = routes
        self._by_endpoint: dict[tuple[Any, frozenset[str]], str] | None = None

    def of(self, scope: Scope) -> str:
        """The template of the route that *scope* went through, `NO_ROUTE` without one."""
        if self._by_endpoint is None:
            self._by_endpoint = dict(_templates(self._routes))
        parameters = frozenset(scope.get("path_params", ()))
        return self._by_endpoint.get((scope.get("endpoint"), parameters), NO_ROUTE)


def _templates(routes: Sequence[BaseRoute]) -> list[tuple[tuple[Any, frozenset[str]], str]]:
    return [
        ((context.endpoint, frozenset(context.param_convertors)), context.path_format)
        for context in iter_route_contexts(routes)
        if context.endpoint is not None and context.path_format is not None
    ]
