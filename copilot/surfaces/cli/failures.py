"""`failures`, `patterns` and `debug`: what went wrong lately, what repeats, one run at a glance."""

import click

from ...settings import Settings
from ._lists import page_options, show_debug, show_failures, show_groups, show_rest
from ._output import console, write_json
from ._session import on_workspace, service


@click.command()
@click.option("--workflow", help="Of this workflow only.")
@page_options
@on_workspace
def failures(
    workflow: str | None, limit: int, cursor: str | None, settings: Settings, as_json: bool
) -> None:
    """List failed runs, the newest first, with the step and the error of each."""
    with service(settings) as asked:
        page = asked.analyses.failures(workflow_id=workflow, cursor=cursor, limit=limit)
    if as_json:
        write_json(page)
        return
    show_failures(console(), page.items)
    show_rest(console(), page.next_cursor)


@click.command()
@click.argument("workflow")
@on_workspace
def patterns(workflow: str, settings: Settings, as_json: bool) -> None:
    """List the kinds of failure among the last failed runs of WORKFLOW, the most frequent first."""
    with service(settings) as asked:
        groups = asked.analyses.patterns(workflow)
    if as_json:
        write_json({"patterns": list(groups)})
    else:
        show_groups(console(), groups)


@click.command()
@click.argument("workflow")
@on_workspace
def debug(workflow: str, settings: Settings, as_json: bool) -> None:
    """Show the last run of WORKFLOW step by step, and what the rules say of it, for nothing.

    Each step is good, was repeated until it was good (!), or is bad; the advice is what is quick,
    what is better, and what is best.
    """
    with service(settings) as asked:
        view = asked.analyses.debug(workflow)
    if as_json:
        write_json(view)
    else:
        show_debug(console(), view)
