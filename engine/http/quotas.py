"""Quotas of a workspace's accounts over HTTP: how far they are used, and limits of its own."""

from collections.abc import Callable
from typing import Annotated, Any, Protocol, cast

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from ..quota import Override, Window
from ..run.allowances import AccountAllowances, WaitingRun, WorkspaceQuotas
from .fields import Id


class HasQuotas(Protocol):
    """A workspace, as far as these routes need it."""

    @property
    def quotas(self) -> WorkspaceQuotas: ...


class QuotaList(BaseModel):
    accounts: list[AccountAllowances]


class WaitingList(BaseModel):
    runs: list[WaitingRun]


def _placed(request: Request) -> WorkspaceQuotas:
    return cast("HasQuotas", request.state.quota_workspace).quotas


Asking = Annotated[WorkspaceQuotas, Depends(_placed)]
router = APIRouter(prefix="/quotas", tags=["quotas"])


@router.get("")
def list_quotas(asking: Asking) -> QuotaList:
    """Every account with its limits, what is used of them, and when they reset."""
    return QuotaList(accounts=list(asking.list()))


@router.get("/waiting")
def list_waiting_runs(asking: Asking) -> WaitingList:
    """Runs that go on by themselves when their quota resets, the next first."""
    return WaitingList(runs=list(asking.waiting()))


@router.put("/{integration}/{unit}/{window}")
def put_quota(
    integration: Id, unit: Id, window: Window, body: Override, asking: Asking
) -> AccountAllowances:
    """Say what the limit is for this account; null lifts it."""
    return asking.override(integration, f"{unit}/{window}", body)


@router.delete("/{integration}/{unit}/{window}")
def delete_quota(integration: Id, unit: Id, window: Window, asking: Asking) -> AccountAllowances:
    """Go back to the limit that is known of the service."""
    return asking.restore(integration, f"{unit}/{window}")


def create_quotas_router(opened: Callable[..., HasQuotas | Any]) -> APIRouter:
    """Every route. *opened* is a dependency that gives the caller's workspace, or raises."""

    def bind(request: Request, workspace: Annotated[Any, Depends(opened)]) -> None:
        request.state.quota_workspace = workspace

    bound = APIRouter(dependencies=[Depends(bind)])
    bound.include_router(router)
    return bound
