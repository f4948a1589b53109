"""A workflow as a workspace keeps it: which version, since when, and whether it is paused."""

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from .loader import parse_workflow
from .workflow import Workflow


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Pause(_Record):
    """Why a workflow starts no new runs."""

    by: str | None = Field(description="Who paused it, if anybody is known.")
    reason: str = ""
    at: AwareDatetime


class WorkflowVersionSummary(_Record):
    """One version without its definition."""

    version: int = Field(ge=1)
    name: str
    created_at: AwareDatetime


class WorkflowRecord(WorkflowVersionSummary):
    """One version. `paused` is the workflow's own, the same for every version."""

    workflow_id: str
    definition: dict[str, JsonValue] = Field(description="As a person writes it: no defaults.")
    paused: Pause | None = None

    @property
    def workflow(self) -> Workflow:
        """The definition as the workflow that it is. Raises `InvalidDefinition`."""
        return parse_workflow(self.definition, source="definition")
