"""What earlier runs suggest for a workflow, each with the numbers that say so."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...types.engine import Hints
from ._shown import counted, line, usd


def show_hints(console: Console, hints: Hints) -> None:
    """The hints there are; without any, why."""
    steps = counted(hints.step_count, "step")
    console.print(
        Text.assemble(
            (line(hints.workflow_id), "bold"),
            f"  {line(hints.pattern)}, {steps}, {counted(hints.runs, 'run')} of this kind",
        )
    )
    if hints.note is not None:
        console.print(Text(f"  {line(hints.note)}"))
        return
    table = Table.grid(padding=(0, 2))
    for name, words in _rows(hints):
        table.add_row(Text(f"  {name}", style="dim"), Text(words))
    console.print(table)


def _rows(hints: Hints) -> Iterator[tuple[str, str]]:
    if hints.stats is not None:
        yield "so far", f"{_percent(hints.stats.success_rate)} of its runs succeeded"
    budget = hints.budget
    if budget is None:
        yield "budget", "too few steps with a known cost"
    else:
        spread = f"{usd(budget.mean_usd)} on average, ± {usd(budget.deviation_usd)}"
        samples = counted(budget.samples, "step")
        yield "budget", f"{usd(budget.per_step_usd)} a step that asks a model ({spread}, {samples})"
    if hints.documents is not None and hints.documents.average_documents:
        each = f"({hints.documents.average_documents:.1f} a step on average)"
        advice = (
            "keep them as they are"
            if hints.documents.strategy == "keep"
            else ("name them at the steps that need them, not at the workflow")
        )
        yield "documents", f"{advice} {each}"
    runtime = hints.runtime
    if runtime is not None:
        rate = f"{_percent(runtime.success_rate)} of {counted(runtime.samples, 'step')} succeeded"
        yield "runtime", f"{line(runtime.runtime)} ({rate})"
    other = hints.pattern_comparison
    if other is not None:
        theirs = f"{_percent(other.success_rate)} of {counted(other.samples, 'run')} succeeded"
        own = _percent(other.own_success_rate)
        yield "pattern", f"{line(other.pattern)} fares better: {theirs}, {own} here"


def _percent(rate: float) -> str:
    return f"{rate * 100:.0f} %"
