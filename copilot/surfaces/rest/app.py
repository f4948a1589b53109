"""The HTTP application: routes, the gate before them, and a description of both."""

from importlib.metadata import version
from typing import Any, cast

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi

from ...bootstrap import App
from . import approvals, changes, credits, executions, fixes, health, problems, workflows
from .gate import PUBLIC, Gate

#: In every operation's description; which code a status comes with is in the body.
_STATUSES = {
    400: "Not JSON, or not a failed run",
    401: "No token, or another one",
    402: "Not enough credits",
    404: "No such thing in this workspace",
    409: "Not in this state; nothing was changed",
    412: "Changed since If-Match was read",
    413: "Body over 2 MB",
    422: "Something in it can't be used",
    428: "If-Match is missing",
    500: "Our fault",
    503: "The database does not answer",
}


def create_app(app: App, *, token: str) -> FastAPI:
    """The application over *app*, which stays open as long as this is used.

    token: what a client must send; it then acts as the person of the settings, in the workspace of
    the settings and in no other.
    """
    rest = FastAPI(
        title="Ask Copilot",
        version=version("ask-copilot"),
        docs_url=None,  # the pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    rest.state.app = app
    rest.add_middleware(Gate, token=token)
    problems.install(rest)
    rest.include_router(health.router, responses=_described(500, 503))
    rest.include_router(_workspace_routes())
    rest.openapi = lambda: _description(rest)
    return rest


def _workspace_routes() -> APIRouter:
    router = APIRouter(prefix="/api/workspaces/{workspace_id}", responses=_described(*_STATUSES))
    for resource in (workflows, executions, fixes, approvals, changes, credits):
        router.include_router(resource.router)
    return router


def _described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {
        status: {"model": problems.Problem, "description": _STATUSES[status]} for status in statuses
    }


def _description(rest: FastAPI) -> dict[str, Any]:
    """OpenAPI, with what FastAPI can't know: the gate, and the media type of problems."""
    if rest.openapi_schema is None:
        schema = get_openapi(title=rest.title, version=rest.version, routes=rest.routes)
        schema["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        schema["security"] = [{"token": []}]
        for path, operations in schema["paths"].items():
            for operation in operations.values():
                _correct(operation, public=path in PUBLIC)
        rest.openapi_schema = schema
    return rest.openapi_schema


def _correct(operation: dict[str, Any], *, public: bool) -> None:
    if public:
        operation["security"] = []
    for status, answer in cast("dict[str, Any]", operation["responses"]).items():
        if int(status) >= 400:
            answer["content"] = {problems.MEDIA_TYPE: answer["content"].pop("application/json")}
