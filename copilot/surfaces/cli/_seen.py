"""One run as it is at a moment: asked for as a whole, and shown when the database is free again."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from ...service import Service
from ...types import Outcome
from ...types.engine import Execution, Progress, StepExecution, Tiles
from .._errors import Exit
from ._output import console, write_json
from ._regressed import regressed_in, show_regressed
from ._run_view import show_run
from ._shown import line
from ._waits import PAUSED, Waits, show_waits, waits_of


@dataclass(frozen=True, slots=True)
class Seen:
    """All of one run. A reader may be slow, so the database is not held while it is shown.

    regressed: fixes that it shows not to have held; asked for where a run has just ended.
    """

    execution: Execution
    steps: Sequence[StepExecution]
    progress: Progress
    tiles: Tiles
    waits: Waits
    regressed: Sequence[Outcome] = ()


def seen(asked: Service, execution_id: str, *, outputs: bool, judged: bool = False) -> Seen:
    """The run as it is now; with what its steps gave if *outputs*. Raises NotFound.

    judged: with the fixes that it shows not to have held.
    """
    execution = asked.executions.get(execution_id)
    return Seen(
        execution,
        asked.executions.steps(execution_id, outputs=outputs),
        asked.executions.progress(execution_id),
        asked.events.live(execution_id),
        waits_of(asked, execution),
        regressed_in(asked, execution) if judged else (),
    )


def show(one: Seen, *, as_json: bool, notes: Sequence[str] = ()) -> None:
    """The run whole, and how it goes on if it waits. notes: what a program is told beside it."""
    if as_json:
        write_json(
            {
                "execution": one.execution,
                "steps": list(one.steps),
                "progress": one.progress,
                "live": one.tiles,
                "waits_for": one.waits.as_data(),
                **({"notes": list(notes)} if notes else {}),
                **({"regressed": list(one.regressed)} if one.regressed else {}),
            }
        )
        return
    show_run(console(), one.execution, one.steps, one.progress, one.tiles)
    show_waits(console(), one.execution, one.waits)


def finish(one: Seen, *, as_json: bool, notes: Sequence[str] = ()) -> None:
    """Show a run that has ended or waits, and leave with its exit code."""
    show(one, as_json=as_json, notes=notes)
    if not as_json:
        show_regressed(console(), one.regressed)
        show_way_to_the_cause(one.execution)
    leave(one.execution)


def show_way_to_the_cause(execution: Execution) -> None:
    """For a run that failed: what to ask next."""
    if execution.status.is_failure:
        console().print(f"Why? Ask:  ask-copilot analyze {line(execution.id)}", markup=False)


def leave(execution: Execution) -> None:
    """End with 0 for a run that succeeded, 8 for one that waits, and 1 for any other."""
    if execution.status.value == PAUSED:
        sys.exit(Exit.WAITING)
    if execution.status.value != "succeeded":
        sys.exit(Exit.RUN_FAILED)
