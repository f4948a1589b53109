"""What earlier runs suggest for a workflow."""

from fastapi import APIRouter

from ..observe.stats import Hints
from .fields import Asking, Id

router = APIRouter(prefix="/workflows", tags=["workflows"])


@router.get("/{workflow_id}/hints")
def get_hints(workflow_id: Id, asking: Asking) -> Hints:
    """What runs of workflows of its shape suggest: a budget, documents, a runtime, a pattern."""
    return asking.workflows.hints(workflow_id)
