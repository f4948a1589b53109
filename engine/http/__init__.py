"""The engine over HTTP, for whoever mounts it: paths relative to one workspace, no authentication.

Errors are raised as they are; the application turns them into answers.
"""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from ..tenancy import WorkspaceEngine
from . import approvals, events, executions, quotas, resources, schedules, stats, workflows
from .fields import place

_PARTS = (workflows, stats, schedules, executions, events, approvals, resources, quotas)


def create_router(opened: Callable[..., WorkspaceEngine | Any]) -> APIRouter:
    """Every route. *opened* is a dependency that gives the caller's workspace, or raises."""

    def bind(request: Request, workspace: Annotated[WorkspaceEngine, Depends(opened)]) -> None:
        place(request, workspace)

    router = APIRouter(dependencies=[Depends(bind)])
    for part in _PARTS:
        router.include_router(part.router)
    return router


__all__ = ["create_router"]
