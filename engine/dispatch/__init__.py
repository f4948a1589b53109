"""Getting runs carried out: a queue that survives the process, behind one Protocol."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

import sqlalchemy as sa

from .schedule import Job

CarryOut: TypeAlias = Callable[[str, int], Awaitable[str]]
Key: TypeAlias = tuple[str, int]


class WorkState(StrEnum):
    """What has become of one dispatch."""

    LIVE = "live"  # waiting, or running in a worker that lives
    ORPHANED = "orphaned"  # its worker has died, and no other has it yet
    DONE = "done"  # the interpreter returned
    LOST = "lost"  # unknown, or taken away
    BROKEN = "broken"  # the interpreter itself raised
    GIVEN_UP = "given_up"  # started too often without an end


class Dispatcher(Protocol):
    """A durable queue of (execution id, dispatch number).

    Each pair is carried out at least once while the process lives, and again after a crash, until
    the interpreter returns; the interpreter's fence makes that safe.
    """

    def schedule(self, name: str, cron: str, job: Job) -> None:
        """*job* is called with the time of each tick of *cron*, UTC; to be said before `start`.

        Once a tick over all workers, in a thread. A job never overlaps itself; of the ticks while
        it was under way, or while nobody worked, only the last is made up. A job that was under
        way when its process died is called again. Raises `InvalidSchedule`.
        """
        ...

    def start(self, carry_out: CarryOut) -> None:
        """Begins working on the queue, starting with what a crash left behind."""
        ...

    def prepare(self) -> None:
        """Makes ready for `enqueue`; called outside every transaction."""
        ...

    def enqueue(
        self,
        connection: sa.Connection,
        execution_id: str,
        dispatch: int,
        *,
        priority: int | None = None,
        not_before: datetime | None = None,
    ) -> None:
        """Adds to the queue inside the caller's transaction, in place of an older dispatch.

        priority: from 0, first, to 9, among the runs of the same workspace; without one a run by
        the clock comes after others. not_before: it waits until then, also over restarts.
        """
        ...

    def committed(self) -> None:
        """The caller's transaction has been committed."""
        ...

    def cancel(self, execution_id: str, dispatch: int) -> None:
        """Takes it off the queue; stops it wherever it runs, within about a second."""
        ...

    def states(self, keys: Sequence[Key]) -> Mapping[Key, WorkState]:
        """What has become of each of *keys*."""
        ...

    def close(self) -> None:
        """Stops working. What is under way goes on at the next start."""
        ...
