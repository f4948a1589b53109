"""Values that the storage tests are made of; every argument that matters is named at the call."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, create_engine, event

from copilot.pipeline.preview import unified_diff
from copilot.snapshot import Snapshot
from copilot.storage.analyses import FinishedAnalysis, FixDraft, ReuseKey
from copilot.testing import ManualClock
from copilot.types import (
    ErrorRecord,
    FailedStep,
    Failure,
    Pattern,
    Preview,
    Receipt,
    Report,
    RootCause,
    RunRecord,
    RunStatus,
    StepRecord,
    StepStatus,
    Verdict,
)

START = ManualClock().time


def sqlite_engine(path: Path) -> Engine:
    """As the product opens it: write-ahead log, write transactions that lock at once."""
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def prepare(connection, _record):
        connection.isolation_level = "IMMEDIATE"
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA busy_timeout = 10000")

    return engine


def a_failure(
    execution_id: str = "run-1",
    *,
    workspace_id: str = "acme",
    workflow_id: str = "outreach",
    signature: str = "n1:template",
    entities: tuple[tuple[str, str], ...] = (("str", "xyz"),),
    step_path: str | None = "/step3",
    at: datetime = START,
    test_mode: bool = False,
) -> Failure:
    return Failure(
        workspace_id=workspace_id,
        workflow_id=workflow_id,
        workflow_version=1,
        execution_id=execution_id,
        test_mode=test_mode,
        step_path=step_path,
        step_number=3,
        action="send_email",
        error=ErrorRecord(message="Template 'xyz' not found", type="TemplateNotFound"),
        occurred_at=at,
        signature=signature,
        key="template <*> not found",
        label="Template not found",
        entities=entities,
    )


def a_report(failure: Failure, analysis_id: str = "analysis-1") -> Report:
    return Report(
        analysis_id=analysis_id,
        execution_id=failure.execution_id,
        workflow_id=failure.workflow_id,
        headline="Template 'xyz' is missing",
        explanation="Step 3 sends a template that does not exist.",
        root_cause=RootCause.MISSING_TEMPLATE,
        verdict=Verdict.CONFIRMED,
        evidence=(),
        failed_step=FailedStep(
            step_number=3, action="send_email", error="not found", timestamp=failure.occurred_at
        ),
        suggested_fixes=(),
        can_auto_fix=True,
        pattern_detected=Pattern(
            is_pattern=False, error_message="Template not found", failure_count=1, window=1
        ),
        signature=failure.signature,
        label=failure.label,
        created_at=failure.occurred_at,
        receipt=Receipt(credits=0, balance=None, reason="not settled yet"),
    )


def a_reuse_key(failure: Failure, *, context_hash: str = "context-1") -> ReuseKey:
    return ReuseKey(
        workspace_id=failure.workspace_id,
        workflow_id=failure.workflow_id,
        workflow_version=failure.workflow_version,
        step_path=failure.step_path,
        group_root=failure.signature,
        entities=failure.entities,
        context_hash=context_hash,
    )


def a_finished_analysis(
    failure: Failure,
    *,
    key: str = "key-1",
    analysis_id: str = "analysis-1",
    fix_ids: Sequence[str] = ("fix-1",),
    credits: int = 1,
) -> FinishedAnalysis:
    return FinishedAnalysis(
        idempotency_key=key,
        failure=failure,
        report=a_report(failure, analysis_id),
        reuse=a_reuse_key(failure),
        fixes=[
            FixDraft(fix_id=fix_id, fix_type="create_template", fix={"name": "xyz"})
            for fix_id in fix_ids
        ],
        credits=credits,
        reason="answered by the rules",
    )


def a_snapshot(*, workspace_id: str = "acme", workflow_id: str = "outreach") -> Snapshot:
    return Snapshot(
        workspace_id=workspace_id,
        workflow_id=workflow_id,
        version=1,
        definition={"name": "Outreach", "instructions": "Send template 'xyz'."},
        resources={"template": {"Welcome": {"subject": "Hi"}}},
        resource_versions={"template/Welcome": 1},
    )


def adding_a_template(base: Snapshot, *, fix_id: str = "fix-1") -> tuple[Preview, Snapshot]:
    """A fix that creates one template and rewords the instructions."""
    changed = base.evolve(
        definition=base.definition | {"instructions": "Send template 'xyz' once."},
        resource=("template", "xyz", {"subject": "Hello"}),
    )
    diff = unified_diff(base, changed)
    shown = Preview(
        fix_id=fix_id,
        fix_type="create_template",
        base_version=base.version,
        base_digest=base.digest,
        diff=diff,
        summary="The template 'xyz' is created.",
        digest=f"{fix_id}:{base.digest}:{diff}",
    )
    return shown, changed


def a_run(
    execution_id: str = "later-1",
    *,
    version: int | None = 2,
    step: StepStatus | None = StepStatus.SUCCEEDED,
    status: RunStatus = RunStatus.SUCCEEDED,
    test_mode: bool = False,
    workspace_id: str = "acme",
    workflow_id: str = "outreach",
) -> RunRecord:
    """A run in which /step3 ended as *step*; None: it was never reached."""
    steps = [StepRecord(number=1, path="/step1", action="read", status=StepStatus.SUCCEEDED)]
    if step is not None:
        steps.append(StepRecord(number=3, path="/step3", action="send_email", status=step))
    return RunRecord(
        source="engine",
        workspace_id=workspace_id,
        execution_id=execution_id,
        workflow_id=workflow_id,
        workflow_name="Outreach",
        workflow_version=version,
        status=status,
        test_mode=test_mode,
        steps=tuple(steps),
    )
