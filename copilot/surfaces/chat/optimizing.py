"""The tool that looks at a workflow before it runs: what could be better, and what says so."""

from ...service.protocol import Service
from ...types.suggestion import Suggestion
from .arguments import OfWorkflow
from .offers import BY_A_PERSON, BY_HAND, diff, how_to_approve, kind_of
from .results import Optimized, SuggestionLine

NOTHING = "Nothing speaks for a change. Say so, and what it was looked at for."


def optimize_workflow(
    service: Service, args: OfWorkflow, *, public_url: str | None = None
) -> Optimized:
    found = service.optimizer.suggestions(args.workflow_id)
    lines = tuple(_line(service, one, public_url=public_url) for one in found.suggestions)
    applicable = any(one.approving for one in lines)
    return Optimized(
        workflow_id=args.workflow_id,
        workflow_version=found.version,
        suggestions=lines,
        dismissed=found.dismissed,
        similar_runs=found.similar_runs,
        most_cost_usd=found.budget.most_cost_usd if found.budget else None,
        next=BY_A_PERSON if applicable else BY_HAND if lines else NOTHING,
    )


def _line(service: Service, one: Suggestion, *, public_url: str | None) -> SuggestionLine:
    approving = None
    if one.fix_id is not None:
        approving = how_to_approve(service, one.fix_id, public_url=public_url)
    return SuggestionLine(
        about=one.kind.value,
        severity=one.severity,
        title_text=one.title,
        evidence_text=tuple(fact.text for fact in one.evidence),
        advice_text=one.advice,
        fix_id=one.fix_id,
        kind=None if one.fix_type is None else kind_of(one.fix_type),
        change=None if one.preview is None else diff(one.preview),
        approving=approving,
    )
