"""What has failed again and again: in this workflow, and in those that are built like it."""

from collections.abc import Iterator, Sequence

from ..pipeline.sanitize import one_line
from ..types.insight import FailureGroup
from ..types.outlook import Outlook
from ..types.suggestion import SuggestionEvidence, SuggestionKind
from .draft import Draft, FailureNearby, from_runs, named

MOST_NEARBY = 3


def suggest_own(groups: Sequence[FailureGroup]) -> Iterator[Draft]:
    """Repeated failures of this workflow that nobody has dismissed and that are not resolved."""
    for group in groups:
        life, pattern = group.life, group.pattern
        if not pattern.is_pattern or (life is not None and not life.state.is_open):
            continue
        failures = pattern.failure_count if life is None else life.failures
        newest = f" The newest is {group.executions[0]}." if group.executions else ""
        yield Draft(
            kind=SuggestionKind.PATTERN,
            code="repeated_failure",
            severity="high" if life is not None and life.state.is_urgent else "medium",
            title=f"This agent keeps failing: {one_line(group.label)}",
            evidence=(
                SuggestionEvidence(
                    source="failures",
                    text=f"{pattern.failure_count} of its last {pattern.window} failed runs failed "
                    f"so.{newest}",
                    samples=pattern.failure_count,
                ),
            ),
            advice=pattern.recommendation or "Analyse the newest of these runs and apply its fix.",
            essence=(group.signature,),
            weight=float(failures),
        )


def suggest_nearby(
    groups: Sequence[FailureGroup], nearby: Sequence[FailureNearby]
) -> Iterator[Draft]:
    """Repeated failures of workflows with the same shape that this one has not had."""
    own = {group.signature for group in groups}
    by_kind: dict[str, list[FailureNearby]] = {}
    for one in nearby:
        if one.signature not in own:
            by_kind.setdefault(one.signature, []).append(one)
    shown = sorted(by_kind.values(), key=lambda some: -sum(one.failures for one in some))
    for some in shown[:MOST_NEARBY]:
        failures = sum(one.failures for one in some)
        workflows = named(tuple(one.workflow_id for one in some))
        runs = "1 run" if failures == 1 else f"{failures} runs"
        yield Draft(
            kind=SuggestionKind.PATTERN,
            code="failure_of_similar",
            severity="low",
            title=f"Workflows built like this one keep failing: {one_line(some[0].label)}",
            evidence=(
                SuggestionEvidence(
                    source="failures", text=f"{runs} of {workflows} failed so.", samples=failures
                ),
            ),
            advice="Look at what was found there before this one runs.",
            essence=(some[0].signature,),
            weight=float(failures),
        )


def suggest_shape(outlook: Outlook) -> Iterator[Draft]:
    """Another way to put the steps together that fares more than 20 % better."""
    other = outlook.hints.pattern_comparison
    if other is None:
        return
    hints = outlook.hints
    yield Draft(
        kind=SuggestionKind.PATTERN,
        code="pattern_comparison",
        severity="low",
        title=f"Workflows with as many steps fare better as {other.pattern}",
        evidence=(
            from_runs(_held(other.pattern, other.success_rate, other.samples), other.samples),
            from_runs(_held(hints.pattern, other.own_success_rate, hints.runs), hints.runs),
        ),
        advice=f"See whether the steps can be put together as {other.pattern}.",
        essence=(hints.pattern, other.pattern),
        weight=other.success_rate - other.own_success_rate,
    )


def _held(pattern: str, rate: float, runs: int) -> str:
    return f"As {pattern}, {round(rate * runs)} of {runs} runs succeeded ({rate:.0%})."
