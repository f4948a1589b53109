"""What is told about one run to everybody on one event loop who watches it."""

import asyncio
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from ..execution import ExecutionStatus
from ..storage.events import RunEvent

MOST_KEPT = 500
#: Listeners are woken at most so often: what comes in between is taken together.
PAUSE_SECONDS = 0.05


class Closing(StrEnum):
    """Why nothing more will come."""

    RUN_ENDED = "run_ended"
    STOPPED = "stopped"  # the server stops
    BROKEN = "broken"  # the log can't be read


@dataclass(slots=True)
class Position:
    """How far one listener has come."""

    number: int
    live: int


@dataclass(frozen=True, slots=True)
class Told:
    """What is new for a listener. *lost*: live events that came too fast for it."""

    events: tuple[RunEvent, ...]
    lost: int = 0


class Channel:
    """Keeps the last events for listeners that take them at their own pace.

    One kept list serves them all, so that a slow listener holds up nobody and costs nothing: what
    falls out before it came is lost to it, which is no loss where the log has it.
    """

    def __init__(self, execution_id: str, *, head: int) -> None:
        """*head* is the number of the newest event in the log. To be made on the event loop."""
        self.execution_id = execution_id
        self.head = head
        self.listeners = 0
        self.closing: Closing | None = None
        self.status: ExecutionStatus | None = None
        self.news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._kept: deque[RunEvent] = deque()
        self._dropped = 0
        self._dropped_live = 0
        self._live = 0
        self._is_waking = False

    def tell(self, event: RunEvent) -> None:
        """One more event, in any thread."""
        with self._lock:
            self._kept.append(event)
            self._live += event.seq is None
            if len(self._kept) > MOST_KEPT:
                self._dropped += 1
                self._dropped_live += self._kept.popleft().seq is None
            if self._is_waking:
                return
            self._is_waking = True
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._loop.call_later, PAUSE_SECONDS, self._wake)

    def close(self, why: Closing) -> None:
        """Nothing more will come. On the event loop; the first reason stays."""
        self.closing = self.closing or why
        self._wake()

    def position(self) -> Position:
        """Behind everything that was told until now."""
        with self._lock:
            return Position(self._dropped + len(self._kept), self._live)

    def take(self, position: Position) -> Told:
        """What was told since, and moves *position* behind it."""
        with self._lock:
            lost = max(0, self._dropped_live - position.live)
            skipped = max(0, position.number - self._dropped)
            new = tuple(islice(self._kept, skipped, None))
            position.number = self._dropped + len(self._kept)
            position.live = self._live
        return Told(_newest_texts(new), lost)

    def _wake(self) -> None:
        with self._lock:
            self._is_waking = False
        news, self.news = self.news, asyncio.Event()
        news.set()


def _newest_texts(events: tuple[RunEvent, ...]) -> tuple[RunEvent, ...]:
    """Without partial texts that a newer one of the same step replaces: each tells the whole."""
    newest = {one.path: one for one in events if one.kind == "step_progress"}
    return tuple(
        one for one in events if one.kind != "step_progress" or newest.get(one.path) is one
    )
