"""Waiting for a run to end, with a bar for those who look."""

import time

from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as ProgressBar

from ...service import Service
from ...types.engine import ExecutionStatus
from ._output import console
from ._seen import Seen, seen
from ._shown import line
from ._waits import PAUSED

#: A run that takes longer than this shows a bar, which is drawn anew so often; in seconds.
PATIENCE = 1.0
REDRAW = 0.25


def ended_run(asked: Service, execution_id: str, *, quiet: bool) -> Seen:
    """The run when it has ended or waits, with the fixes that it shows not to have held."""
    _wait(asked, execution_id, quiet=quiet)
    return seen(asked, execution_id, outputs=quiet, judged=True)


def _wait(asked: Service, execution_id: str, *, quiet: bool) -> None:
    if _stands_still(asked.executions.wait(execution_id, PATIENCE).status):
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed} of {task.total} steps"),
        TimeElapsedColumn(),
    )
    with ProgressBar(*columns, console=console(stderr=True), disable=quiet, transient=True) as bar:
        task = bar.add_task("running")
        now = asked.executions.progress(execution_id)
        while not _stands_still(now.status):
            bar.update(
                task,
                description=line(now.current_stage or "waiting"),
                completed=now.agents_completed,
                total=now.agents_total,
            )
            time.sleep(REDRAW)
            now = asked.executions.progress(execution_id)


def _stands_still(status: ExecutionStatus) -> bool:
    """Whether nothing more happens by itself, or not for long."""
    return status.is_terminal or status.value == PAUSED
