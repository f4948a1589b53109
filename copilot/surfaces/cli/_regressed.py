"""Fixes that a failed run shows not to have held."""

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console

from ...fixes import ACTIONS
from ...service import Service
from ...types import Change, ChangeState, Outcome, OutcomeState
from ...types.engine import Execution
from ._render import outcome_line
from ._shown import line

#: The newest fixes of a workflow that are asked about.
MOST = 3


def regressed_in(asked: Service, execution: Execution) -> Sequence[Outcome]:
    """Of the workflow of *execution*, which has failed; what is to be rolled back is rolled back."""
    if not execution.status.is_failure or execution.test_mode:
        return ()
    fixes = list(_in_place(asked.fixes.changes(execution.workflow_id), execution))
    found = [asked.fixes.outcome(one.change_id) for one in fixes[:MOST]]
    return [one for one in found if one.state is OutcomeState.REGRESSED]


def show_regressed(console: Console, found: Iterable[Outcome]) -> None:
    for one in found:
        console.print(outcome_line(one))
        if one.rollback_proposed:
            console.print(f"Go back with:  ask-copilot revert {line(one.change_id)}")


def _in_place(changes: Iterable[Change], execution: Execution) -> Iterator[Change]:
    """The fixes that the run has had, the newest first."""
    for one in changes:
        is_fix = one.kind == "fix" and one.fix_type not in ACTIONS
        is_there = one.state is ChangeState.APPLIED and one.version is not None
        if is_fix and is_there and (one.version or 0) <= execution.workflow_version:
            yield one
