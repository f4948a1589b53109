"""Workflows: stored, listed, read, and replaced by a new version."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from ...bootstrap import (
    LARGEST_DEFINITION,
    StaleVersion,
    StoredWorkflow,
    parse_definition,
    to_data,
)
from ...errors import InvalidInput
from .caller import Asking, Id
from .problems import problem

router = APIRouter(prefix="/workflows", tags=["workflows"])

_ETAG = re.compile(r'"(\d{1,9})"')


class WorkflowDefinition(BaseModel):
    """A definition as JSON data, or as YAML or JSON text."""

    model_config = ConfigDict(extra="forbid")

    definition: dict[str, JsonValue] | Annotated[str, Field(max_length=LARGEST_DEFINITION)]


class NewWorkflow(WorkflowDefinition):
    workflow_id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")] | None = Field(
        default=None, description="Made up when it is absent."
    )


class WorkflowSummary(BaseModel):
    workflow_id: str
    version: int
    name: str
    created_at: AwareDatetime = Field(description="Of this version.")


class WorkflowVersion(WorkflowSummary):
    definition: dict[str, JsonValue]


class WorkflowList(BaseModel):
    workflows: list[WorkflowSummary]


@router.post("", status_code=201, response_model=WorkflowVersion)
def create_workflow(body: NewWorkflow, asking: Asking, response: Response) -> Any:
    """Store a new workflow, as version 1."""
    workflow = parse_definition(body.definition)
    try:
        stored = asking.app.engine.put_workflow(
            asking.workspace_id, workflow, workflow_id=body.workflow_id, expected_version=0
        )
    except StaleVersion:
        return problem("already_exists", detail="There is a workflow with this id.")
    response.headers["Location"] = (
        f"/api/workspaces/{asking.workspace_id}/workflows/{stored.workflow_id}"
    )
    return _answer(stored, response)


@router.get("")
def list_workflows(asking: Asking) -> WorkflowList:
    """The newest version of each, without definitions."""
    stored = asking.app.engine.workflows(asking.workspace_id)
    return WorkflowList(workflows=[WorkflowSummary.model_validate(_summary(one)) for one in stored])


@router.get("/{workflow_id}")
def get_workflow(workflow_id: Id, asking: Asking, response: Response) -> WorkflowVersion:
    """The newest version; its ETag is what PUT wants in If-Match."""
    return _answer(asking.app.engine.workflow(asking.workspace_id, workflow_id), response)


@router.put("/{workflow_id}", response_model=WorkflowVersion)
def replace_workflow(
    workflow_id: Id,
    body: WorkflowDefinition,
    asking: Asking,
    response: Response,
    if_match: Annotated[str | None, Header()] = None,
) -> Any:
    """Store the next version, provided that nobody has stored one since If-Match was read."""
    newest = asking.app.engine.workflow(asking.workspace_id, workflow_id)
    if if_match is None:
        return problem("precondition_required", detail="PUT needs the header If-Match.")
    stored = asking.app.engine.put_workflow(
        asking.workspace_id,
        parse_definition(body.definition),
        workflow_id=workflow_id,
        expected_version=_expected(if_match, newest.version),
    )
    return _answer(stored, response)


def _expected(if_match: str, newest: int) -> int:
    if if_match == "*":
        return newest
    seen = _ETAG.fullmatch(if_match)
    if seen is None:
        raise InvalidInput("If-Match", "this is not one ETag.", 'Send one, like "3".')
    return int(seen[1])


def _answer(stored: StoredWorkflow, response: Response) -> WorkflowVersion:
    response.headers["ETag"] = f'"{stored.version}"'
    return WorkflowVersion.model_validate(
        {**_summary(stored), "definition": to_data(stored.workflow)}
    )


def _summary(stored: StoredWorkflow) -> dict[str, Any]:
    return {
        "workflow_id": stored.workflow_id,
        "version": stored.version,
        "name": stored.workflow.name,
        "created_at": stored.created_at,
    }
