"""A service that notes what it is asked and answers from a list, for the chat tools' tests."""

from datetime import UTC, datetime
from decimal import Decimal

from copilot.errors import NotFound
from copilot.types import FailedStep, Pattern, Preview, Receipt, Report, SuggestedFix
from copilot.types.account import RuntimeInfo, SettingValue
from copilot.types.diagnosis import Evidence, RootCause, Verdict
from copilot.types.engine import (
    Execution,
    ExecutionPage,
    ExecutionStatus,
    Progress,
    StepExecution,
)
from copilot.types.insight import FailureGroup, FailureSummary
from copilot.types.page import Page
from copilot.types.principal import Principal, PrincipalKind, Role
from copilot.types.suggestion import (
    Suggestion,
    SuggestionEvidence,
    SuggestionKind,
    Suggestions,
)
from engine.execution import ErrorInfo, StepStatus

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MACHINE = Principal(
    id="key_1", name="chat", workspace_id="acme", kind=PrincipalKind.MACHINE, role=Role.OPERATOR
)


def chat_principal(workspace_id):
    return MACHINE.model_copy(update={"workspace_id": workspace_id})


PERSON = MACHINE.model_copy(update={"kind": PrincipalKind.PERSON, "role": Role.OWNER})
ERROR = "Email template 'Outbound v3' was not found"
DIFF = "--- a/workflow\n+++ b/workflow\n-  template: Outbound v3\n+  template: Outbound v2\n"

#: One call of each tool that succeeds.
CALLS = {
    "list_failures": {},
    "get_execution": {"execution_id": "run_1"},
    "list_runtimes": {},
    "get_settings": {},
    "analyze_execution": {"execution_id": "run_1"},
    "explain_pattern": {"workflow_id": "mail"},
    "optimize_workflow": {"workflow_id": "mail"},
    "propose_fix": {"execution_id": "run_1"},
    "preview_fix": {"fix_id": "fix_1"},
    "set_settings": {"changes": [{"name": "verify_runs", "value": 5}]},
    "pause_workflow": {"workflow_id": "mail", "reason": "it fails every night"},
    "resume_execution": {"execution_id": "run_1", "mode": "partial"},
}


class RecordingService:
    """Answers `group.method` from *answers*: a value, an exception to raise, or a function.

    `asked` has every call that was made. What nobody planned is NotFound, like any unknown id.
    """

    def __init__(self, principal=MACHINE, **answers):
        self.principal = principal
        self.asked = []
        self._answers = {
            **ANSWERS,
            **{name.replace("__", "."): one for name, one in answers.items()},
        }

    def __getattr__(self, group):
        if group.startswith("_"):
            raise AttributeError(group)
        return _Group(self, group)

    def answer(self, name, args, kwargs):
        self.asked.append(name)
        found = self._answers.get(name, NotFound("thing"))
        if isinstance(found, Exception):
            raise found
        return found(*args, **kwargs) if callable(found) else found


class _Group:
    def __init__(self, service, name):
        self._service, self._name = service, name

    def __getattr__(self, method):
        return lambda *args, **kwargs: self._service.answer(f"{self._name}.{method}", args, kwargs)


def pattern(**changes):
    return Pattern(
        is_pattern=True,
        error_message=ERROR,
        failure_count=5,
        window=10,
        first_occurred=NOW,
        last_occurred=NOW,
        shared_entities=("Outbound v3",),
        recommendation="Pause this agent until the template is there",
        warning="This agent has failed 5 times with the same error.",
    ).model_copy(update=changes)


def report(**changes):
    return Report(
        analysis_id="analysis_1",
        execution_id="run_1",
        workflow_id="mail",
        headline=f"Step 2 failed: {ERROR}",
        explanation=ERROR,
        root_cause=RootCause.MISSING_TEMPLATE,
        verdict=Verdict.CONFIRMED,
        evidence=(Evidence(source="message", text=ERROR, entry="missing-template"),),
        failed_step=FailedStep(
            step_number=2, action="render_template", error=ERROR, timestamp=NOW, path="/step2"
        ),
        suggested_fixes=(
            SuggestedFix(
                fix_id="fix_1",
                type="replace_value",
                description="Replace the template",
                action="Replace value",
                tier="quick",
                auto_fix_available=True,
                preview=DIFF,
            ),
            SuggestedFix(type="manual", description="Ask in Settings", action="By hand"),
        ),
        can_auto_fix=True,
        pattern_detected=pattern(),
        signature="n1:0123",
        label="Email template was not found",
        created_at=NOW,
        receipt=Receipt(credits=1, balance=4, reason="analysis"),
    ).model_copy(update=changes)


def preview(**changes):
    return Preview(
        fix_id="fix_1",
        fix_type="replace_value",
        base_version=1,
        base_digest="b" * 64,
        diff=DIFF,
        summary="Takes the template 'Outbound v2'.",
        digest="d" * 64,
    ).model_copy(update=changes)


def failure(number=1, **changes):
    return FailureSummary(
        execution_id=f"run_{number}",
        workflow_id="mail",
        workflow_version=1,
        step_number=2,
        action="render_template",
        label="Email template was not found",
        signature="n1:0123",
        error=ERROR,
        occurred_at=NOW,
        test_mode=False,
    ).model_copy(update=changes)


def execution(**changes):
    return Execution(
        id="run_1",
        workspace_id="acme",
        workflow_id="mail",
        workflow_version=1,
        status=ExecutionStatus.FAILED,
        created_at=NOW,
        updated_at=NOW,
        steps_total=3,
        inputs={"password": "never shown"},
        output="never shown",
        error=error_info(),
    ).model_copy(update=changes)


def error_info(message=ERROR):
    return ErrorInfo(
        type="engine.errors.TemplateNotFound",
        message=message,
        code="template_not_found",
        traceback="never shown",
    )


def step(number=1, **changes):
    return StepExecution(
        path=f"/step{number}",
        step_id=f"step{number}",
        number=number,
        name="Write the mails",
        action="render_template",
        round=1,
        status=StepStatus.FAILED,
        attempts=3,
        error=error_info(),
        output="never shown",
    ).model_copy(update=changes)


def progress():
    return Progress(
        execution_id="run_1",
        status=ExecutionStatus.FAILED,
        current_stage="Write the mails",
        progress_percentage=33,
        agents_completed=1,
        agents_total=3,
        last_updated_at=NOW,
    )


def setting(name="verify_runs", **changes):
    return SettingValue(
        name=name,
        value=5,
        default=3,
        description="Passing runs until a fix counts as verified.",
        type="integer",
        unit="runs",
        minimum=1,
        maximum=100,
        writable=True,
        loosens="down",
    ).model_copy(update=changes)


def suggestions(workflow_id):
    return Suggestions(
        workflow_id=workflow_id,
        version=1,
        suggestions=(
            Suggestion(
                suggestion_id="suggestion_1",
                kind=SuggestionKind.DOCUMENTS,
                code="bind_per_step",
                severity="medium",
                title="6 docs x 3 steps = 18 injections, only 7 needed",
                evidence=(SuggestionEvidence(source="definition", text="Only 'a' names 'b'."),),
                advice="Name each at the steps that use it.",
                fix_type="bind_documents",
                fix_id="fix_1",
                preview=preview(),
            ),
        ),
        dismissed=0,
        budget=None,
        similar_runs=3,
        runs_needed=3,
        note=None,
    )


ANSWERS = {
    "analyses.failures": lambda **_: Page[FailureSummary](items=(failure(),)),
    "analyses.analyze": lambda _id: report(),
    "analyses.patterns": lambda workflow_id: (
        FailureGroup(
            signature="n1:0123",
            label="Email template was not found",
            workflow_id=workflow_id,
            pattern=pattern(),
            executions=("run_1",),
        ),
    ),
    "executions.get": lambda _id: execution(),
    "executions.progress": lambda _id: progress(),
    "executions.steps": lambda _id, **_: (step(),),
    "executions.resume": lambda _id, mode: execution(
        status=ExecutionStatus.QUEUED, round=2, resume_mode=mode, error=None
    ),
    "executions.list": lambda **_: ExecutionPage(executions=(), next_cursor=None),
    "optimizer.suggestions": suggestions,
    "fixes.preview": lambda _id: preview(),
    "account.runtimes": (
        RuntimeInfo(name="offline", available=True, models=(), capabilities=("explain",)),
        RuntimeInfo(name="openai", available=False, reason="no key", models=("m-1",)),
    ),
    "account.settings": (
        setting(),
        setting("offline_credit_cost", writable=False),
        setting("budget_max_daily_cost", value=str(Decimal("12.5")), default=None, type="number"),
    ),
    "account.set_settings": lambda values: (setting(), setting("other")),
    "workflows.pause": lambda _id, reason: None,
}
