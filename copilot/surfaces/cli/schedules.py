"""`schedules`: workflows that are started by the clock, and what comes of it."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from ...settings import Settings
from ...types.engine import ScheduledStart, ScheduleRecord, ScheduleWarning
from ._lists import say_if_none, table_of
from ._output import console, write_json
from ._session import on_workspace, service
from ._shown import PROSE, cell, counted, line, moment

_SKIPPED: Mapping[str, str] = MappingProxyType(
    {
        "overlap": "the start before it had not ended",
        "paused": "the workflow was paused",
        "too_late": "it had waited for a day",
        "refused": "it could not be started",
        "broken_off": "its process was lost, and nobody came for a day",
    }
)


@click.group(invoke_without_command=True)
@on_workspace
@click.pass_context
def schedules(context: click.Context, settings: Settings, as_json: bool) -> None:
    """List the workflows that are started by the clock: next tick, failures in a row, warnings.

    Runs are started by a server or a worker, which looks each minute.

    For example: ask-copilot schedules show outreach
    """
    if context.invoked_subcommand is not None:
        return
    with service(settings) as asked:
        found = asked.schedules.list()
        warned = [(one, asked.schedules.warnings(one.workflow_id)) for one in found]
    if as_json:
        write_json({"schedules": [_with_warnings(*one) for one in warned]})
        return
    for one in warned:
        _show(console(), *one)
    if not found:
        console().print("No workflow has a schedule. A trigger of type schedule gives it one.")


@schedules.command("show")
@click.argument("workflow")
@click.option(
    "--limit", type=click.IntRange(1, 100), default=10, show_default=True, help="How many starts."
)
@on_workspace
def show_schedule(workflow: str, limit: int, settings: Settings, as_json: bool) -> None:
    """Show the schedule of WORKFLOW, and what came of its last ticks.

    Ticks of the last seven days are kept.

    For example: ask-copilot schedules show outreach --limit 50
    """
    with service(settings) as asked:
        found = asked.schedules.get(workflow)
        starts = asked.schedules.starts(workflow, limit=limit)
        warnings = asked.schedules.warnings(workflow)
    if as_json:
        write_json({"schedule": _with_warnings(found, warnings), "starts": list(starts)})
        return
    _show(console(), found, warnings)
    _show_starts(console(), starts)


def _with_warnings(found: ScheduleRecord, warnings: Sequence[ScheduleWarning]) -> dict[str, Any]:
    return {**found.model_dump(mode="json"), "warnings": list(warnings)}


def _show(out: Console, found: ScheduleRecord, warnings: Sequence[ScheduleWarning]) -> None:
    out.print(
        Text.assemble(
            (line(found.workflow_id), "bold"), f"  {line(found.expression)}  {_next(found)}"
        )
    )
    if found.problem:
        out.print(Text(f"  ✗ {line(found.problem, limit=PROSE)}", style="red"))
    if found.failures:
        out.print(Text(f"  ✗ {_streak(found)}", style="red"))
    if found.last_execution_id:
        turns = _turns(found)
        run = f"  last run {line(found.last_execution_id)}{turns}"
        out.print(Text(run, style="dim"), soft_wrap=True)
    for one in warnings:
        out.print(Text(f"  ⚠ {one.severity}: {line(one.message, limit=PROSE)}", style="yellow"))


def _next(found: ScheduleRecord) -> str:
    if found.paused:
        return "paused, starts nothing"
    return "never" if found.next_at is None else f"next {moment(found.next_at)} UTC"


def _streak(found: ScheduleRecord) -> str:
    """'its last 3 runs failed: 2 timeout, 1 step failed; paused soon'."""
    total = sum(found.failures.values())
    runs = "last run" if total == 1 else f"last {total} runs"
    reasons = ", ".join(
        f"{many} {line(reason).replace('_', ' ')}" for reason, many in found.failures.items()
    )
    near = "; the next one may pause it" if found.warned and not found.paused else ""
    return f"its {runs} failed: {reasons}{near}"


def _turns(found: ScheduleRecord) -> str:
    if found.last_turns is None or found.average_turns is None:
        return ""
    return f", {counted(found.last_turns, 'turn')} ({found.average_turns:.1f} on average)"


def _show_starts(out: Console, starts: Sequence[ScheduledStart]) -> None:
    table = table_of(3)
    for one in starts:
        table.add_row(moment(one.tick), cell(_came_of(one)), cell(one.execution_id or ""))
    out.print(table)
    say_if_none(out, starts, "No tick in the last seven days.")


def _came_of(start: ScheduledStart) -> str:
    match start.state.value:
        case "skipped":
            why = _SKIPPED.get(start.note or "", start.note or "")
            return f"skipped: {why}{f' ({start.detail})' if start.detail else ''}"
        case "ended":
            return (start.note or "ended").replace("_", " ")
        case "running":
            return "running"
        case _:
            return f"waits, planned for {moment(start.planned_at)}"
