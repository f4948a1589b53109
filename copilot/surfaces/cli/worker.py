"""`worker`: carries out runs beside other workers, until told to stop."""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

import click

from ...settings import Settings
from ._output import write_json_line
from ._session import here, on_database, require_this_machine


@click.command()
@on_database
def worker(settings: Settings, as_json: bool) -> None:
    """Carry out runs, until Ctrl-C or SIGTERM.

    On Postgres (ASK_COPILOT_DATABASE_URL) any number of workers share the work with each other
    and with `ask-copilot serve`: start as many as you like, on as many machines as can reach the
    database and the data folder. When one dies, the others go on with its runs. A SQLite file has
    one process, so there a worker takes the place of `serve`.

    For example: ask-copilot worker --data /srv/ask-copilot
    """
    require_this_machine(settings)
    with _stopped_by_signals() as stopped, here(settings, dispatch=True):
        if as_json:
            write_json_line({"status": "working"})
        click.echo("Working. Ctrl-C stops.", err=True)
        stopped.wait()
    click.echo(
        "Stopped. What was under way goes on in another worker, or at the next start.", err=True
    )


@contextmanager
def _stopped_by_signals() -> Generator[threading.Event]:
    """Set by the first signal; a second one does what it always does."""
    stopped = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, before[signal.Signals(number)])
        stopped.set()

    for number in before:
        signal.signal(number, stop)
    try:
        yield stopped
    finally:
        for number, action in before.items():
            signal.signal(number, action)
