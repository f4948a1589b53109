"""Why runs failed: of our engine, of other systems, one by one and over time."""

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool
from pydantic.json_schema import SkipJsonSchema

from ...postmortem import as_markdown
from ...types import Report, RunRecord
from ...types.consultation import StoredPrompt
from ...types.debug import DebugView
from ...types.insight import FailureGroup, FailureSummary
from ...types.page import Page
from .caller import Asking, Cursor, Id, Limit, WorkflowFilter
from .forms import JSON, OR_MARKDOWN, Accept, answer
from .waiting import waiting

router = APIRouter(tags=["analyses"])

_EXAMPLE: dict[str, Any] = {
    "source": "airflow",
    "execution_id": "nightly-load-2026-11-20",
    "workflow_id": "nightly-load",
    "workflow_name": "Nightly load",
    "status": "failed",
    "steps": [
        {
            "number": 1,
            "path": "/fetch_orders",
            "action": "http_request",
            "status": "failed",
            "error": {"message": "401 Unauthorized: token expired", "type": "HTTPError"},
        }
    ],
}


RequireModel = Annotated[
    StrictBool,
    Field(
        description="Have a model asked although the rules are sure; credits for the rules alone"
        " are not enough then."
    ),
]


class ForeignRun(RunRecord):
    """A run of another system. The workspace is that of the key."""

    workspace_id: Annotated[SkipJsonSchema[str], Field(max_length=0)] = ""


class ForeignAnalysis(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"run": _EXAMPLE}]})

    run: ForeignRun
    require_model: RequireModel = False


class HowToAnalyze(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"require_model": True}]}
    )

    require_model: RequireModel = False


class Patterns(BaseModel):
    patterns: list[FailureGroup]


@router.post("/executions/{execution_id}/analyze")
async def analyze_execution(
    execution_id: Id, asking: Asking, body: HowToAnalyze | None = None
) -> Report:
    """Why the run failed and what to do. The same answer again costs nothing."""
    require_model = body is not None and body.require_model
    return await waiting(asking.analyses.analyze, execution_id, require_model=require_model)


@router.get("/executions/{execution_id}/prompt")
def get_prompt(execution_id: Id, asking: Asking) -> StoredPrompt:
    """The exact words a model was asked with about the run; if none was, those it would be."""
    return asking.analyses.prompt(execution_id)


@router.post("/analyses", status_code=201)
async def analyze_foreign_run(body: ForeignAnalysis, asking: Asking) -> Report:
    """The same for a run of another system; its fixes are in words."""
    run = body.run.model_dump() | {"workspace_id": asking.principal.workspace_id}
    return await waiting(
        asking.analyses.analyze_foreign,
        RunRecord.model_validate(run),
        require_model=body.require_model,
    )


@router.get("/analyses/{analysis_id}", response_model=Report, responses=OR_MARKDOWN)
def get_analysis(analysis_id: Id, asking: Asking, response: Response, accept: Accept = JSON) -> Any:
    """A report as it was given or, with `Accept: text/markdown`, as a document for people."""
    found = asking.analyses.report(analysis_id)
    return answer(response, accept, data=found, markdown=as_markdown)


@router.get("/failures")
def list_failures(
    asking: Asking,
    workflow_id: WorkflowFilter = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[FailureSummary]:
    """Failed runs, the newest first."""
    return asking.analyses.failures(workflow_id=workflow_id, cursor=cursor, limit=limit)


@router.get("/executions/{execution_id}/debug")
def debug_execution(execution_id: Id, asking: Asking) -> DebugView:
    """A run step by step, what broke first, what followed, what the rules say. It is free."""
    return asking.analyses.debug_run(execution_id)


@router.get("/workflows/{workflow_id}/debug")
def debug_workflow(workflow_id: Id, asking: Asking) -> DebugView:
    """The same of the last run of the workflow that has ended."""
    return asking.analyses.debug(workflow_id)


@router.get("/workflows/{workflow_id}/patterns")
def list_patterns(workflow_id: Id, asking: Asking) -> Patterns:
    """The kinds of failure among the last failed runs, the most frequent first."""
    return Patterns(patterns=list(asking.analyses.patterns(workflow_id)))
