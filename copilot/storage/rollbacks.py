"""Fixes that have regressed: which are to be taken back, what came of it, who has been told.

A row is written in the transaction that finds the regression, so that none is forgotten however a
process ends. Who works on one claims it first; after a while a claim counts as abandoned.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import JsonValue
from sqlalchemy import Connection, Row, or_, select, update

from ..types.principal import Principal
from .audit import append
from .database import Database, insert_new
from .learning_tables import ROLLBACK
from .tables import CHANGE

#: Who it was, in the records, where nobody but the workspace's settings took a fix back.
POLICY = "policy"
#: After which a claim counts as abandoned: nobody needs as long to store one version.
ABANDONED = timedelta(minutes=1)


class RollbackState(StrEnum):
    DUE = "due"
    PROPOSED = "proposed"
    ROLLED_BACK = "rolled_back"
    REFUSED = "refused"
    TAKEN_BACK = "taken_back"  # by somebody else, before the policy could


@dataclass(frozen=True, slots=True)
class Rollback:
    change_id: str
    workspace_id: str
    workflow_id: str
    fix_type: str
    state: RollbackState
    note: str | None


class RollbackStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, workspace_id: str, change_id: str) -> Rollback | None:
        wanted = select(ROLLBACK).where(
            ROLLBACK.c.change_id == change_id, ROLLBACK.c.workspace_id == workspace_id
        )
        with self._database.read() as connection:
            row = connection.execute(wanted).one_or_none()
        return None if row is None else _rollback(row)

    def taken_back_by(self, one: Rollback) -> str | None:
        """The change that has taken the fix back, or is at it."""
        wanted = select(CHANGE.c.reversed_by).where(
            CHANGE.c.change_id == one.change_id, CHANGE.c.workspace_id == one.workspace_id
        )
        with self._database.read() as connection:
            return connection.execute(wanted).scalar_one_or_none()

    def open(self, workspace_id: str | None = None) -> Sequence[Rollback]:
        """Those that somebody has still to hear of, in one workspace or in all."""
        wanted = select(ROLLBACK).where(ROLLBACK.c.told_at.is_(None))
        if workspace_id is not None:
            wanted = wanted.where(ROLLBACK.c.workspace_id == workspace_id)
        with self._database.read() as connection:
            rows = connection.execute(wanted.order_by(ROLLBACK.c.regressed_at))
            return tuple(_rollback(row) for row in rows)

    def claim(self, one: Rollback, *, abandoned_after: timedelta = ABANDONED) -> bool:
        """Whether it is the caller's to work on; for anybody else it is not for a while."""
        now = self._database.now()
        free = or_(ROLLBACK.c.claimed_at.is_(None), ROLLBACK.c.claimed_at <= now - abandoned_after)
        mine = (
            update(ROLLBACK)
            .where(ROLLBACK.c.change_id == one.change_id, ROLLBACK.c.told_at.is_(None), free)
            .values(claimed_at=now)
        )
        with self._database.write() as connection:
            return connection.execute(mine).rowcount == 1

    def decide(
        self,
        one: Rollback,
        state: RollbackState,
        note: str | None,
        *,
        by: Principal,
        details: Mapping[str, JsonValue],
    ) -> bool:
        """Store what came of one that was due, with its entry in the audit; False: it is known."""
        now = self._database.now()
        settle = (
            update(ROLLBACK)
            .where(ROLLBACK.c.change_id == one.change_id, ROLLBACK.c.state == RollbackState.DUE)
            .values(state=state, note=note, decided_at=now)
        )
        with self._database.write() as connection:
            if connection.execute(settle).rowcount == 0:
                return False
            if state is not RollbackState.TAKEN_BACK:
                done = state is RollbackState.ROLLED_BACK
                action = "roll_back_fix" if done else "refuse_rollback"
                append(connection, by, action, one.change_id, details, at=now)
        return True

    def mark_told(self, one: Rollback) -> None:
        told = (
            update(ROLLBACK)
            .where(ROLLBACK.c.change_id == one.change_id)
            .values(told_at=self._database.now())
        )
        with self._database.write() as connection:
            connection.execute(told)


def note_regression(
    connection: Connection, workspace_id: str, change_id: str, *, roll_back: bool, now: datetime
) -> None:
    """Remember, in the caller's transaction, that a fix has regressed and what is wanted then."""
    wanted = select(CHANGE.c.workflow_id, CHANGE.c.fix_type).where(
        CHANGE.c.change_id == change_id, CHANGE.c.workspace_id == workspace_id
    )
    change = connection.execute(wanted).one()
    row = {
        "change_id": change_id,
        "workspace_id": workspace_id,
        "workflow_id": change.workflow_id,
        "fix_type": change.fix_type,
        "state": RollbackState.DUE if roll_back else RollbackState.PROPOSED,
        "regressed_at": now,
    }
    insert_new(connection, ROLLBACK, row)


def _rollback(row: Row[*tuple[Any, ...]]) -> Rollback:
    return Rollback(
        change_id=row.change_id,
        workspace_id=row.workspace_id,
        workflow_id=row.workflow_id,
        fix_type=row.fix_type,
        state=RollbackState(row.state),
        note=row.note,
    )
