"""`run`, `resume`, `cancel` and `status`: workflows carried out, and how far they are."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click
import yaml
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as ProgressBar

from ...errors import InvalidInput
from ...service import Service
from ...settings import Settings
from ...types.engine import Execution, Progress, StepExecution
from .._errors import Exit
from ._definitions import stored_id
from ._output import console, write_json
from ._render import run_line, show_run
from ._session import on_workspace, service

#: A run that takes longer than this shows a bar, which is drawn anew so often; in seconds.
PATIENCE = 1.0
REDRAW = 0.25
_UNFINISHED = frozenset({"queued", "running"})
MODES = click.Choice(["full", "partial", "dependencies"])


@click.command()
@click.argument("workflow")
@click.option("--input", "inputs", multiple=True, metavar="NAME=VALUE", help="An input of the run.")
@click.option("--test", "test_mode", is_flag=True, help="Count in no pattern and no statistic.")
@click.option("--timeout", type=click.FloatRange(0.1, 86_400), help="Limit of the run in seconds.")
@click.option(
    "--replace", is_flag=True, help="Run an older file although a newer version is stored."
)
@on_workspace
def run(
    workflow: str,
    inputs: tuple[str, ...],
    test_mode: bool,
    timeout: float | None,
    replace: bool,
    settings: Settings,
    as_json: bool,
) -> None:
    """Run WORKFLOW, a YAML or JSON file or the id of a stored workflow, and wait for its end."""
    given = _inputs(inputs)
    with service(settings, dispatch=True) as asked:
        started = asked.executions.start(
            stored_id(asked, workflow, replace=replace),
            inputs=given,
            test_mode=test_mode,
            timeout_seconds=timeout,
        )
        ended = _ended(asked, started.id, quiet=as_json)
    _finish(ended, as_json=as_json)


@click.command()
@click.argument("execution")
@click.option("--mode", type=MODES, default="full", show_default=True, help="What runs again.")
@on_workspace
def resume(execution: str, mode: Any, settings: Settings, as_json: bool) -> None:
    """Run a failed EXECUTION again, with the newest version of its workflow, or go on with an
    interrupted one.

    full runs every step; partial keeps the outputs of steps that succeeded; dependencies runs the
    failed step with the steps it needs, then goes on.
    """
    with service(settings, dispatch=True) as asked:
        found = asked.executions.get(execution)
        if found.status.value in _UNFINISHED:
            click.echo("This run was interrupted; it goes on from where it was.", err=True)
        else:
            asked.executions.resume(execution, mode=mode)
        ended = _ended(asked, execution, quiet=as_json)
    _finish(ended, as_json=as_json)


@click.command()
@click.argument("execution")
@on_workspace
def cancel(execution: str, settings: Settings, as_json: bool) -> None:
    """End EXECUTION; one that has ended stays as it is."""
    with service(settings) as asked:
        ended = asked.executions.cancel(execution)
    if as_json:
        write_json(ended)
    else:
        console().print(run_line(ended))


@click.command()
@click.argument("execution", required=False)
@on_workspace
def status(execution: str | None, settings: Settings, as_json: bool) -> None:
    """Show how far EXECUTION is, step by step; without one, the latest runs."""
    if execution is None:
        with service(settings) as asked:
            latest = asked.executions.list(limit=20).executions
        _show_latest(latest, as_json=as_json)
    else:
        with service(settings) as asked:
            seen = _seen(asked, execution)
        _show(seen, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Seen:
    """All of one run: it is shown when the database is free again, for a reader may be slow."""

    execution: Execution
    steps: Sequence[StepExecution]
    progress: Progress


def _seen(asked: Service, execution_id: str) -> _Seen:
    return _Seen(
        asked.executions.get(execution_id),
        asked.executions.steps(execution_id),
        asked.executions.progress(execution_id),
    )


def _show_latest(latest: Sequence[Execution], *, as_json: bool) -> None:
    if as_json:
        write_json(list(latest))
        return
    for one in latest:
        console().print(run_line(one))
    if not latest:
        console().print("No runs yet. Start one with `ask-copilot run workflow.yaml`.")


def _show(seen: _Seen, *, as_json: bool) -> None:
    if as_json:
        steps = list(seen.steps)
        write_json({"execution": seen.execution, "steps": steps, "progress": seen.progress})
    else:
        show_run(console(), seen.execution, seen.steps, seen.progress)


def _ended(asked: Service, execution_id: str, *, quiet: bool) -> _Seen:
    _wait(asked, execution_id, quiet=quiet)
    return _seen(asked, execution_id)


def _finish(seen: _Seen, *, as_json: bool) -> None:
    """Show a run that has ended, and leave with 1 when it did not succeed."""
    _show(seen, as_json=as_json)
    ended = seen.execution
    if ended.status.is_failure and not as_json:
        console().print(f"Why? Ask:  ask-copilot analyze {ended.id}")
    if ended.status.value != "succeeded":
        sys.exit(Exit.RUN_FAILED)


def _wait(asked: Service, execution_id: str, *, quiet: bool) -> None:
    ended = asked.executions.wait(execution_id, PATIENCE)
    if ended.status.is_terminal:
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed} of {task.total} steps"),
        TimeElapsedColumn(),
    )
    with ProgressBar(*columns, console=console(stderr=True), disable=quiet, transient=True) as bar:
        task = bar.add_task("running")
        while not ended.status.is_terminal:
            seen = asked.executions.progress(execution_id)
            bar.update(
                task,
                description=seen.current_stage or "waiting",
                completed=seen.agents_completed,
                total=seen.agents_total,
            )
            ended = asked.executions.wait(execution_id, REDRAW)


def _inputs(given: tuple[str, ...]) -> dict[str, Any]:
    """NAME=VALUE pairs; a value is read as YAML, so that 3 is a number and 'a b' a text.

    What YAML reads as a date, or as anything else that JSON has no form for, stays the text it is.
    """
    values: dict[str, Any] = {}
    for pair in given:
        name, sign, text = pair.partition("=")
        if not sign or not name:
            raise InvalidInput("--input", f"{pair!r} is not NAME=VALUE.", "")
        try:
            value = yaml.safe_load(text)
            json.dumps(value, allow_nan=False)
        except (yaml.YAMLError, TypeError, ValueError, RecursionError):
            value = text
        values[name] = value
    return values
