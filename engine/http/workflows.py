"""Workflows: stored, listed, read, replaced by a new version, paused."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from ..definition import Pause, WorkflowRecord, WorkflowVersionSummary
from .conditions import is_known, required_version, workflow_etag
from .fields import Asking, Body, DefinitionText, Id, address

router = APIRouter(prefix="/workflows", tags=["workflows"])

_GREETING: dict[str, Any] = {
    "name": "Greeting",
    "steps": [
        {
            "id": "greeting",
            "type": "tool",
            "action": "render_template",
            "with": {"body": "Hello {name}", "values": {"name": "Ada"}},
        }
    ],
}
IfMatch = Annotated[str | None, Header(description="The ETag of the version to replace.")]
IfNoneMatch = Annotated[str | None, Header(description="The ETag of what the caller has.")]
Version = Annotated[int, Path(ge=1, le=999_999_999)]


class WorkflowDefinition(Body):
    """A definition as JSON data, or as YAML or JSON text."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"definition": _GREETING}]})

    definition: dict[str, JsonValue] | DefinitionText


class NewWorkflow(WorkflowDefinition):
    """A definition, and the id it is to have."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"workflow_id": "greeting", "definition": _GREETING}]}
    )

    workflow_id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")] | None = Field(
        default=None, description="Made up when it is absent."
    )


class NewPause(Body):
    """Why a workflow is paused."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "Waiting for the new price list"}]}
    )

    reason: Annotated[str, Field(max_length=500)] = ""


class ListedWorkflow(BaseModel):
    """The newest version of one; its definition only if that was asked for."""

    workflow_id: str
    version: int
    name: str
    created_at: AwareDatetime = Field(description="Of this version.")
    paused: Pause | None = None
    definition: dict[str, JsonValue] | None = None


class WorkflowList(BaseModel):
    workflows: list[ListedWorkflow]


class VersionList(BaseModel):
    versions: list[WorkflowVersionSummary]


@router.get("", response_model=WorkflowList)
def list_workflows(asking: Asking, definitions: bool = False) -> Response:
    """The newest version of each, with definitions if asked for."""
    found = [
        ListedWorkflow.model_validate(record.model_dump()) for record in asking.workflows.list()
    ]
    hidden = None if definitions else {"workflows": {"__all__": {"definition"}}}
    text = WorkflowList(workflows=found).model_dump_json(exclude=hidden)
    return Response(text, media_type="application/json")


@router.post("", status_code=201)
def create_workflow(
    body: NewWorkflow, asking: Asking, request: Request, response: Response
) -> WorkflowRecord:
    """Store a new workflow, as version 1. Location is where it is."""
    record = asking.workflows.create(body.definition, workflow_id=body.workflow_id)
    response.headers["Location"] = address(request, record.workflow_id)
    return _tagged(record, response)


@router.get("/{workflow_id}", response_model=WorkflowRecord, responses={304: {}})
def get_workflow(
    workflow_id: Id, asking: Asking, response: Response, if_none_match: IfNoneMatch = None
) -> Any:
    """The newest version; its ETag is what PUT wants in If-Match."""
    return _unless_known(asking.workflows.get(workflow_id), if_none_match, response)


@router.put("/{workflow_id}")
def replace_workflow(
    workflow_id: Id,
    body: WorkflowDefinition,
    asking: Asking,
    response: Response,
    if_match: IfMatch = None,
) -> WorkflowRecord:
    """Store the next version, provided that nobody has stored one since If-Match was read."""
    newest = asking.workflows.get(workflow_id).version
    expected = required_version(if_match, newest=newest, method="PUT")
    record = asking.workflows.replace(workflow_id, body.definition, expected_version=expected)
    return _tagged(record, response)


@router.get("/{workflow_id}/versions")
def list_versions(workflow_id: Id, asking: Asking) -> VersionList:
    """Every version without its definition, the newest first."""
    return VersionList(versions=list(asking.workflows.versions(workflow_id)))


@router.get("/{workflow_id}/versions/{version}", response_model=WorkflowRecord, responses={304: {}})
def get_version(
    workflow_id: Id,
    version: Version,
    asking: Asking,
    response: Response,
    if_none_match: IfNoneMatch = None,
) -> Any:
    """One version; `paused` is the workflow's own."""
    return _unless_known(asking.workflows.get(workflow_id, version), if_none_match, response)


@router.post("/{workflow_id}/pause")
def pause_workflow(
    workflow_id: Id, asking: Asking, response: Response, body: NewPause | None = None
) -> WorkflowRecord:
    """Start no new runs of it but tests. A pause there is already stays as it is."""
    reason = "" if body is None else body.reason
    return _tagged(asking.workflows.pause(workflow_id, reason=reason), response)


@router.post("/{workflow_id}/unpause")
def unpause_workflow(workflow_id: Id, asking: Asking, response: Response) -> WorkflowRecord:
    """Start runs of it again."""
    return _tagged(asking.workflows.unpause(workflow_id), response)


def _tagged(record: WorkflowRecord, response: Response) -> WorkflowRecord:
    response.headers["ETag"] = workflow_etag(record)
    return record


def _unless_known(record: WorkflowRecord, if_none_match: str | None, response: Response) -> Any:
    if is_known(if_none_match, workflow_etag(record)):
        return Response(status_code=304, headers={"ETag": workflow_etag(record)})
    return _tagged(record, response)
