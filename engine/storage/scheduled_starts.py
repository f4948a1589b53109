"""The starts of schedules: one row a tick, from due to ended, whatever process does the next part.

A start is made once: its tick is part of its key. It is claimed before its run is submitted, and a
claimed one is submitted again by whoever sees it, under the same request key, until the run's id is
noted. So no tick is lost to a crash, and none makes two runs.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ..execution import ErrorInfo, ExecutionStatus
from .database import alone, reading, writing
from .schedule_places import (
    ITS_RUN,
    PATIENCE,
    UNENDED,
    planned_starts,
    under_way,
    unended_runs,
    unended_starts,
)
from .schedule_records import (
    Outcome,
    Planner,
    ScheduledStart,
    SkipReason,
    StartState,
    schedule_record,
    scheduled_start,
)
from .schedule_tables import SCHEDULE, SCHEDULED_START
from .schedules import KNOWN, Judge, judge_outcome, workflow_name
from .tables import EXECUTION, STEP_RUN, WORKFLOW

_OPEN = (StartState.WAITING.value, StartState.CLAIMED.value, StartState.RUNNING.value)
_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def model_turns(connection: sa.Connection, execution_id: str) -> int | None:
    """How often the models of a run have answered; None if none did."""
    query = sa.select(sa.func.sum(STEP_RUN.c.turns)).where(
        STEP_RUN.c.execution_id == execution_id, STEP_RUN.c.superseded_in.is_(None)
    )
    return int(connection.scalar(query) or 0) or None


class StartStore:
    """Every method is one transaction, or one for each start that has ended."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def starts(
        self, workspace_id: str, workflow_id: str, limit: int = 50
    ) -> tuple[ScheduledStart, ...]:
        """What came of the last ticks of a workflow, the newest first."""
        query = (
            sa.select(SCHEDULED_START)
            .where(_of(workspace_id), SCHEDULED_START.c.workflow_id == workflow_id)
            .order_by(SCHEDULED_START.c.tick.desc())
            .limit(limit)
        )
        return self._read(query)

    def due_workspaces(self, moment: datetime) -> tuple[str, ...]:
        """Those with a schedule that has ticked."""
        query = sa.select(SCHEDULE.c.workspace_id).where(SCHEDULE.c.next_at <= moment).distinct()
        with reading(self._engine) as connection:
            return tuple(connection.scalars(query.order_by(SCHEDULE.c.workspace_id)))

    def make(self, workspace_id: str, moment: datetime, planner: Planner, *, now: datetime) -> None:
        """A start for each schedule of the workspace that has ticked by *moment*.

        Skipped at once if the start before it has not ended. A paused workflow gets none.
        """
        due = KNOWN.where(SCHEDULE.c.workspace_id == workspace_id, SCHEDULE.c.next_at <= moment)
        due = due.order_by(SCHEDULE.c.workflow_id).with_for_update(of=SCHEDULE)
        with writing(self._engine) as connection:
            alone(connection)
            schedules = list(map(schedule_record, connection.execute(due)))
            ticks = {one.workflow_id: planner.tick(one) for one in schedules}
            busy = unended_starts(connection, workspace_id)
            busy |= unended_runs(connection, workspace_id)
            awake = [one.workflow_id for one in schedules if not one.paused]
            free = {key: ticks[key][1] for key in awake if key not in busy}
            before = planned_starts(connection, workspace_id, since=moment - planner.gap)
            planned = planner.spread(free, before)
            for key in awake:
                tick = ticks[key][0]
                skipped = {"state": StartState.SKIPPED.value, "note": SkipReason.OVERLAP.value}
                state = {"state": StartState.WAITING.value} if key in free else skipped
                _insert(
                    connection,
                    workspace_id=workspace_id,
                    workflow_id=key,
                    tick=tick,
                    planned_at=planned.get(key, tick),
                    updated_at=now,
                    **state,
                )
            for key, (_, following) in ticks.items():
                connection.execute(
                    sa.update(SCHEDULE)
                    .where(SCHEDULE.c.workspace_id == workspace_id, SCHEDULE.c.workflow_id == key)
                    .values(next_at=following)
                )

    def put_right(self, moment: datetime, planner: Planner) -> None:
        """What has ticked later than *moment*, while a clock was ahead, ticks by *moment* again."""
        ahead = sa.and_(
            SCHEDULED_START.c.workspace_id == SCHEDULE.c.workspace_id,
            SCHEDULED_START.c.workflow_id == SCHEDULE.c.workflow_id,
            SCHEDULED_START.c.tick > moment,
        )
        query = KNOWN.where(SCHEDULE.c.next_at > moment, sa.exists().where(ahead))
        with reading(self._engine) as connection:
            schedules = list(map(schedule_record, connection.execute(query)))
        if not schedules:
            return
        with writing(self._engine) as connection:
            for one in schedules:
                following = planner.tick(one)[1]
                connection.execute(
                    sa.update(SCHEDULE)
                    .where(
                        SCHEDULE.c.workspace_id == one.workspace_id,
                        SCHEDULE.c.workflow_id == one.workflow_id,
                        SCHEDULE.c.next_at > following,
                    )
                    .values(next_at=following)
                )

    def waiting_workspaces(self, moment: datetime) -> tuple[str, ...]:
        """Those with a start whose time has come."""
        query = sa.select(SCHEDULED_START.c.workspace_id).where(_waiting(moment)).distinct()
        with reading(self._engine) as connection:
            return tuple(connection.scalars(query.order_by(SCHEDULED_START.c.workspace_id)))

    def claim(
        self, workspace_id: str, moment: datetime, *, most_running: int, now: datetime
    ) -> None:
        """Claims what waits, the longest first, while fewer than *most_running* are under way.

        Skips what may not start any more: paused, too late, or another run of the workflow goes on.
        """
        waiting = (
            sa.select(SCHEDULED_START, WORKFLOW.c.paused_at)
            .join(
                WORKFLOW,
                sa.and_(
                    WORKFLOW.c.workspace_id == SCHEDULED_START.c.workspace_id,
                    WORKFLOW.c.workflow_id == SCHEDULED_START.c.workflow_id,
                ),
            )
            .where(_of(workspace_id), _waiting(moment))
            .order_by(
                SCHEDULED_START.c.planned_at,
                SCHEDULED_START.c.tick,
                SCHEDULED_START.c.workflow_id,
            )
            .with_for_update(of=SCHEDULED_START)
        )
        with writing(self._engine) as connection:
            # Rows joined to a locked one, and counts, would be as of before the wait for it.
            alone(connection)
            rows = connection.execute(waiting).all()
            going_on = unended_runs(connection, workspace_id)
            free = most_running - under_way(connection, workspace_id)
            for row in rows:
                reason = _obstacle(row, going_on, now)
                if reason is not None:
                    _set(connection, row, now, state=StartState.SKIPPED, note=reason)
                elif free > 0:
                    free -= 1
                    _set(connection, row, now, state=StartState.CLAIMED)

    def claimed(self) -> tuple[ScheduledStart, ...]:
        """Everything that was claimed and not noted as started, in every workspace."""
        query = sa.select(SCHEDULED_START).where(
            SCHEDULED_START.c.state == StartState.CLAIMED.value
        )
        order = (
            SCHEDULED_START.c.planned_at,
            SCHEDULED_START.c.tick,
            SCHEDULED_START.c.workflow_id,
        )
        return self._read(query.order_by(*order))

    def started(self, start: ScheduledStart, execution_id: str, *, now: datetime) -> bool:
        """Notes the run of a claimed start; False if that has been done."""
        with writing(self._engine) as connection:
            return _set(connection, start, now, state=StartState.RUNNING, execution_id=execution_id)

    def skip(self, start: ScheduledStart, reason: SkipReason, *, now: datetime) -> None:
        """Gives a claimed start up; the schedule's standing does not change."""
        with writing(self._engine) as connection:
            _set(connection, start, now, state=StartState.SKIPPED, note=reason)

    def refuse(
        self, start: ScheduledStart, code: str, message: str, *, judge: Judge, now: datetime
    ) -> None:
        """A claimed start that can't become a run: a failure of its schedule."""
        key = (start.workspace_id, start.workflow_id)
        with writing(self._engine) as connection:
            state, note = StartState.SKIPPED, SkipReason.REFUSED
            if _set(connection, start, now, state=state, note=note, detail=message):
                outcome = Outcome(workflow_name(connection, *key), None, None, code)
                judge_outcome(connection, *key, outcome, judge=judge, now=now)

    def settle(self, *, judge: Judge, now: datetime) -> None:
        """Notes every start whose run has ended, and has *judge* decide what that means.

        A schedule whose last run failed, was resumed and succeeded has no failures any more.
        """
        ended = (
            sa.select(
                *SCHEDULED_START.c,
                EXECUTION.c.status,
                EXECUTION.c.error,
                EXECUTION.c.workflow_version,
            )
            .select_from(ITS_RUN)
            .where(
                SCHEDULED_START.c.state == StartState.RUNNING.value,
                sa.or_(EXECUTION.c.id.is_(None), EXECUTION.c.status.not_in(UNENDED)),
            )
            .order_by(SCHEDULED_START.c.tick)
        )
        with reading(self._engine) as connection:
            rows = connection.execute(ended).all()
        for row in rows:
            with writing(self._engine) as connection:
                self._settle(connection, row, judge, now)
        self._forgive()

    def _settle(self, connection: sa.Connection, row: Any, judge: Judge, now: datetime) -> None:
        if not _set(connection, row, now, state=StartState.ENDED, note=row.status):
            return
        if row.status is None:  # the run is gone: there is nothing to learn from it
            return
        key = (row.workspace_id, row.workflow_id)
        outcome = Outcome(
            workflow_name=workflow_name(connection, *key),
            execution_id=row.execution_id,
            status=ExecutionStatus(row.status),
            code=None if row.error is None else ErrorInfo.model_validate_json(row.error).code,
            version=row.workflow_version,
            turns=model_turns(connection, row.execution_id),
        )
        judge_outcome(connection, *key, outcome, judge=judge, now=now)

    def _forgive(self) -> None:
        succeeded = sa.and_(
            SCHEDULE.c.failures != "{}",
            sa.exists().where(
                EXECUTION.c.id == SCHEDULE.c.last_execution_id,
                EXECUTION.c.status == ExecutionStatus.SUCCEEDED.value,
            ),
        )
        with reading(self._engine) as connection:
            if connection.scalar(sa.select(sa.func.count()).where(succeeded)) == 0:
                return
        with writing(self._engine) as connection:
            connection.execute(
                sa.update(SCHEDULE).where(succeeded).values(failures="{}", warned=False)
            )

    def purge(self, before: datetime) -> None:
        """Forgets ticks from before then that have come to an end."""
        old = sa.and_(SCHEDULED_START.c.tick < before, SCHEDULED_START.c.state.not_in(_OPEN))
        with reading(self._engine) as connection:
            if connection.execute(sa.select(sa.literal(1)).where(old).limit(1)).first() is None:
                return
        with writing(self._engine) as connection:
            connection.execute(sa.delete(SCHEDULED_START).where(old))

    def _read(self, query: sa.Select[Any]) -> tuple[ScheduledStart, ...]:
        with reading(self._engine) as connection:
            return tuple(map(scheduled_start, connection.execute(query)))


def _of(workspace_id: str) -> sa.ColumnElement[bool]:
    return SCHEDULED_START.c.workspace_id == workspace_id


def _waiting(moment: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(
        SCHEDULED_START.c.state == StartState.WAITING.value, SCHEDULED_START.c.planned_at <= moment
    )


def _insert(connection: sa.Connection, **values: Any) -> None:
    insert = _INSERTS[connection.dialect.name](SCHEDULED_START)
    connection.execute(insert.values(**values).on_conflict_do_nothing())


def _set(
    connection: sa.Connection,
    start: Any,
    now: datetime,
    *,
    state: StartState,
    note: str | None = None,
    detail: str | None = None,
    execution_id: str | None = None,
) -> bool:
    """Moves a start on from the state in which the caller has read it; False if it has moved."""
    changed = connection.execute(
        sa.update(SCHEDULED_START)
        .where(
            _of(start.workspace_id),
            SCHEDULED_START.c.workflow_id == start.workflow_id,
            SCHEDULED_START.c.tick == start.tick,
            SCHEDULED_START.c.state == str(start.state),
        )
        .values(
            state=str(state),
            note=None if note is None else str(note),
            detail=detail,
            execution_id=execution_id or start.execution_id,
            updated_at=now,
        )
    )
    return bool(changed.rowcount)


def _obstacle(row: Any, going_on: set[str], now: datetime) -> SkipReason | None:
    if row.paused_at is not None:
        return SkipReason.PAUSED
    if row.tick < now - PATIENCE:
        return SkipReason.TOO_LATE
    return SkipReason.OVERLAP if row.workflow_id in going_on else None
