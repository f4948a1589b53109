"""Schedules as read from the workflows, how they fare, and what people are to be told of them."""

import json
from datetime import datetime
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ..definition.workflow import Workflow
from ..errors import NotFound
from .database import reading, writing
from .definitions import DefinitionStore
from .schedule_records import (
    Outcome,
    Planner,
    ScheduleNotice,
    ScheduleRecord,
    Verdict,
    schedule_record,
)
from .schedule_tables import SCHEDULE, SCHEDULE_NOTICE
from .tables import WORKFLOW, WORKFLOW_VERSION

MOST_ATTEMPTS = 60  # to send one notice: an hour
_AT_ONCE = 200
_NO_STREAK: dict[str, Any] = {"failures": "{}", "warned": False}
_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_SAME = sa.and_(
    WORKFLOW.c.workspace_id == SCHEDULE.c.workspace_id,
    WORKFLOW.c.workflow_id == SCHEDULE.c.workflow_id,
)
KNOWN = sa.select(SCHEDULE, WORKFLOW.c.paused_at).join(WORKFLOW, _SAME)
_UNSENT = sa.and_(SCHEDULE_NOTICE.c.sent_at.is_(None), SCHEDULE_NOTICE.c.attempts < MOST_ATTEMPTS)
_SCHEDULED = KNOWN.where(SCHEDULE.c.expression.is_not(None))


class Judge(Protocol):
    """Decides what an outcome means. Asked inside a transaction."""

    def __call__(
        self, schedule: ScheduleRecord, outcome: Outcome, *, warning_waits: bool
    ) -> Verdict:
        """warning_waits: nobody has been told yet that a pause is near, and it is still tried."""
        ...


class ScheduleStore:
    """Every method is one transaction, or one for each thing it finds."""

    def __init__(self, engine: sa.Engine, definitions: DefinitionStore) -> None:
        self._engine = engine
        self._definitions = definitions

    def schedules(self, workspace_id: str) -> tuple[ScheduleRecord, ...]:
        """Every schedule of a workspace, by workflow; those that can't be used too."""
        query = _SCHEDULED.where(SCHEDULE.c.workspace_id == workspace_id)
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(SCHEDULE.c.workflow_id)).all()
        return tuple(map(schedule_record, rows))

    def schedule(self, workspace_id: str, workflow_id: str) -> ScheduleRecord:
        """Raises `NotFound`, also for a workflow without a schedule."""
        query = _SCHEDULED.where(_this(workspace_id, workflow_id))
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound("schedule")
        return schedule_record(row)

    def workflow(self, workspace_id: str, workflow_id: str) -> Workflow:
        """The newest version. Raises `NotFound`."""
        return self._definitions.workflow(workspace_id, workflow_id).workflow

    def refresh(self, planner: Planner, workspace_id: str | None = None) -> None:
        """Reads the trigger of every workflow whose newest version is not known here yet.

        Of every workspace when *workspace_id* is None.
        """
        changed = (
            sa.select(WORKFLOW.c.workspace_id, WORKFLOW.c.workflow_id)
            .outerjoin(SCHEDULE, _SAME)
            .where(sa.or_(SCHEDULE.c.version.is_(None), SCHEDULE.c.version < WORKFLOW.c.version))
            .limit(_AT_ONCE)
        )
        if workspace_id is not None:
            changed = changed.where(WORKFLOW.c.workspace_id == workspace_id)
        while True:
            with reading(self._engine) as connection:
                keys = connection.execute(changed).all()
            if not keys:
                return
            with writing(self._engine) as connection:
                for owner, workflow_id in keys:
                    self._read(connection, owner, workflow_id, planner)

    def _read(
        self, connection: sa.Connection, workspace_id: str, workflow_id: str, planner: Planner
    ) -> None:
        stored = self._definitions.read_workflow(connection, workspace_id, workflow_id)
        row = connection.execute(KNOWN.where(_this(workspace_id, workflow_id))).one_or_none()
        trigger = planner.trigger(stored, None if row is None else schedule_record(row))
        read = {
            "version": stored.version,
            "expression": trigger.expression,
            "problem": trigger.problem,
            "next_at": trigger.next_at,
        }
        insert = _INSERTS[connection.dialect.name](SCHEDULE).values(
            workspace_id=workspace_id, workflow_id=workflow_id, paused=False, **_NO_STREAK, **read
        )
        connection.execute(
            insert.on_conflict_do_update(
                index_elements=["workspace_id", "workflow_id"],
                set_=read,
                where=SCHEDULE.c.version < stored.version,  # another process may know better
            )
        )

    def notice_pauses(self) -> None:
        """Lets the streak of every workflow whose pause was lifted begin again."""
        is_paused = sa.exists().where(_SAME, WORKFLOW.c.paused_at.is_not(None))
        lifted = sa.and_(SCHEDULE.c.paused.is_(True), ~is_paused)
        begun = sa.and_(SCHEDULE.c.paused.is_(False), SCHEDULE.c.expression.is_not(None), is_paused)
        with reading(self._engine) as connection:
            if connection.scalar(sa.select(sa.func.count()).where(sa.or_(lifted, begun))) == 0:
                return
        with writing(self._engine) as connection:
            connection.execute(sa.update(SCHEDULE).where(begun).values(paused=True))
            connection.execute(sa.update(SCHEDULE).where(lifted).values(paused=False, **_NO_STREAK))

    def unsent(self, limit: int) -> tuple[ScheduleNotice, ...]:
        """Notices nobody has been told of, the oldest first."""
        query = (
            sa.select(SCHEDULE_NOTICE.c.content)
            .where(_UNSENT)
            .order_by(SCHEDULE_NOTICE.c.created_at, SCHEDULE_NOTICE.c.id)
        )
        with reading(self._engine) as connection:
            contents = connection.scalars(query.limit(limit)).all()
        return tuple(map(ScheduleNotice.model_validate_json, contents))

    def sending(self, notice: ScheduleNotice) -> None:
        """Counts an attempt, before it is made."""
        self._set_notice(notice, attempts=SCHEDULE_NOTICE.c.attempts + 1)

    def sent(self, notice: ScheduleNotice, *, now: datetime) -> None:
        """It will not be sent again."""
        self._set_notice(notice, sent_at=now)

    def _set_notice(self, notice: ScheduleNotice, **values: Any) -> None:
        with writing(self._engine) as connection:
            connection.execute(
                sa.update(SCHEDULE_NOTICE).where(SCHEDULE_NOTICE.c.id == notice.id).values(**values)
            )


def restart_streak(connection: sa.Connection, workspace_id: str, workflow_id: str) -> None:
    """Forgets the failures in a row; for whoever lifts a pause, in that transaction."""
    connection.execute(
        sa.update(SCHEDULE)
        .where(_this(workspace_id, workflow_id))
        .values(paused=False, **_NO_STREAK)
    )


def workflow_name(connection: sa.Connection, workspace_id: str, workflow_id: str) -> str:
    """The name of the newest version."""
    query = sa.select(WORKFLOW_VERSION.c.name).where(
        WORKFLOW_VERSION.c.workspace_id == workspace_id,
        WORKFLOW_VERSION.c.workflow_id == workflow_id,
    )
    return connection.scalar(query.order_by(WORKFLOW_VERSION.c.version.desc()).limit(1)) or ""


def judge_outcome(
    connection: sa.Connection,
    workspace_id: str,
    workflow_id: str,
    outcome: Outcome,
    *,
    judge: Judge,
    now: datetime,
) -> None:
    """Has *judge* decide what *outcome* means, and does it: standing, notice and pause together."""
    this = _this(workspace_id, workflow_id)
    row = connection.execute(KNOWN.where(this).with_for_update(of=SCHEDULE)).one_or_none()
    if row is None:
        return
    schedule = schedule_record(row)
    waits = schedule.warned and _warning_waits(connection, workspace_id, workflow_id)
    verdict = judge(schedule, outcome, warning_waits=waits)
    standing: dict[str, Any] = {
        "failures": json.dumps(dict(verdict.failures)),
        "last_failure": verdict.last_failure,
        "warned": verdict.warned,
        "average_turns": verdict.average_turns,
        "last_turns": verdict.last_turns,
        "last_execution_id": outcome.execution_id,
    }
    if outcome.version is not None:
        standing["last_version"] = outcome.version
    if verdict.pause_reason is not None:
        standing["paused"] = True
        _pause(connection, workspace_id, workflow_id, reason=verdict.pause_reason, now=now)
    connection.execute(sa.update(SCHEDULE).where(this).values(**standing))
    if verdict.notice is not None:
        connection.execute(
            sa.insert(SCHEDULE_NOTICE).values(
                id=verdict.notice.id,
                workspace_id=workspace_id,
                content=verdict.notice.model_dump_json(),
                created_at=now,
                attempts=0,
            )
        )


def _warning_waits(connection: sa.Connection, workspace_id: str, workflow_id: str) -> bool:
    """Whether a warning of a workflow is not handed over yet, and its attempts are not used up."""
    query = sa.select(SCHEDULE_NOTICE.c.content).where(
        SCHEDULE_NOTICE.c.workspace_id == workspace_id, _UNSENT
    )
    unsent = map(ScheduleNotice.model_validate_json, connection.scalars(query))
    return any(one.workflow_id == workflow_id and one.kind == "pause_near" for one in unsent)


def _pause(
    connection: sa.Connection, workspace_id: str, workflow_id: str, *, reason: str, now: datetime
) -> None:
    """A pause there is already stays. Nobody in particular has made this one."""
    connection.execute(
        sa.update(WORKFLOW)
        .where(
            WORKFLOW.c.workspace_id == workspace_id,
            WORKFLOW.c.workflow_id == workflow_id,
            WORKFLOW.c.paused_at.is_(None),
        )
        .values(paused_at=now, paused_by=None, pause_reason=reason)
    )


def _this(workspace_id: str, workflow_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(SCHEDULE.c.workspace_id == workspace_id, SCHEDULE.c.workflow_id == workflow_id)
