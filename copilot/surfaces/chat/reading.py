"""The tools that only look: failed runs, one run, runtimes, settings."""

from ...pipeline.sanitize import one_line
from ...service.protocol import Service
from ...types.account import ModelInfo, RuntimeInfo, SettingValue
from ...types.engine import StepExecution
from ...types.insight import FailureSummary
from .arguments import FailureQuery, Nothing, OfExecution
from .results import (
    ExecutionView,
    FailureLine,
    Failures,
    ModelLine,
    RuntimeLine,
    Runtimes,
    SettingLine,
    SettingsView,
    StepLine,
)

PAGE = 10
#: So that a whole page fits and no failure is left out between two cursors.
LONGEST_LINE = 140


def list_failures(service: Service, args: FailureQuery) -> Failures:
    page = service.analyses.failures(
        workflow_id=args.workflow_id, cursor=args.cursor, limit=args.limit or PAGE
    )
    return Failures(
        failures=tuple(_failure(one) for one in page.items), next_cursor=page.next_cursor
    )


def _failure(found: FailureSummary) -> FailureLine:
    return FailureLine(
        execution_id=found.execution_id,
        workflow_id=found.workflow_id,
        workflow_version=found.workflow_version,
        step_number=found.step_number,
        action_text=one_line(found.action, limit=LONGEST_LINE) if found.action else None,
        label_text=one_line(found.label, limit=LONGEST_LINE),
        error_text=one_line(found.error, limit=LONGEST_LINE),
        signature=found.signature,
        occurred_at=found.occurred_at,
        test_mode=found.test_mode,
    )


def get_execution(service: Service, args: OfExecution) -> ExecutionView:
    found = service.executions.get(args.execution_id)
    progress = service.executions.progress(args.execution_id)
    steps = service.executions.steps(args.execution_id, outputs=False)
    return ExecutionView(
        execution_id=found.id,
        workflow_id=found.workflow_id,
        workflow_version=found.workflow_version,
        status=found.status.value,
        round=found.round,
        trigger_text=found.trigger,
        test_mode=found.test_mode,
        progress_percentage=progress.progress_percentage,
        steps_completed=progress.agents_completed,
        steps_total=progress.agents_total,
        created_at=found.created_at,
        started_at=found.started_at,
        completed_at=found.completed_at,
        tokens_used=found.total_tokens_used,
        cost_usd=found.total_cost_usd,
        error_code=found.error.code if found.error else None,
        error_text=found.error.message if found.error else None,
        steps=tuple(_step(step) for step in steps),
    )


def _step(step: StepExecution) -> StepLine:
    return StepLine(
        number=step.number,
        path_text=step.path,
        name_text=step.name,
        action_text=step.action,
        status=step.status.value,
        attempts=step.attempts,
        execution_time_ms=step.execution_time_ms,
        restored=step.restored,
        error_code=step.error.code if step.error else None,
        error_text=step.error.message if step.error else None,
    )


def list_runtimes(service: Service, _args: Nothing) -> Runtimes:
    found = tuple(_runtime(one) for one in service.account.runtimes())
    ready = sum(one.available for one in found)
    return Runtimes(
        runtimes=found,
        next=f"{ready} of {len(found)} are available. There are no runtimes or models but these.",
    )


def _runtime(found: RuntimeInfo) -> RuntimeLine:
    return RuntimeLine(
        name=found.name,
        available=found.available,
        place=found.place,
        reason_text=found.reason,
        note=found.note,
        models=found.models,
        default_model=found.default_model,
        model_facts=tuple(_model(one) for one in found.model_facts),
        capabilities=found.capabilities,
        answered_share=found.answered_share,
        fix_success_rate=found.fix_success_rate,
        median_ms=found.measured.median_ms if found.measured else None,
    )


def _model(found: ModelInfo) -> ModelLine:
    return ModelLine(
        id=found.id,
        input_usd=found.input_usd,
        output_usd=found.output_usd,
        context_tokens=found.context_tokens,
        retires_on=found.retires_on,
    )


def get_settings(service: Service, _args: Nothing) -> SettingsView:
    return SettingsView(settings=tuple(setting(one) for one in service.account.settings()))


def setting(found: SettingValue) -> SettingLine:
    return SettingLine(
        name=found.name,
        value=found.value,
        default=found.default,
        writable=found.writable,
        type=found.type,
        unit=found.unit,
        minimum=found.minimum,
        maximum=found.maximum,
        choices=found.choices,
        loosens=found.loosens,
        description=found.description,
    )
