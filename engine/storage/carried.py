"""Questions that a round leaves when its run is resumed: they go along, or nobody is asked any more."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from ..errors import ApprovalRejected
from ..execution import StepApproval, StepStatus
from . import events, questions
from .events import RoundOf
from .interrupted import skip_waiting
from .journal import LiveStep
from .records import StepRecord, step_values
from .tables import STEP_RUN

KIND = "approval"


def leave_questions(
    connection: sa.Connection,
    of: RoundOf,
    steps: Sequence[LiveStep],
    *,
    superseded: Sequence[str],
    go_along: bool,
) -> None:
    """For the transaction that has put the *superseded* of *steps* aside and begins the next round.

    If they *go_along*, those that wait stay open in the next round, until the same time, and a
    rejection that has had no effect yet holds there: nobody is asked twice. Not so if something
    runs again that had succeeded, for then they may mean something else.
    """
    aside = set(superseded)
    if any(step.path in aside for step in steps if step.status is StepStatus.SUCCEEDED):
        go_along = False
    approvals = questions.of_round(connection, *of) if go_along else {}
    carried = [step for step in steps if _goes_along(step, approvals)]
    questions.move(connection, of, [step.path for step in carried])
    for step in carried:
        _carry(connection, RoundOf(of.execution_id, of.round + 1), step, approvals[step.path])
    skip_waiting(connection, *of)


def _goes_along(step: LiveStep, approvals: Mapping[str, StepApproval]) -> bool:
    asked = approvals.get(step.path)
    if asked is None or step.status is StepStatus.SUCCEEDED:
        return False
    if asked.status == "rejected":  # what follows it is not done, or the run did not come to it
        return step.error is None or step.error.code != ApprovalRejected.code
    return asked.status == "waiting" and step.status is StepStatus.PAUSED


def _carry(connection: sa.Connection, of: RoundOf, step: LiveStep, asked: StepApproval) -> None:
    record = StepRecord(
        path=step.path,
        step_id=step.step_id,
        number=step.number,
        name=asked.name,
        action=KIND,
        kind=KIND,
        status=StepStatus.PAUSED,
        attempts=0,
        started_at=asked.asked_at,
        feedback=(asked.message,),
    )
    values: dict[str, Any] = {
        "execution_id": of.execution_id,
        "round": of.round,
        "workflow_version": step.workflow_version,
        **step_values(record),
    }
    connection.execute(sa.insert(STEP_RUN).values(**values))
    is_open = asked.status == "waiting"
    told = record if is_open else replace(record, status=StepStatus.RUNNING)
    events.steps_recorded(connection, [(of, told)])
