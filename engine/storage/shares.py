"""Whose turn it is: limits of the queue, and slots dealt out fairly between workspaces."""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from .database import reading, writing
from .queue_tables import LIMIT, SHARE

_TOTAL, _EACH, _ONE = "total", "each", "workspace"


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """How many runs may be under way at once over all workers; None for no limit.

    *each* holds for every workspace that *workspaces* does not name.
    """

    total: int | None = None
    each: int | None = None
    workspaces: Mapping[str, int] = field(default_factory=dict[str, int])

    def of(self, workspace_id: str) -> int | None:
        return self.workspaces.get(workspace_id, self.each)


class LimitStore:
    """The limits, kept in the database so that all workers go by the same ones."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def limits(self) -> QueueLimits:
        with reading(self._engine) as connection:
            return read_limits(connection)

    def set_limits(self, limits: QueueLimits) -> None:
        """Replaces them all; workers go by the new ones from their next claim on.

        Raises ValueError for a limit below 1: a workflow is paused, not limited to nothing.
        """
        given = {
            (_TOTAL, ""): limits.total,
            (_EACH, ""): limits.each,
            **{(_ONE, workspace_id): most for workspace_id, most in limits.workspaces.items()},
        }
        if any(most is not None and most < 1 for most in given.values()):
            raise ValueError("A limit of the queue is 1 or more.")
        rows = [
            {"scope": scope, "workspace_id": workspace_id, "most_running": most}
            for (scope, workspace_id), most in given.items()
            if most is not None
        ]
        with writing(self._engine) as connection:
            connection.execute(sa.delete(LIMIT))
            if rows:
                connection.execute(sa.insert(LIMIT), rows)


def read_limits(connection: sa.Connection) -> QueueLimits:
    """The limits as of the caller's transaction."""
    rows = connection.execute(sa.select(LIMIT)).all()
    known = {(row.scope, row.workspace_id): row.most_running for row in rows}
    return QueueLimits(
        total=known.get((_TOTAL, "")),
        each=known.get((_EACH, "")),
        workspaces={name: most for (scope, name), most in known.items() if scope == _ONE},
    )


class Shares:
    """Slots are dealt one at a time, each to the workspace with the fewest runs under way.

    Of several with as few, to the one that was served the longest time ago. So a workspace that
    queues a thousand runs waits behind nobody's one, and nobody's one behind its thousand.
    """

    def __init__(
        self, limits: QueueLimits, *, running: Mapping[str, int], served: Mapping[str, int]
    ) -> None:
        self._limits = limits
        self._running = dict(running)
        self._served = dict(served)
        self._last = max(served.values(), default=0)
        self.changed: dict[str, int] = {}

    def room(self, room: int) -> int:
        """What the limit on all workspaces together leaves of *room*."""
        if self._limits.total is None:
            return room
        return min(room, max(0, self._limits.total - sum(self._running.values())))

    def deal(self, workspaces: Iterable[str], room: int) -> dict[str, int]:
        """How many of *room* slots each of *workspaces* gets, if it has that many runs waiting."""
        dealt: dict[str, int] = {}
        heap = [self._turn(name) for name in workspaces if self._may(name)]
        heapq.heapify(heap)
        for _ in range(room):
            if not heap:
                break
            _, _, name = heapq.heappop(heap)
            dealt[name] = dealt.get(name, 0) + 1
            self._take(name)
            if self._may(name):
                heapq.heappush(heap, self._turn(name))
        return dealt

    def give_back(self, workspace_id: str, slots: int) -> None:
        """*slots* that were dealt and not used."""
        self._running[workspace_id] -= slots

    def _turn(self, name: str) -> tuple[int, int, str]:
        return (self._running.get(name, 0), self._served.get(name, 0), name)

    def _may(self, name: str) -> bool:
        most = self._limits.of(name)
        return most is None or self._running.get(name, 0) < most

    def _take(self, name: str) -> None:
        self._running[name] = self._running.get(name, 0) + 1
        self._last += 1
        self._served[name] = self.changed[name] = self._last


def read_served(connection: sa.Connection) -> dict[str, int]:
    """When each workspace was last served."""
    return {row.workspace_id: row.last_served for row in connection.execute(sa.select(SHARE))}


def write_served(connection: sa.Connection, served: Mapping[str, int]) -> None:
    """Notes who was served; the caller is the only one who deals."""
    for name, number in served.items():
        change = sa.update(SHARE).where(SHARE.c.workspace_id == name).values(last_served=number)
        if not connection.execute(change).rowcount:
            connection.execute(sa.insert(SHARE).values(workspace_id=name, last_served=number))
