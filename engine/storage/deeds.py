"""What is done on somebody's word instead of changing a definition: each once per change id.

A deed is remembered beside the changes, in the transaction that does it. What it did can be told
from what others did later by the moment: nothing else writes that moment into the same row.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ..definition.versions import Pause
from ..errors import NotFound
from ..execution import ErrorInfo, ExecutionStatus
from ..ports import Clock
from .database import reading, writing
from .journal import live_steps
from .parked import ASKED, may_have_acted
from .quota_tables import PARKED_RUN
from .records import find_execution, lock_execution
from .schedules import restart_streak
from .tables import APPLIED_CHANGE, WORKFLOW

_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass(frozen=True, slots=True)
class StoppedRun:
    """A run as somebody sees it who may want it to go on later.

    `unsure`: a step that would run again may have done already what must not be done twice.
    `timer`: when it goes on by itself.
    """

    execution_id: str
    workflow_id: str
    workflow_version: int
    status: ExecutionStatus
    round: int
    current_step: str | None
    ended_at: datetime | None
    test_mode: bool
    error: ErrorInfo | None
    unsure: bool
    timer: datetime | None


class DeedStore:
    """Every method is one transaction.

    Those that do something give the version the workflow is at. None means that things are not as
    they were when it was decided, and that nothing was done.
    """

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self.clock = clock

    def paused(self, workspace_id: str, workflow_id: str) -> Pause | None:
        """The pause of a workflow. Raises `NotFound`."""
        with reading(self._engine) as connection:
            head = _head(connection, workspace_id, workflow_id)
        if head.paused_at is None:
            return None
        return Pause(by=head.paused_by, reason=head.pause_reason or "", at=head.paused_at)

    def stopped_run(self, workspace_id: str, execution_id: str) -> StoppedRun:
        """Raises `NotFound`."""
        with reading(self._engine) as connection:
            row = find_execution(connection, workspace_id, execution_id)
            timer = _timer(connection, execution_id)
            steps = live_steps(connection, execution_id, outputs=False)
        return StoppedRun(
            execution_id=execution_id,
            workflow_id=row.workflow_id,
            workflow_version=row.workflow_version,
            status=ExecutionStatus(row.status),
            round=row.round,
            current_step=row.current_step,
            ended_at=row.completed_at,
            test_mode=row.test_mode,
            error=None if row.error is None else ErrorInfo.model_validate_json(row.error),
            unsure=may_have_acted(steps),
            timer=timer.wake_at if timer is not None and timer.round == row.round else None,
        )

    def pause(
        self,
        workspace_id: str,
        workflow_id: str,
        *,
        change_id: str,
        expected_version: int,
        by: str | None,
        reason: str,
    ) -> int | None:
        """From now on it starts no new runs; None if it is paused or was changed. `NotFound`."""
        now = self.clock.now()
        with writing(self._engine) as connection:
            if (done := _done(connection, change_id, workspace_id)) is not None:
                return done
            head = _head(connection, workspace_id, workflow_id, lock=True)
            if head.version != expected_version or head.paused_at is not None:
                return None
            values = {"paused_at": now, "paused_by": by, "pause_reason": reason}
            connection.execute(
                sa.update(WORKFLOW).where(*_this(workspace_id, workflow_id)).values(**values)
            )
            return _remember(connection, change_id, head, now=now)

    def unpause(
        self, workspace_id: str, workflow_id: str, *, change_id: str, of: str
    ) -> int | None:
        """Lifts the pause that the deed *of* made; None if that one is not there any more."""
        with writing(self._engine) as connection:
            if (done := _done(connection, change_id, workspace_id)) is not None:
                return done
            head = _head(connection, workspace_id, workflow_id, lock=True)
            made = _applied(connection, of)
            if head.paused_at is None or made is None or head.paused_at != made.applied_at:
                return None
            values = {"paused_at": None, "paused_by": None, "pause_reason": None}
            connection.execute(
                sa.update(WORKFLOW).where(*_this(workspace_id, workflow_id)).values(**values)
            )
            restart_streak(connection, workspace_id, workflow_id)
            return _remember(connection, change_id, head, now=self.clock.now())

    def set_timer(
        self,
        workspace_id: str,
        execution_id: str,
        *,
        change_id: str,
        expected_version: int,
        round: int,
        at: datetime,
    ) -> int | None:
        """Has a failed run go on by itself at a moment to come. Raises `NotFound`.

        None if it is not failed in this *round* any more, has a timer, can't be repeated safely, if
        the moment has passed, or the workflow is not at *expected_version*.
        """
        now = self.clock.now()
        with writing(self._engine) as connection:
            if (done := _done(connection, change_id, workspace_id)) is not None:
                return done
            find_execution(connection, workspace_id, execution_id)
            run = lock_execution(connection, execution_id)
            head = _head(connection, workspace_id, run.workflow_id)
            if head.version != expected_version or at <= now:
                return None
            if not _may_wait(connection, run, round):
                return None
            _set(connection, run, at=at, now=now)
            return _remember(connection, change_id, head, now=now)

    def cancel_timer(
        self, workspace_id: str, execution_id: str, *, change_id: str, of: str
    ) -> int | None:
        """Takes back the timer that the deed *of* set; None if it is gone or has gone off."""
        with writing(self._engine) as connection:
            if (done := _done(connection, change_id, workspace_id)) is not None:
                return done
            find_execution(connection, workspace_id, execution_id)
            run = lock_execution(connection, execution_id)
            timer, made = _timer(connection, execution_id), _applied(connection, of)
            if timer is None or made is None or run.round != timer.round:
                return None
            if (timer.reason, timer.parked_at) != (ASKED, made.applied_at):
                return None
            connection.execute(
                sa.update(PARKED_RUN)
                .where(PARKED_RUN.c.execution_id == execution_id)
                .values(wake_at=None)
            )
            head = _head(connection, workspace_id, run.workflow_id)
            return _remember(connection, change_id, head, now=self.clock.now())


def _may_wait(connection: sa.Connection, run: Any, round: int) -> bool:
    if run.status != ExecutionStatus.FAILED.value or run.round != round or run.test_mode:
        return False
    timer = _timer(connection, run.id)
    if timer is not None and timer.round == round:
        return False
    return not may_have_acted(live_steps(connection, run.id, outputs=False))


def _set(connection: sa.Connection, run: Any, *, at: datetime, now: datetime) -> None:
    values: dict[str, Any] = {
        "round": run.round,
        "reason": ASKED,
        "parked_at": now,
        "wake_at": at,
    }
    insert = _INSERTS[connection.dialect.name](PARKED_RUN).values(
        execution_id=run.id,
        workspace_id=run.workspace_id,
        workflow_id=run.workflow_id,
        times=0,
        **values,
    )
    connection.execute(insert.on_conflict_do_update(index_elements=["execution_id"], set_=values))


def _timer(connection: sa.Connection, execution_id: str) -> Any:
    """The row of a timer that has not gone off."""
    return connection.execute(
        sa.select(PARKED_RUN).where(
            PARKED_RUN.c.execution_id == execution_id, PARKED_RUN.c.wake_at.is_not(None)
        )
    ).one_or_none()


def _this(workspace_id: str, workflow_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return WORKFLOW.c.workspace_id == workspace_id, WORKFLOW.c.workflow_id == workflow_id


def _head(
    connection: sa.Connection, workspace_id: str, workflow_id: str, *, lock: bool = False
) -> Any:
    query = sa.select(WORKFLOW).where(*_this(workspace_id, workflow_id))
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound("workflow")
    return row


def _applied(connection: sa.Connection, change_id: str) -> Any:
    query = sa.select(APPLIED_CHANGE).where(APPLIED_CHANGE.c.change_id == change_id)
    return connection.execute(query).one_or_none()


def _done(connection: sa.Connection, change_id: str, workspace_id: str) -> int | None:
    """The version at which a deed was done. Raises `NotFound` for another workspace's."""
    row = _applied(connection, change_id)
    if row is None:
        return None
    if row.workspace_id != workspace_id:
        raise NotFound("change")
    return int(row.version)


def _remember(connection: sa.Connection, change_id: str, head: Any, *, now: datetime) -> int:
    connection.execute(
        sa.insert(APPLIED_CHANGE).values(
            change_id=change_id,
            workspace_id=head.workspace_id,
            workflow_id=head.workflow_id,
            version=head.version,
            applied_at=now,
        )
    )
    return int(head.version)
