"""What analyses have cost, and what is left."""

from fastapi import APIRouter

from ...types import CreditStatement
from .caller import Asking

router = APIRouter(prefix="/credits", tags=["credits"])


@router.get("")
def get_credits(asking: Asking) -> CreditStatement:
    return asking.copilot.credits(asking.workspace_id)
