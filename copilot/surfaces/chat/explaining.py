"""The tools that say why, and what could be done: the analysis, the pattern, the fixes."""

from knowledge_base.vocabulary import FIX_TYPES

from ...fixes import ALIASES, FIXES
from ...registry import pick
from ...service.protocol import Service
from ...types import Pattern, Report
from .arguments import FixRequest, OfExecution, OfFix, OfWorkflow
from .offers import BY_A_PERSON, diff, how_to_approve, kind_of, propose, what_next
from .results import (
    Analysis,
    Cost,
    FailureKind,
    FixLine,
    Patterns,
    PatternView,
    Previewed,
    Proposals,
)

MOST_NAMES = 10


def analyze_execution(service: Service, args: OfExecution) -> Analysis:
    report = service.analyses.analyze(args.execution_id)
    step = report.failed_step
    return Analysis(
        analysis_id=report.analysis_id,
        execution_id=report.execution_id,
        workflow_id=report.workflow_id,
        headline_text=report.headline,
        message_text=report.message,
        explanation_text=report.explanation,
        root_cause=report.root_cause.value,
        verdict=report.verdict.value,
        failed_step_number=step.step_number,
        failed_step_path_text=step.path,
        failed_action_text=step.action,
        error_text=step.error,
        evidence_text=tuple(one.text for one in report.evidence),
        later_failures=report.later_failures,
        retry_helps=report.retry_helps,
        pattern=_pattern(report.pattern_detected),
        fixes=tuple(
            FixLine(
                fix_id=fix.fix_id,
                type=fix.type,
                kind=kind_of(fix.type),
                tier=fix.tier,
                can_be_applied=fix.auto_fix_available,
                description_text=fix.description,
                only_by_model=fix.only_by_model,
                not_applied_because_text=fix.not_applied_because,
            )
            for fix in report.suggested_fixes
        ),
        produced_by=report.produced_by,
        degraded_reason=report.degraded_reason,
        cost=_cost(report),
        next=_next(report),
    )


def _next(report: Report) -> str:
    if report.can_auto_fix:
        return "propose_fix gives the exact diff of what can be applied."
    if report.already_fixed is not None:
        return "Tell the person that it is fixed already; the run can be resumed with the fix."
    return "No fix of this can be applied from here; tell the person what to do by hand."


def explain_pattern(service: Service, args: OfWorkflow) -> Patterns:
    groups = service.analyses.patterns(args.workflow_id)
    return Patterns(
        workflow_id=args.workflow_id,
        kinds=tuple(
            FailureKind(
                signature=group.signature,
                label_text=group.label,
                pattern=_pattern(group.pattern),
                executions=group.executions,
            )
            for group in groups
        ),
    )


def propose_fix(service: Service, args: FixRequest, *, public_url: str | None = None) -> Proposals:
    wanted = _type_named(args.fix_type)
    report = service.analyses.analyze(args.execution_id)
    proposals = tuple(
        propose(service, fix, public_url=public_url)
        for fix in report.suggested_fixes
        if wanted in (None, fix.type)
    )
    return Proposals(
        execution_id=report.execution_id,
        analysis_id=report.analysis_id,
        headline_text=report.headline,
        proposals=proposals,
        cost=_cost(report),
        next=what_next(proposals),
    )


def preview_fix(service: Service, args: OfFix, *, public_url: str | None = None) -> Previewed:
    preview = service.fixes.preview(args.fix_id)
    return Previewed(
        fix_id=preview.fix_id,
        type=preview.fix_type,
        kind=kind_of(preview.fix_type),
        change=diff(preview),
        approving=how_to_approve(service, preview.fix_id, public_url=public_url),
        next=BY_A_PERSON,
    )


def _type_named(name: str | None) -> str | None:
    """The type that *name* stands for. Raises UnknownName before anything is charged."""
    if name is None:
        return None
    known = {**{one: one for one in (*FIX_TYPES, *FIXES)}, **ALIASES}
    return pick(known, name, kind="fix type")


def _pattern(found: Pattern) -> PatternView:
    return PatternView(
        is_pattern=found.is_pattern,
        failure_count=found.failure_count,
        window=found.window,
        first_occurred=found.first_occurred,
        last_occurred=found.last_occurred,
        shared_names_text=found.shared_entities[:MOST_NAMES],
        warning_text=found.warning,
        recommendation_text=found.recommendation,
    )


def _cost(report: Report) -> Cost:
    receipt = report.receipt
    return Cost(credits=receipt.credits, credits_left=receipt.balance, reason_text=receipt.reason)
