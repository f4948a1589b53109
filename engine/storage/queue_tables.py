"""The tables of the queue: what waits, who works, whose turn it is, and which ticks were seen.

None of them is the truth about a run: a row of `dispatch_queue` says who may carry one out.
"""

from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlmodel import Field

from .tables import Row, UtcTime


class QueueRow(Row, table=True):
    """A run that waits for a worker or has one. It goes when its dispatch has come to an end.

    `state` is waiting, claimed, broken or given_up; `release` the oldest that can carry it out.
    """

    __tablename__ = "dispatch_queue"  # pyright: ignore[reportAssignmentType] - SQLModel's own way
    __table_args__ = (
        sa.Index("ix_dispatch_queue_waiting", "state", "workspace_id", "priority", "queued_at"),
        sa.Index("ix_dispatch_queue_worker", "worker_id"),
    )

    execution_id: str = Field(primary_key=True, sa_type=sa.Text)
    dispatch: int
    workspace_id: str = Field(sa_type=sa.Text)
    priority: int
    release: int
    queued_at: datetime = Field(sa_type=UtcTime)
    not_before: datetime | None = Field(default=None, sa_type=UtcTime)
    state: str = Field(sa_type=sa.Text)
    worker_id: int | None = None
    starts: int = 0


class LimitRow(Row, table=True):
    """How many runs may be under way: in all, in each workspace, or in the one that is named."""

    __tablename__ = "queue_limit"  # pyright: ignore[reportAssignmentType]

    scope: str = Field(primary_key=True, sa_type=sa.Text)
    workspace_id: str = Field(primary_key=True, sa_type=sa.Text)
    most_running: int


class ShareRow(Row, table=True):
    """When a workspace was last served: a number that grows with every claim, not a time."""

    __tablename__ = "queue_share"  # pyright: ignore[reportAssignmentType]

    workspace_id: str = Field(primary_key=True, sa_type=sa.Text)
    last_served: int = Field(sa_type=sa.BigInteger)


class WorkerRow(Row, table=True):
    """A process that carries runs out, from its start to its end."""

    __tablename__ = "engine_worker"  # pyright: ignore[reportAssignmentType]
    # A number is never given twice, or a newcomer would be taken for a dead worker.
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(sa_type=sa.Text)
    release: int
    started_at: datetime = Field(sa_type=UtcTime)
    seen_at: datetime = Field(sa_type=UtcTime)


class TickRow(Row, table=True):
    """The last tick of a job that some worker has taken; `worker_id` while it is under way."""

    __tablename__ = "job_tick"  # pyright: ignore[reportAssignmentType]

    name: str = Field(primary_key=True, sa_type=sa.Text)
    tick: datetime = Field(sa_type=UtcTime)
    worker_id: int | None = None


def _table(row: type[Row]) -> sa.Table:
    return cast("Any", row).__table__


QUEUE = _table(QueueRow)
LIMIT = _table(LimitRow)
SHARE = _table(ShareRow)
WORKER = _table(WorkerRow)
TICK = _table(TickRow)
