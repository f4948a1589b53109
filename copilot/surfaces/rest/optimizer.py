"""Suggestions about a workflow before it runs, or about a definition that is being written."""

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from ...bootstrap import LARGEST_DEFINITION
from ...types.suggestion import SuggestionDismissal, Suggestions
from .caller import Asking, Id
from .patterns import Reason
from .problems import problem

router = APIRouter(tags=["workflows"])

_EXAMPLE: dict[str, Any] = {
    "definition": {
        "name": "Greeting",
        "steps": [{"id": "greet", "type": "agent", "prompt": "Greet each of the new customers."}],
    }
}


class Draft(BaseModel):
    """A definition as JSON data, or as YAML or JSON text."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    definition: (
        dict[str, JsonValue] | Annotated[str, Field(max_length=LARGEST_DEFINITION)] | None
    ) = Field(default=None, description="Required.")
    workflow_id: Annotated[str, Field(pattern=r"^[^\x00-\x1f]+$", max_length=200)] | None = Field(
        default=None, description="Of which workflow it is to be the next version, if of any."
    )


@router.post("/workflows/optimize", response_model=Suggestions)
def optimize_definition(asking: Asking, body: Draft | None = None) -> Any:
    """What could be better about a definition; each suggestion with it as changed. Stores nothing."""
    if body is None or body.definition is None:
        return _definition_required()
    return asking.optimizer.optimize(body.definition, workflow_id=body.workflow_id)


@router.get("/workflows/{workflow_id}/optimize")
def optimize_workflow(workflow_id: Id, asking: Asking) -> Suggestions:
    """What could be better about its newest version; each suggestion with a fix where there is one."""
    return asking.optimizer.suggestions(workflow_id)


@router.post("/workflows/{workflow_id}/suggestions/{suggestion_id}/dismiss")
def dismiss_suggestion(
    workflow_id: Id, suggestion_id: Id, asking: Asking, body: Reason | None = None
) -> SuggestionDismissal:
    """Tell it no more until what it is about has grown by a half."""
    reason = "" if body is None else body.reason
    return asking.optimizer.dismiss(workflow_id, suggestion_id, reason=reason)


def _definition_required() -> Response:
    return problem("definition_required", detail="definition is required")
