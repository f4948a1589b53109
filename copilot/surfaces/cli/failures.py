"""`failures` and `debug`: what went wrong lately and why, and one run at a glance."""

from datetime import UTC, datetime, timedelta

import click

from ...errors import NotFound
from ...service import Service
from ...settings import Settings
from ...types.debug import DebugView
from ._debug_view import show_debug
from ._lists import page_options, show_failures, show_rest
from ._output import console, write_json
from ._patterns import show_causes
from ._session import on_workspace, service


@click.command()
@click.option("--workflow", help="Of this workflow only.")
@click.option("--by-cause", is_flag=True, help="Count them by root cause, in shares, instead.")
@click.option(
    "--days",
    type=click.IntRange(1, 366),
    default=30,
    show_default=True,
    help="With --by-cause: those of so many days.",
)
@page_options
@on_workspace
def failures(
    workflow: str | None,
    by_cause: bool,
    days: int,
    limit: int,
    cursor: str | None,
    settings: Settings,
    as_json: bool,
) -> None:
    """List failed runs, the newest first, with the step and the error of each.

    With --by-cause: which share of them failed of which root cause. Of kinds that were never
    analysed the rules say it, for nothing.
    """
    if by_cause:
        _by_cause(workflow, days, settings, as_json=as_json)
        return
    with service(settings) as asked:
        page = asked.analyses.failures(workflow_id=workflow, cursor=cursor, limit=limit)
    if as_json:
        write_json(page)
        return
    show_failures(console(), page.items)
    show_rest(console(), page.next_cursor)


def _by_cause(workflow: str | None, days: int, settings: Settings, *, as_json: bool) -> None:
    until = datetime.now(UTC)
    with service(settings) as asked:
        found = asked.patterns.causes(
            workflow_id=workflow, since=until - timedelta(days=days), until=until
        )
    if as_json:
        write_json(found)
    else:
        show_causes(console(), found)


@click.command()
@click.argument("run", metavar="EXECUTION")
@on_workspace
def debug(run: str, settings: Settings, as_json: bool) -> None:
    """Show a run step by step, what broke first, and what the rules say of it, for nothing.

    EXECUTION is the id of a run, or the id of a workflow: then it is its last run that has ended.
    Each step went well (✓), went well at last or waits (!), failed (✗) or did not run (·); what to
    do is what is quick, what is better, and what is best.
    """
    with service(settings) as asked:
        view = _debugged(asked, run)
    if as_json:
        write_json(view)
    else:
        show_debug(console(), view)


def _debugged(asked: Service, run: str) -> DebugView:
    """Raises NotFound when it is the id of neither."""
    try:
        return asked.analyses.debug(run)
    except NotFound:
        pass
    try:
        return asked.analyses.debug_run(run)
    except NotFound:
        raise NotFound("run, or workflow with a run that has ended,") from None
