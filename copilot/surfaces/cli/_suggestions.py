"""Suggestions for a terminal: what, what says so, what to do, and the money a step may cost."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...types.suggestion import BudgetForecast, StepBudget, Suggestion, Suggestions
from ._shown import PROSE, cell, counted, line, usd

_STYLES = {"high": "red", "medium": "yellow", "low": "cyan"}
_WIDTH = 20


def show_suggestions(console: Console, found: Suggestions) -> None:
    for one in found.suggestions:
        _show(console, one, found.workflow_id)
    if not found.suggestions:
        console.print("Nothing to suggest.")
    if found.budget is not None:
        _show_budget(console, found.budget)
    if found.note is not None:
        console.print(Text(line(found.note), style="dim"))
    if found.dismissed:
        console.print(Text(f"{counted(found.dismissed, 'suggestion')} dismissed.", style="dim"))


def _show(console: Console, one: Suggestion, workflow_id: str | None) -> None:
    head = Text.assemble(
        (f"{one.severity:<6}", _STYLES[one.severity]),
        f"  {one.kind.value:<9}  ",
        (line(one.title), "bold"),
    )
    console.print(head)
    for fact in one.evidence:
        console.print(Text(f"  {line(fact.text, limit=PROSE)}"))
    what = one.advice if one.summary is None else one.summary
    console.print(Text(f"  → {line(what, limit=PROSE)}"))
    if one.fix_id is not None:
        _command(console, f"ask-copilot fix apply {line(one.fix_id)}")
    if workflow_id is not None:
        _command(
            console,
            f"ask-copilot optimize {line(workflow_id)} --dismiss {line(one.suggestion_id)}",
        )


def _command(console: Console, words: str) -> None:
    console.print(Text(f"  {words}", style="dim"), soft_wrap=True)


def _show_budget(console: Console, budget: BudgetForecast) -> None:
    """Each step's most against its limit."""
    console.print(Text("Budget of one run", style="bold"))
    table = Table.grid(padding=(0, 2))
    for step in budget.steps:
        samples = counted(step.samples, "run") if step.samples else "by the definition"
        table.add_row(
            cell(f"  {step.title}"),
            Text(_bar(step)),
            Text(_range(step)),
            Text(samples, style="dim"),
        )
    console.print(table)
    if budget.per_step_usd is not None:
        console.print(
            Text(
                f"  Such steps cost up to {usd(budget.per_step_usd)}: mean and one standard "
                f"deviation of {counted(budget.samples, 'step')}.",
                style="dim",
            )
        )


def _bar(step: StepBudget) -> str:
    """How much of the limit it may use; nothing where the price is not known."""
    if step.most_cost_usd is None:
        return "?".ljust(_WIDTH)
    share = min(1.0, float(step.most_cost_usd / step.cap_usd))
    filled = max(1 if step.most_cost_usd else 0, round(share * _WIDTH))
    return "█" * filled + "░" * (_WIDTH - filled)


def _range(step: StepBudget) -> str:
    most = "unknown" if step.most_cost_usd is None else f"up to {usd(step.most_cost_usd)}"
    return f"{most} of {usd(step.cap_usd)}"
