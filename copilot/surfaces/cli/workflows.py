"""`workflows` and `export`: what is stored, in which versions, whether it may start runs, and what
earlier runs suggest."""

import click

from ...errors import InvalidInput
from ...settings import Settings
from ...types.engine import WorkflowRecord
from ._definitions import exported
from ._hints import show_hints
from ._lists import show_versions, show_workflows
from ._output import console, write_json
from ._session import on_workspace, service
from ._shown import line


@click.group(invoke_without_command=True)
@on_workspace
@click.pass_context
def workflows(context: click.Context, settings: Settings, as_json: bool) -> None:
    """List the stored workflows, each with its newest version."""
    if context.invoked_subcommand is not None:
        return
    with service(settings) as asked:
        found = asked.workflows.list()
    if as_json:
        write_json({"workflows": list(found)})
    else:
        show_workflows(console(), found)


@workflows.command()
@click.argument("workflow")
@on_workspace
def versions(workflow: str, settings: Settings, as_json: bool) -> None:
    """List all versions of WORKFLOW, the newest first."""
    with service(settings) as asked:
        found = asked.workflows.versions(workflow)
    if as_json:
        write_json({"versions": list(found)})
    else:
        show_versions(console(), found)


@workflows.command()
@click.argument("workflow")
@on_workspace
def hints(workflow: str, settings: Settings, as_json: bool) -> None:
    """Say what earlier runs suggest for WORKFLOW: budget, documents, runtime, how it is built.

    They come from runs of the workflows that are put together as it is. Fewer than three say
    nothing yet.

    For example: ask-copilot workflows hints outreach
    """
    with service(settings) as asked:
        found = asked.workflows.hints(workflow)
    if as_json:
        write_json(found)
    else:
        show_hints(console(), found)


@workflows.command()
@click.argument("workflow")
@click.option("--reason", default="", help="Shown to whoever wants to start it.")
@on_workspace
def pause(workflow: str, reason: str, settings: Settings, as_json: bool) -> None:
    """Start no new run of WORKFLOW until it is unpaused; what runs goes on.

    For example: ask-copilot workflows pause outreach --reason "Template is missing"
    """
    with service(settings) as asked:
        paused = asked.workflows.pause(workflow, reason=reason)
    _show_pause(paused, as_json=as_json)


@workflows.command()
@click.argument("workflow")
@on_workspace
def unpause(workflow: str, settings: Settings, as_json: bool) -> None:
    """Let WORKFLOW start runs again."""
    with service(settings) as asked:
        going = asked.workflows.unpause(workflow)
    _show_pause(going, as_json=as_json)


def _show_pause(workflow: WorkflowRecord, *, as_json: bool) -> None:
    if as_json:
        write_json(workflow)
    elif workflow.paused is None:
        console().print(f"{line(workflow.workflow_id)} may start runs.", markup=False)
    else:
        console().print(
            f"{line(workflow.workflow_id)} starts no new runs. Let it with:", markup=False
        )
        console().print(
            f"  ask-copilot workflows unpause {line(workflow.workflow_id)}", markup=False
        )


@click.command()
@click.argument("workflow")
@click.option("--version", type=click.IntRange(1), help="An older one; the newest by default.")
@on_workspace
def export(workflow: str, version: int | None, settings: Settings, as_json: bool) -> None:
    """Print a stored WORKFLOW as it is now, fixes included, to be edited and run again.

    The first line says which version it is: by it `ask-copilot run` knows that the file holds the
    fixes, and what was stored since.

    For example: ask-copilot export outreach > outreach.yaml
    """
    with service(settings) as asked:
        newest = asked.workflows.get(workflow)
        if version is not None and version > newest.version:
            problem = (
                f"{newest.workflow_id} has no version {version}; the newest is {newest.version}."
            )
            raise InvalidInput("--version", problem, "")
        stored = newest if version is None else asked.workflows.get(workflow, version)
    if as_json:
        write_json({"version": stored.version, "definition": stored.definition})
    else:
        click.echo(exported(stored), nl=False)
