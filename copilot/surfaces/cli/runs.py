"""`run`, `resume`, `cancel` and `status`: workflows carried out, and how far they are."""

import json
from collections.abc import Sequence
from typing import Any

import click
import yaml

from ...errors import InvalidInput
from ...service import Service
from ...settings import Settings
from ...types.engine import Execution, ResumeMode
from ._definitions import stored_as
from ._ending import ended_run
from ._output import console, write_json
from ._resume_options import show_options
from ._resumed import show_resumed
from ._retry import MODES
from ._run_view import run_line
from ._seen import finish, seen, show
from ._session import on_workspace, service

_UNFINISHED = frozenset({"queued", "running"})


@click.command()
@click.argument("workflow")
@click.option("--input", "inputs", multiple=True, metavar="NAME=VALUE", help="An input of the run.")
@click.option("--test", "test_mode", is_flag=True, help="Count in no pattern and no statistic.")
@click.option("--timeout", type=click.FloatRange(0.1, 86_400), help="Limit of the run in seconds.")
@click.option("--priority", type=click.IntRange(0, 9), help="0 goes first among those that wait.")
@click.option(
    "--replace", is_flag=True, help="Run an older file although a newer version is stored."
)
@on_workspace
def run(
    workflow: str,
    inputs: tuple[str, ...],
    test_mode: bool,
    timeout: float | None,
    priority: int | None,
    replace: bool,
    settings: Settings,
    as_json: bool,
) -> None:
    """Run WORKFLOW, a YAML or JSON file or the id of a stored workflow, and wait for its end.

    Exits with 0 when the run succeeded, with 1 when it failed, and with 8 when it is paused: it
    then says what it waits for, and which command has it go on.

    For example: ask-copilot run mail.yaml --input limit=20
    """
    given = _inputs(inputs)
    with service(settings, dispatch=True) as asked:
        chosen = stored_as(asked, workflow, replace=replace)
        if not as_json:
            for note in chosen.notes:
                console().print(note, markup=False, soft_wrap=True)
        started = asked.executions.start(
            chosen.workflow_id,
            inputs=given,
            test_mode=test_mode,
            timeout_seconds=timeout,
            priority=priority,
        )
        ended = ended_run(asked, started.id, quiet=as_json)
    finish(ended, as_json=as_json, notes=chosen.notes)


@click.command()
@click.argument("execution")
@click.option("--mode", type=MODES, default="full", show_default=True, help="What runs again.")
@click.option(
    "--repeat-effects", is_flag=True, help="Also do again what was done and can't be repeated."
)
@click.option("--options", "only_options", is_flag=True, help="Show what can be done; do nothing.")
@on_workspace
def resume(
    execution: str,
    mode: Any,
    repeat_effects: bool,
    only_options: bool,
    settings: Settings,
    as_json: bool,
) -> None:
    """Run a failed EXECUTION again, with the newest version of its workflow, or go on with an
    interrupted one.

    full runs every step; partial keeps the outputs of steps that succeeded; dependencies runs the
    failed step with the steps it needs, then goes on. It says what is kept, what runs again and
    why. Exit codes are those of `run`. With --options it only says what each would keep and take.

    For example: ask-copilot resume EXECUTION --mode partial
    """
    if only_options:
        _show_options(execution, settings, as_json=as_json)
        return
    with service(settings, dispatch=True) as asked:
        found = asked.executions.get(execution)
        if found.status.value in _UNFINISHED:
            click.echo("This run has not ended; it goes on from where it was.", err=True)
        else:
            _resume(asked, execution, mode, repeat_effects=repeat_effects, quiet=as_json)
        ended = ended_run(asked, execution, quiet=as_json)
    finish(ended, as_json=as_json)


def _show_options(execution_id: str, settings: Settings, *, as_json: bool) -> None:
    with service(settings) as asked:
        found = asked.executions.resume_options(execution_id)
        steps = asked.executions.steps(execution_id, outputs=False)
    if as_json:
        write_json(found)
    else:
        show_options(console(), found, {one.path: one.name for one in steps})


def _resume(
    asked: Service, execution_id: str, mode: ResumeMode, *, repeat_effects: bool, quiet: bool
) -> None:
    """Start the next round, and say what it makes of those before."""
    before = asked.executions.steps(execution_id, outputs=False)
    resumed = asked.executions.resume(execution_id, mode=mode, repeat_effects=repeat_effects)
    if not quiet:
        show_resumed(console(), resumed, {one.path: one.name for one in before})


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
    """Show how far EXECUTION is, step by step; without one, the latest runs.

    With it: what the run has used against what was expected, and what it waits for.
    """
    if execution is None:
        with service(settings) as asked:
            latest = asked.executions.list(limit=20).executions
        _show_latest(latest, as_json=as_json)
    else:
        with service(settings) as asked:
            found = seen(asked, execution, outputs=as_json)
        show(found, as_json=as_json)


def _show_latest(latest: Sequence[Execution], *, as_json: bool) -> None:
    if as_json:
        write_json(list(latest))
        return
    for one in latest:
        console().print(run_line(one))
    if not latest:
        console().print("No runs yet. Start one with `ask-copilot run workflow.yaml`.")


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
