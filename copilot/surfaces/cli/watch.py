"""`watch`: a run as it happens."""

from collections.abc import Iterator

import click

from ...service import Service
from ...settings import Settings
from ...types.engine import RunEvent
from ._event_lines import EventLines
from ._output import console, write_json_line
from ._run_view import run_line
from ._seen import leave, show_way_to_the_cause
from ._session import is_one_file, on_workspace, service
from ._waits import PAUSED, show_waits, waits_of


@click.command()
@click.argument("execution")
@click.option(
    "--after",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Begin behind the event of this number (`seq`).",
)
@on_workspace
def watch(execution: str, after: int, settings: Settings, as_json: bool) -> None:
    """Show EXECUTION as it happens, one line an event, from its beginning on.

    Ends when the run ends or is paused, with the exit code that `run` has. With --json each event
    is one line of JSON. Without a server and with a SQLite file, it also carries the run out:
    nobody else can.

    For example: ask-copilot watch EXECUTION --after 120
    """
    lines = EventLines()
    with service(settings, dispatch=is_one_file(settings)) as asked:
        for event in _until_it_stands_still(asked, execution, after=after):
            if as_json:
                write_json_line(event.model_dump(mode="json"))
            elif text := lines.text(event):
                console().print(text)
        found = asked.executions.get(execution)
        waits = waits_of(asked, found)
    if not as_json:
        console().print(run_line(found))
        show_waits(console(), found, waits)
        show_way_to_the_cause(found)
    leave(found)


def _until_it_stands_still(asked: Service, execution_id: str, *, after: int) -> Iterator[RunEvent]:
    """Events behind number *after*, until the run has ended or is paused.

    A run that is paused already may have nothing new to tell: it is read from the beginning, up to
    its pause.
    """
    is_paused = asked.executions.get(execution_id).status.value == PAUSED
    for event in asked.events.follow(execution_id, after=0 if is_paused else after):
        if (event.seq or 0) > after:
            yield event
        if event.kind == "execution_paused" and _is_paused(asked, execution_id):
            return


def _is_paused(asked: Service, execution_id: str) -> bool:
    """Now, and not only once: the event may tell of an earlier pause."""
    return asked.executions.get(execution_id).status.value == PAUSED
