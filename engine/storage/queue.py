"""The queue of runs: what waits, what is claimed, and what a dead worker left behind."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeAlias

import sqlalchemy as sa

from .database import alone, glancing, reading, writing
from .prepared import Prepared
from .queue_tables import QUEUE
from .shares import Shares, read_limits, read_served, write_served
from .tables import EXECUTION

Key: TypeAlias = tuple[str, int]

#: Raised when workers of the release before could not carry out what is queued from now on.
RELEASE = 1
#: A run somebody waits for goes before a run by the clock, in its own workspace.
PRIORITY = 5
BY_THE_CLOCK = 7
_BACKOFF = (1.0, 30.0)  # seconds, first and longest
_IN_ONE_QUERY = 500


class QueueState(StrEnum):
    WAITING = "waiting"
    CLAIMED = "claimed"
    BROKEN = "broken"
    GIVEN_UP = "given_up"


class Outcome(StrEnum):
    """How a dispatch came to its end in a worker."""

    DONE = "done"
    BROKEN = "broken"
    LATER = "later"  # the database was away: to be tried again in a while
    HANDED_BACK = "handed_back"  # the worker stops: another may have it at once


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run stands: its state, and the worker that claimed it."""

    state: QueueState
    worker_id: int | None


def enqueue(
    connection: sa.Connection,
    execution_id: str,
    dispatch: int,
    *,
    priority: int | None = None,
    not_before: datetime | None = None,
    release: int = RELEASE,
) -> None:
    """Adds a run inside the caller's transaction, in place of whatever it had in the queue.

    priority: from 0, first, to 9, among the workspace's own runs; without one a run by the clock
    comes after others. release: workers of an older one leave it alone.
    """
    connection.execute(sa.delete(QUEUE).where(QUEUE.c.execution_id == execution_id))
    usual = sa.case((EXECUTION.c.trigger == "schedule", BY_THE_CLOCK), else_=PRIORITY)
    values: dict[str, Any] = {
        "execution_id": EXECUTION.c.id,
        "dispatch": sa.literal(dispatch),
        "workspace_id": EXECUTION.c.workspace_id,
        "priority": usual if priority is None else sa.literal(priority),
        "release": sa.literal(release),
        "queued_at": sa.literal(datetime.now(UTC), QUEUE.c.queued_at.type),
        "not_before": sa.literal(not_before, QUEUE.c.not_before.type),
        "state": sa.literal(QueueState.WAITING.value),
        "starts": sa.literal(0),
    }
    query = sa.select(*values.values()).where(EXECUTION.c.id == execution_id)
    connection.execute(sa.insert(QUEUE).from_select(list(values), query))


class QueueStore:
    """Every method is one transaction. Times are the machine's own, not the engine's clock's."""

    def __init__(self, engine: sa.Engine, *, most_starts: int, release: int = RELEASE) -> None:
        self._engine = engine
        self._most_starts = most_starts
        self._newest = release

    def cancel(self, execution_id: str, dispatch: int) -> None:
        """Takes a run out. A worker that has it notices, and stops."""
        with writing(self._engine) as connection:
            connection.execute(sa.delete(QUEUE).where(*_this((execution_id, dispatch))))

    def places(self, keys: Sequence[Key]) -> Mapping[Key, Place]:
        """Where each of *keys* stands, as far as it is in the queue."""
        found: dict[Key, Place] = {}
        query = sa.select(QUEUE).where(
            QUEUE.c.execution_id.in_(sa.bindparam("ids", expanding=True))
        )
        with reading(self._engine) as connection:
            for start in range(0, len(keys), _IN_ONE_QUERY):
                ids = [execution_id for execution_id, _ in keys[start : start + _IN_ONE_QUERY]]
                for row in connection.execute(query, {"ids": ids}):
                    place = Place(QueueState(row.state), row.worker_id)
                    found[row.execution_id, row.dispatch] = place
        return {key: found[key] for key in keys if key in found}

    def anything_due(self) -> bool:
        """Whether some run waits that this release can carry out."""
        with glancing(self._engine) as connection:
            return bool(_ANYTHING_DUE.all(connection, self._now()))

    def turn(self, worker_id: int, ended: Mapping[Key, Outcome], room: int) -> tuple[Key, ...]:
        """Settles what has *ended* and claims up to *room* runs, within the limits, fairly."""
        with writing(self._engine) as connection:
            for key, outcome in ended.items():
                self._settle(connection, worker_id, key, outcome)
            if room <= 0:
                return ()
            alone(connection)
            return self._claim(connection, worker_id, room)

    def held(self, worker_id: int) -> frozenset[Key]:
        """What *worker_id* has claimed, and nobody has taken from it."""
        query = sa.select(QUEUE.c.execution_id, QUEUE.c.dispatch).where(
            QUEUE.c.worker_id == worker_id, QUEUE.c.state == QueueState.CLAIMED.value
        )
        with reading(self._engine) as connection:
            return frozenset((row.execution_id, row.dispatch) for row in connection.execute(query))

    def release(self, connection: sa.Connection, workers: Collection[int]) -> int:
        """Puts what dead *workers* had back in the queue; how many runs.

        One that was started too often is given up instead.
        """
        given_up = QUEUE.c.starts > self._most_starts
        return connection.execute(
            sa.update(QUEUE)
            .where(QUEUE.c.state == QueueState.CLAIMED.value, QUEUE.c.worker_id.in_(workers))
            .values(
                worker_id=None,
                state=sa.case(
                    (given_up, QueueState.GIVEN_UP.value), else_=QueueState.WAITING.value
                ),
            )
        ).rowcount

    def hand_back(self, worker_id: int) -> None:
        """Everything a worker has that stops in order: it was not its fault, so it counts no start."""
        with writing(self._engine) as connection:
            connection.execute(
                sa.update(QUEUE)
                .where(QUEUE.c.worker_id == worker_id, QUEUE.c.state == QueueState.CLAIMED.value)
                .values(_waiting() | {"starts": QUEUE.c.starts - 1})
            )

    def _settle(
        self, connection: sa.Connection, worker_id: int, key: Key, outcome: Outcome
    ) -> None:
        mine = (*_this(key), QUEUE.c.worker_id == worker_id)
        if outcome is Outcome.DONE:
            connection.execute(sa.delete(QUEUE).where(*mine))
            return
        values: dict[str, Any] = {"worker_id": None, "state": QueueState.BROKEN.value}
        if outcome is Outcome.HANDED_BACK:
            values = _waiting() | {"starts": QUEUE.c.starts - 1}
        elif outcome is Outcome.LATER:
            starts = connection.scalar(sa.select(QUEUE.c.starts).where(*mine))
            if starts is None:
                return
            first, longest = _BACKOFF
            pause = timedelta(seconds=min(longest, first * 2.0 ** (starts - 1)))
            values = _waiting() | {"not_before": datetime.now(UTC) + pause}
            if starts > self._most_starts:
                values["state"] = QueueState.GIVEN_UP.value
        connection.execute(sa.update(QUEUE).where(*mine).values(values))

    def _claim(self, connection: sa.Connection, worker_id: int, room: int) -> tuple[Key, ...]:
        running = sa.select(QUEUE.c.workspace_id, sa.func.count().label("runs")).where(
            QUEUE.c.state == QueueState.CLAIMED.value
        )
        rows = connection.execute(running.group_by(QUEUE.c.workspace_id)).all()
        shares = Shares(
            read_limits(connection),
            running={row.workspace_id: row.runs for row in rows},
            served=read_served(connection),
        )
        claimed: list[Key] = []
        hungry = set(connection.scalars(_WAITING_WORKSPACES, {"state": QueueState.WAITING.value}))
        while dealt := shares.deal(hungry, shares.room(room - len(claimed))):
            for workspace_id, slots in dealt.items():
                taken = self._take(connection, worker_id, workspace_id, slots)
                claimed += taken
                if len(taken) < slots:
                    shares.give_back(workspace_id, slots - len(taken))
                    hungry.discard(workspace_id)
        if claimed:
            write_served(connection, shares.changed)
        return tuple(claimed)

    def _take(
        self, connection: sa.Connection, worker_id: int, workspace_id: str, slots: int
    ) -> list[Key]:
        given = {**self._now(), "workspace": workspace_id, "slots": slots}
        keys = [(row.execution_id, row.dispatch) for row in connection.execute(_DUE_OF, given)]
        if keys:
            connection.execute(
                sa.update(QUEUE)
                .where(QUEUE.c.execution_id.in_([execution_id for execution_id, _ in keys]))
                .values(
                    state=QueueState.CLAIMED.value,
                    worker_id=worker_id,
                    starts=QUEUE.c.starts + 1,
                    not_before=None,
                )
            )
        return keys

    def _now(self) -> dict[str, Any]:
        return {"newest": self._newest, "now": datetime.now(UTC)}


# Asked at every poll.
_IS_DUE = (
    QUEUE.c.state == sa.literal(QueueState.WAITING.value),
    QUEUE.c.release <= sa.bindparam("newest", type_=QUEUE.c.release.type),
    sa.or_(
        QUEUE.c.not_before.is_(None),
        QUEUE.c.not_before <= sa.bindparam("now", type_=QUEUE.c.not_before.type),
    ),
)
_ANYTHING_DUE = Prepared(sa.select(QUEUE.c.dispatch).where(*_IS_DUE).limit(1))
_DUE_OF = (
    sa.select(QUEUE.c.execution_id, QUEUE.c.dispatch)
    .where(*_IS_DUE, QUEUE.c.workspace_id == sa.bindparam("workspace"))
    .order_by(QUEUE.c.priority, QUEUE.c.queued_at, QUEUE.c.execution_id)
    .limit(sa.bindparam("slots", type_=sa.Integer()))
    .with_for_update(skip_locked=True)
)


def _this(key: Key) -> tuple[Any, ...]:
    execution_id, dispatch = key
    return (QUEUE.c.execution_id == execution_id, QUEUE.c.dispatch == dispatch)


def _waiting() -> dict[str, Any]:
    return {"worker_id": None, "state": QueueState.WAITING.value}


def _waiting_workspaces() -> sa.Select[Any]:
    """Each workspace once, by one index search a workspace: a backlog is not read through."""
    state = QUEUE.c.state == sa.bindparam("state")
    first = sa.select(sa.func.min(QUEUE.c.workspace_id).label("name")).where(state)
    found = first.cte("found", recursive=True)
    following = (
        sa.select(sa.func.min(QUEUE.c.workspace_id))
        .where(state, QUEUE.c.workspace_id > found.c.name)
        .scalar_subquery()
    )
    found = found.union_all(sa.select(following).where(found.c.name.is_not(None)))
    return sa.select(found.c.name).where(found.c.name.is_not(None))


_WAITING_WORKSPACES = _waiting_workspaces()
