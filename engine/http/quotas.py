"""Quotas of a workspace's accounts over HTTP: how far they are used, and limits of its own."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict

from ..quota import Override, Window
from ..run.allowances import AccountAllowances, WaitingRun
from .fields import STORABLE, Asking, Id

router = APIRouter(prefix="/quotas", tags=["quotas"])

#: The name of an account may hold a slash.
Account = Annotated[str, Path(pattern=STORABLE, max_length=200)]


class NewLimit(Override):
    """What the limit of one account is to be."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"limit": 80, "timezone": "Europe/Paris"}]}
    )


class QuotaList(BaseModel):
    accounts: list[AccountAllowances]


class WaitingList(BaseModel):
    runs: list[WaitingRun]


@router.get("")
def list_quotas(asking: Asking) -> QuotaList:
    """Every account with its limits, what is used of them, and when they reset."""
    return QuotaList(accounts=list(asking.quotas.list()))


@router.get("/waiting")
def list_waiting_runs(asking: Asking) -> WaitingList:
    """Runs that go on by themselves when their quota resets, the next first; at most 200."""
    return WaitingList(runs=list(asking.quotas.waiting()))


@router.put("/{integration:path}/{unit}/{window}")
def put_quota(
    integration: Account, unit: Id, window: Window, body: NewLimit, asking: Asking
) -> AccountAllowances:
    """Say what the limit is for this account; null lifts it."""
    return asking.quotas.override(integration, f"{unit}/{window}", body)


@router.delete("/{integration:path}/{unit}/{window}")
def delete_quota(
    integration: Account, unit: Id, window: Window, asking: Asking
) -> AccountAllowances:
    """Go back to the limit that is known of the service."""
    return asking.quotas.restore(integration, f"{unit}/{window}")
