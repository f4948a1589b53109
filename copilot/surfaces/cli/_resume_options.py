"""What can be done with a run that has stopped, as a choice with its pros and cons."""

from collections.abc import Iterator, Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...types.engine import ResumeOption, ResumeOptions, RoundEstimate
from ._resumed import show_round
from ._shown import PROSE, counted, line, usd


def show_options(console: Console, found: ResumeOptions, names: Mapping[str, str]) -> None:
    """The headline, the three ways to resume and the manual one. *names* are of steps, by path."""
    console.print(Text(line(found.headline, limit=PROSE), style="bold red"))
    console.print(_versions(found), style="dim")
    for option in found.options:
        console.print(Text(f"\n{option.title}", style="bold"))
        table = Table.grid(padding=(0, 2))
        for sign, words in _rows(option):
            table.add_row(Text(f"  {sign}", style="dim"), Text(line(words, limit=PROSE)))
        console.print(table)
        if option.report is not None:
            show_round(console, option.report, names)
            command = f"ask-copilot resume {line(found.execution_id)} --mode {option.mode}"
            console.print(Text(f"  {command}"))
    console.print(Text(f"\n{found.edit.title}", style="bold"))
    workflow = line(found.workflow_id)
    console.print(Text("  Edit the steps in a file, and run it:"))
    console.print(Text(f"  ask-copilot export {workflow} > {workflow}.yaml"))
    console.print(Text(f"  ask-copilot run {workflow}.yaml"))


def _versions(found: ResumeOptions) -> str:
    if found.ran_version == found.next_version:
        return f"It runs again with version {found.next_version} of the workflow, as before."
    return f"It ran version {found.ran_version} and runs again with version {found.next_version}."


def _rows(option: ResumeOption) -> Iterator[tuple[str, str]]:
    yield from (("+", pro) for pro in option.pros)
    yield from (("-", con) for con in option.cons)
    if option.refused is not None:
        yield "not possible", option.refused
    if option.estimate is not None:
        yield "takes about", _estimate(option.estimate)


def _estimate(one: RoundEstimate) -> str:
    time = "a time nobody knows yet" if one.milliseconds is None else _time(one.milliseconds)
    tokens = "unknown tokens" if one.tokens is None else counted(one.tokens, "token")
    cost = "cost unknown" if one.cost_usd is None else usd(one.cost_usd)
    never = f" (never succeeded yet: {', '.join(one.unknown)})" if one.unknown else ""
    return f"{time}, {tokens}, {cost}{never}"


def _time(milliseconds: int) -> str:
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"
