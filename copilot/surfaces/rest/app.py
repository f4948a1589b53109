"""The HTTP application: what every request passes, the routes, and a description of both."""

from collections.abc import Mapping
from importlib.metadata import version
from types import MappingProxyType
from uuid import uuid4

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute

from ...bootstrap import App
from ...types.principal import Principal
from . import (
    account,
    analyses,
    fixes,
    groups,
    handoffs,
    health,
    knowledge,
    learning,
    nights,
    notices,
    optimizer,
    patterns,
    problems,
    standing,
    streaming,
    telemetry,
)
from .body import Body
from .description import STATUSES, describe, responses
from .engine import engine_router
from .gate import Gate
from .idempotency import Idempotency
from .permissions import permitted
from .query import no_unknown_parameters
from .rate import RateLimit

WORKSPACE = "/api/workspaces/{workspace_id}"
_NOBODY: Mapping[str, Principal] = MappingProxyType({})


def create_app(app: App, *, local_keys: Mapping[str, Principal] = _NOBODY) -> FastAPI:
    """The application over *app*, which stays open as long as this is used.

    local_keys: keys that live in this process alone, beside the stored ones: the SHA-256 of each in
    hexadecimal, and who it stands for.
    """
    rest = FastAPI(
        title="Ask Copilot",
        version=version("ask-copilot"),
        docs_url=None,  # the pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        # its own would export paths and the words of exceptions; ours is below
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        generate_unique_id_function=_operation_id,
    )
    rest.state.app = app
    _guard(rest, app, local_keys)
    problems.install(rest)
    rest.include_router(health.router)
    rest.include_router(account.outside)
    rest.include_router(_workspace_routes())
    rest.openapi = lambda: describe(rest)
    telemetry.install(rest, app, app.settings)
    return rest


def _guard(rest: FastAPI, app: App, local_keys: Mapping[str, Principal]) -> None:
    """What is added last is passed first."""
    rest.add_middleware(Idempotency, requests=lambda: app.requests, process=uuid4().hex)
    rest.add_middleware(Body)
    rest.add_middleware(
        Gate,
        authenticate=lambda key: app.access.authenticate(key),
        local_keys=local_keys,
        rate=RateLimit(app.settings.requests_per_minute),
    )


def _workspace_routes() -> APIRouter:
    router = APIRouter(
        prefix=WORKSPACE,
        responses=responses(*STATUSES),
        dependencies=[Depends(permitted), Depends(no_unknown_parameters)],
    )
    for resource in (
        analyses,
        streaming,
        groups,
        patterns,
        optimizer,
        fixes,
        handoffs,
        knowledge,
        account,
        nights,
        notices,
        learning,
        standing,
    ):
        router.include_router(resource.router)
    router.include_router(engine_router())
    return router


def _operation_id(route: APIRoute) -> str:
    return route.name
