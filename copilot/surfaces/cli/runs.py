"""`run`, `resume`, `cancel` and `status`: workflows carried out, and how far they are."""

import hashlib
import re
import sys
from pathlib import Path
from typing import Any

import click
import yaml
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ...bootstrap import App, dump_workflow, read_workflow, to_data
from ...errors import InvalidInput
from .._errors import Exit
from ._output import console, write_json
from ._render import run_line, show_run
from ._session import answers_errors, place_options, session, settings_for

#: A run that takes longer than this shows a bar.
PATIENCE = 1.0
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
@place_options
@answers_errors
def run(
    workflow: str,
    inputs: tuple[str, ...],
    test_mode: bool,
    timeout: float | None,
    replace: bool,
    data: Path | None,
    workspace: str | None,
    as_json: bool,
) -> None:
    """Run WORKFLOW, a YAML or JSON file or the id of a stored workflow, and wait for its end."""
    settings = settings_for(data, workspace)
    with session(settings, dispatch=True) as app:
        workflow_id = _stored_id(app, workflow, replace=replace)
        execution = app.engine.submit(
            settings.workspace,
            workflow_id,
            inputs=_inputs(inputs),
            user_id=settings.user,
            test_mode=test_mode,
            timeout_seconds=timeout,
        )
        _finish(app, execution.id, as_json=as_json)


@click.command()
@click.argument("execution")
@click.option("--mode", type=MODES, default="full", show_default=True, help="What runs again.")
@place_options
@answers_errors
def resume(
    execution: str, mode: Any, data: Path | None, workspace: str | None, as_json: bool
) -> None:
    """Run a failed EXECUTION again, with the newest version of its workflow, or go on with an
    interrupted one.

    full runs every step; partial keeps the outputs of steps that succeeded; dependencies runs the
    failed step with the steps it needs, then goes on.
    """
    settings = settings_for(data, workspace)
    with session(settings, dispatch=True) as app:
        found = app.engine.execution(settings.workspace, execution)
        if found.status.value in _UNFINISHED:
            click.echo("This run was interrupted; it goes on from where it was.", err=True)
        else:
            app.engine.resume(settings.workspace, execution, mode=mode)
        _finish(app, execution, as_json=as_json)


@click.command()
@click.argument("workflow")
@place_options
@answers_errors
def export(workflow: str, data: Path | None, workspace: str | None, as_json: bool) -> None:
    """Print a stored WORKFLOW as it is now, fixes included, to be edited and run again."""
    settings = settings_for(data, workspace)
    with session(settings) as app:
        stored = app.engine.workflow(settings.workspace, workflow)
    if as_json:
        write_json({"version": stored.version, "definition": to_data(stored.workflow)})
    else:
        click.echo(dump_workflow(stored.workflow), nl=False)


@click.command()
@click.argument("execution")
@place_options
@answers_errors
def cancel(execution: str, data: Path | None, workspace: str | None, as_json: bool) -> None:
    """End a running EXECUTION."""
    settings = settings_for(data, workspace)
    with session(settings) as app:
        ended = app.engine.cancel(settings.workspace, execution)
        if as_json:
            write_json(ended)
        else:
            console().print(run_line(ended))


@click.command()
@click.argument("execution", required=False)
@place_options
@answers_errors
def status(execution: str | None, data: Path | None, workspace: str | None, as_json: bool) -> None:
    """Show how far EXECUTION is, step by step; without one, the latest runs."""
    settings = settings_for(data, workspace)
    with session(settings) as app:
        if execution is None:
            _show_latest(app, as_json=as_json)
        else:
            _show_one(app, execution, as_json=as_json)


def _show_latest(app: App, *, as_json: bool) -> None:
    latest = app.engine.executions(app.settings.workspace, limit=20)
    if as_json:
        write_json(list(latest))
        return
    for one in latest:
        console().print(run_line(one))
    if not latest:
        console().print("No runs yet. Start one with `ask-copilot run workflow.yaml`.")


def _show_one(app: App, execution_id: str, *, as_json: bool) -> None:
    workspace = app.settings.workspace
    execution = app.engine.execution(workspace, execution_id)
    steps = app.engine.steps(workspace, execution_id)
    progress = app.engine.progress(workspace, execution_id)
    if as_json:
        write_json({"execution": execution, "steps": list(steps), "progress": progress})
    else:
        show_run(console(), execution, steps, progress)


def _finish(app: App, execution_id: str, *, as_json: bool) -> None:
    """Wait for the end, show it, and leave with 1 when the run did not succeed."""
    ended = _wait(app, execution_id, quiet=as_json)
    _show_one(app, execution_id, as_json=as_json)
    if ended.status.is_failure and not as_json:
        console().print(f"Why? Ask:  ask-copilot analyze {execution_id}")
    if ended.status.value != "succeeded":
        sys.exit(Exit.RUN_FAILED)


def _wait(app: App, execution_id: str, *, quiet: bool) -> Any:
    workspace = app.settings.workspace
    ended = app.engine.wait(workspace, execution_id, PATIENCE)
    if ended.status.is_terminal:
        return ended
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed} of {task.total} steps"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console(stderr=True), disable=quiet, transient=True) as bar:
        task = bar.add_task("running")
        while not ended.status.is_terminal:
            seen = app.engine.progress(workspace, execution_id)
            bar.update(
                task,
                description=seen.current_stage or "waiting",
                completed=seen.agents_completed,
                total=seen.agents_total,
            )
            ended = app.engine.wait(workspace, execution_id, 0.25)
    return ended


def _stored_id(app: App, workflow: str, *, replace: bool) -> str:
    """The id of a stored workflow; a file becomes a new version when its content is new."""
    path = Path(workflow)
    if not path.suffix and not path.exists():
        return workflow
    parsed = read_workflow(path)
    workspace, identifier = app.settings.workspace, _slug(parsed.name)
    stored = next(
        (one for one in app.engine.workflows(workspace) if one.workflow_id == identifier), None
    )
    if stored is None:
        return app.engine.put_workflow(
            workspace, parsed, workflow_id=identifier, expected_version=0
        ).workflow_id
    if stored.workflow == parsed:
        return identifier
    if not replace and _is_older(app, identifier, stored.version, parsed):
        raise InvalidInput(
            workflow,
            f"it is an older version of {identifier}; version {stored.version} is newer.",
            f"Run the stored one with `ask-copilot run {identifier}`, or add --replace.",
        )
    if not replace and _was_fixed(app, identifier, stored.version):
        raise InvalidInput(
            workflow,
            f"version {stored.version} of {identifier} holds a fix that was applied here.",
            f"Get it with `ask-copilot export {identifier}` and edit that; if your file has the "
            "fix too, add --replace.",
        )
    app.engine.put_workflow(
        workspace, parsed, workflow_id=identifier, expected_version=stored.version
    )
    return identifier


def _is_older(app: App, workflow_id: str, newest: int, parsed: Any) -> bool:
    """Whether the file is how the workflow was before a fix; running it would undo the fix."""
    return any(
        app.engine.workflow(app.settings.workspace, workflow_id, version).workflow == parsed
        for version in range(newest - 1, 0, -1)
    )


def _was_fixed(app: App, workflow_id: str, newest: int) -> bool:
    """Whether the newest version was made by a fix, which another file would silently drop."""
    changes = app.copilot.changes(app.settings.workspace, workflow_id)
    return any(change.version == newest and change.kind == "fix" for change in changes)


def _slug(name: str) -> str:
    """An id people can type; a name without Latin letters gets one that is only its own."""
    spelled = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
    return spelled or f"workflow-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _inputs(given: tuple[str, ...]) -> dict[str, Any]:
    """NAME=VALUE pairs; a value is read as YAML, so that 3 is a number and 'a b' a text."""
    values: dict[str, Any] = {}
    for pair in given:
        name, sign, text = pair.partition("=")
        if not sign or not name:
            raise InvalidInput("--input", f"{pair!r} is not NAME=VALUE.", "")
        try:
            values[name] = yaml.safe_load(text)
        except yaml.YAMLError:
            values[name] = text
    return values
