"""The engine's own routes, for the one who asks."""

from typing import Annotated

from fastapi import APIRouter, Depends

from engine.http import create_router

from ...service.engine import GuardedEngine
from ...service.local import LocalService
from .caller import service


def _opened(asking: Annotated[LocalService, Depends(service)]) -> GuardedEngine:
    return asking.engine


def engine_router() -> APIRouter:
    """Workflows, executions and resources."""
    return create_router(_opened)
