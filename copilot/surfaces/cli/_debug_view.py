"""A run at a glance, for a terminal: signs and words carry the meaning, colour only helps."""

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ...types.debug import DebugView, TieredAdvice, TimelineStep, Wait
from ._causes import cause_in_words
from ._shown import PROSE, block, counted, line, moment

_STATES = {
    "good": ("✓", "green"),
    "warning": ("!", "yellow"),
    "bad": ("✗", "red"),
    "idle": ("·", "dim"),
}
_TIERS = "quick: gets it going again; better: repairs the cause; best: keeps it from coming back"
_NAMES = {"quick": "Quick", "better": "Better", "best": "Best"}
_INDENT = "   "


def show_debug(console: Console, view: DebugView) -> None:
    """What broke first, the timeline, why, and what to do about it."""
    _show_head(console, view)
    if view.error is not None:
        console.print(Text(f"✗ {line(view.error.headline, limit=PROSE)}", style="bold red"))
    console.print()
    for step in view.timeline:
        _show_step(console, step, follows=view.error is not None)
    _show_waits(console, view)
    _show_why(console, view)
    _show_advice(console, view.advice)
    _show_next(console, view)


def _show_head(console: Console, view: DebugView) -> None:
    facts = [line(view.status.replace("_", " "))]
    if view.round > 1:
        facts.append(f"round {view.round}")
    if view.started_at and view.completed_at:
        facts.append(_seconds((view.completed_at - view.started_at).total_seconds()))
    console.print(
        Text.assemble(
            (f"{line(view.workflow_id)}: {', '.join(facts)}", "bold"),
            (f"  {line(view.execution_id)}", "dim"),
        )
    )
    for one in view.earlier_rounds:
        where = f"step {one.step_number} ({line(one.name)})" if one.step_number else "no step"
        why = f": {line(one.error)}" if one.error else ""
        console.print(Text(f"  Round {one.round} broke at {where}{why}", style="dim"))


def _show_step(console: Console, step: TimelineStep, *, follows: bool) -> None:
    sign, style = _STATES[step.state]
    margin = "  " + _INDENT * step.depth
    name = line(step.name) if step.depth else f"{step.number}. {line(step.name)}"
    facts = ", ".join(_facts(step, follows=follows))
    console.print(Text.assemble((f"{margin}{sign} {name}", style), (f"  {facts}", "dim")))
    for number, words in enumerate(step.retried, start=1):
        if words != step.error:
            console.print(Text(f"{margin}    attempt {number}: {line(words)}", style="yellow"))
    if step.note:
        console.print(Text(f"{margin}    {line(step.note)}", style="yellow"))
    if step.error:
        console.print(Text(f"{margin}    {line(step.error)}", style="red"))


def _facts(step: TimelineStep, *, follows: bool) -> list[str]:
    facts = [line(step.action)] if step.action and step.action != step.name else []
    if step.restored:
        facts.append(f"kept from round {step.round}")
    elif step.state in {"idle", "warning"} and step.status != "succeeded":
        facts.append("not reached" if step.part == "consequence" else line(step.status))
    if step.execution_time_ms is not None and not step.restored:
        facts.append(_seconds(step.execution_time_ms / 1000))
    if step.attempts > 1:
        facts.append(f"{step.attempts} attempts")
    if follows and step.part == "cause":
        facts.append("failed first")
    if step.part == "consequence" and step.state == "bad":
        facts.append("follows from it")
    return facts


def _show_waits(console: Console, view: DebugView) -> None:
    for one in view.waits:
        console.print(Text(f"  … {_wait(one)}", style="yellow"))


def _wait(wait: Wait) -> str:
    what = "for a quota" if wait.what == "quota" else f"for a person at {line(wait.name)}"
    since = f" since {moment(wait.since)}" if wait.since else ""
    until = f" until {moment(wait.until)}" if wait.until else ""
    how = f" ({line(wait.outcome)})" if wait.outcome and wait.outcome != "waiting" else ""
    return f"{'waits' if wait.outcome == 'waiting' else 'waited'} {what}{since}{until}{how}"


def _show_why(console: Console, view: DebugView) -> None:
    if view.root_cause is None or view.verdict is None:
        return
    console.print()
    console.print(Text(f"Why  {cause_in_words(view.root_cause, view.verdict)}", style="bold"))
    if view.explanation:
        console.print(Padding(Text(block(view.explanation)), (0, 0, 0, 2), expand=False))
    if view.own_entry:
        console.print(Text(f"  Known from your own entry {line(view.entry)}.", style="dim"))
    if view.consequences:
        left = counted(len(view.consequences), "other step")
        console.print(Text(f"  {left} failed or did not run because of it.", style="dim"))


def _show_advice(console: Console, advice: tuple[TieredAdvice, ...]) -> None:
    if not advice:
        return
    console.print()
    console.print(Text("What to do", style="bold"))
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    told: str | None = None
    for one in sorted(advice, key=lambda one: tuple(_NAMES).index(one.tier)):
        name = "" if one.tier == told else _NAMES[one.tier]
        table.add_row(f"  {name}", Text(_alone(one.description)))
        told = one.tier
    console.print(table)
    console.print(Text(f"  {_TIERS}", style="dim"))


def _alone(description: str) -> str:
    """A remedy in another order than it was written in, so without the "Or" before it."""
    words = line(description, limit=PROSE).removeprefix("Or ")
    return words[:1].upper() + words[1:]


def _show_next(console: Console, view: DebugView) -> None:
    if view.report is not None:
        console.print(
            Text(f"Analysed:  ask-copilot report {line(view.report.analysis_id)}", style="dim")
        )
    elif view.root_cause is not None:
        console.print(Text(f"Fixes:  ask-copilot analyze {line(view.execution_id)}", style="dim"))


def _seconds(seconds: float) -> str:
    """'340 ms', '2.4 s', '3 min 5 s'."""
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes:,} min {rest} s"
