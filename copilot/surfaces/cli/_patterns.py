"""Repeated failures for a terminal: state, rhythm, impact, where else, and what can be done."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from ...types.insight import FailureGroup
from ...types.pattern import CauseBreakdown, Impact, PatternLife, PatternState
from ._lists import say_if_none
from ._shown import PROSE, counted, line, moment, usd

_STYLES = {
    PatternState.NEW: "red",
    PatternState.WORSENING: "red",
    PatternState.REGRESSED: "red",
    PatternState.REPEATING: "yellow",
    PatternState.DISMISSED: "dim",
    PatternState.RESOLVED: "green",
}


def show_patterns(console: Console, groups: Sequence[FailureGroup], *, named: bool) -> None:
    """*named*: the workflow of each too."""
    for one in groups:
        _show_pattern(console, one, named=named)
    say_if_none(
        console, groups, "No repeated failures." if named else "No failures among its last runs."
    )


def _show_pattern(console: Console, one: FailureGroup, *, named: bool) -> None:
    pattern = one.pattern
    where = f"{line(one.workflow_id)}: " if named else ""
    seen = f"{pattern.failure_count} of the last {pattern.window} failed runs: "
    if not pattern.failure_count:
        seen = ""
    head = Text.assemble((f"{where}{seen}", "bold"), line(one.label))
    if one.life is not None:
        head.append(f"  {one.life.state.value}", style=_STYLES[one.life.state])
    console.print(head)
    if pattern.warning and (one.life is None or one.life.state.is_open):
        console.print(Text(f"  ⚠ {line(pattern.warning, limit=PROSE)}", style="yellow"))
    for fact in _facts(one):
        console.print(Text(f"  {line(fact, limit=PROSE)}"))
    if pattern.recommendation:
        console.print(Text(f"  Recommendation: {line(pattern.recommendation, limit=PROSE)}"))
    if one.executions:
        ids = f"  newest: {line(one.executions[0])}  signature: {line(one.signature)}"
        console.print(Text(ids, style="dim"), soft_wrap=True)


def _facts(one: FailureGroup) -> list[str]:
    facts: list[str] = []
    if one.life is not None:
        facts.append(life_line(one.life))
    if one.rhythm is not None and one.rhythm.words:
        facts.append(_sentence(one.rhythm.words))
    if one.impact is not None:
        facts.append(impact_line(one.impact))
    if one.pattern.shared_entities:
        names = ", ".join(f"'{name}'" for name in one.pattern.shared_entities)
        facts.append(f"All of them name {names}.")
    if one.elsewhere is not None:
        facts.append(_sentence(one.elsewhere.words))
    return facts


def life_line(life: PatternLife) -> str:
    """'Worsening since 2026-01-31 14:02:11: 4 of the newer 5 failed runs against 1 of …'"""
    since = f"{life.state.value.capitalize()} since {moment(life.since)}"
    if life.dismissal is not None:
        why = f": {life.dismissal.reason}" if life.dismissal.reason else ""
        return f"{since} by {life.dismissal.by_name}{why}"
    if not life.turns:
        return since
    last = life.turns[0]
    by = f" by {last.by}" if last.by else ""
    return f"{since}{by}: {last.reason}"


def impact_line(impact: Impact) -> str:
    """What it has cost; what is not known is left out, and said of the money."""
    facts = [f"{counted(impact.runs, 'run')} since {moment(impact.since)}"]
    if impact.triggers:
        started = (f"{one.runs} by {one.trigger}" for one in impact.triggers)
        facts.append(f"started {', '.join(started)}")
    if impact.people is not None:
        facts.append("1 person" if impact.people == 1 else f"{impact.people} people")
    if impact.tokens is not None:
        facts.append(counted(impact.tokens, "token") if impact.tokens else "no tokens")
    if impact.credits is not None:
        facts.append(f"{impact.credits:g} credits")
    if impact.cost_usd is not None or impact.tokens != 0:
        facts.append(_cost(impact))
    of = "" if impact.summed >= impact.runs else f" (of the newest {impact.summed})"
    return f"Impact: {'; '.join(facts)}{of}."


def _cost(impact: Impact) -> str:
    if impact.cost_usd is None:
        return "cost unknown"
    if impact.cost_known == impact.summed:
        return usd(impact.cost_usd)
    return f"{usd(impact.cost_usd)} in {counted(impact.cost_known, 'run')}, unknown in the others"


def show_causes(console: Console, found: CauseBreakdown) -> None:
    """One line a root cause with its share and count, then where they come from."""
    where = f" of {line(found.workflow_id)}" if found.workflow_id else ""
    time = f"from {moment(found.since)} to {moment(found.until)}"
    console.print(Text(f"{counted(found.failures, 'failed run')}{where}, {time}", style="bold"))
    for one in found.causes:
        cause = "not analysed" if one.root_cause is None else one.root_cause.value
        share = f"{one.percent:>3} %" if one.percent else " <1 %"
        console.print(Text(f"  {share}  {cause} ({one.failures:,})"))
    if found.failures:
        told = f"{found.analysed:,} of kinds that were analysed, {found.by_rules:,} by the rules just now"
        left = f", {found.not_analysed:,} not analysed" if found.not_analysed else ""
        console.print(Text(f"  {told}{left}.", style="dim"))


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
