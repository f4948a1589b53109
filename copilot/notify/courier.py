"""Sends what is in the outbox: once each where nothing breaks, and at worst twice under one id."""

import html
import logging
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event, Lock
from typing import Protocol, TypeAlias

from ..errors import InvalidInput
from ..storage.database import Clock
from ..storage.notices import NoticeStore
from ..types.frozen import visible
from ..types.notice import COMMAND, Channel, Notice, NoticeEntry
from .mail import Letter, Postman
from .webhook import WHEN_SET, Webhooks

#: A worker that was killed keeps its notice from the others for so long.
LEASE = timedelta(minutes=2)
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=3)
GIVEN_UP_AFTER = timedelta(days=1)
#: What was given up is sent again so long, once there is another place for it.
SENT_AGAIN = timedelta(days=7)
#: How long the log of what was settled is kept.
KEPT = timedelta(days=90)
_TITLES = {
    "pattern_started": "a failure repeats",
    "fix_regressed": "a fix did not hold",
    "fix_applied": "a fix was applied by itself",
    "run_paused": "a run is paused",
    "test": "a test",
}

_log = logging.getLogger(__name__)


class Destination(Protocol):
    def send(self, notice: NoticeEntry) -> str | None:
        """Returns when it was taken, with a remark if there is one.

        Raises InvalidInput for what will never be, ConnectionError for what may be later.
        """
        ...


@dataclass(frozen=True, slots=True)
class Posted:
    """To the webhook of the notice's workspace."""

    webhooks: Webhooks
    url: Callable[[str], str]
    secrets: Callable[[str], tuple[str, ...]]
    now: Clock

    def send(self, notice: NoticeEntry) -> str | None:
        url = self.url(notice.workspace_id)
        if not url:
            raise InvalidInput("notify_webhook", "it was taken away.", WHEN_SET)
        plain = _event_of(notice)
        self.webhooks.post(url, plain, secrets=self.secrets(notice.workspace_id), at=self.now())
        return None


@dataclass(frozen=True, slots=True)
class Mailed:
    """To the addresses of the notice's workspace."""

    postman: Postman
    to: Callable[[str], str]

    def send(self, notice: NoticeEntry) -> str | None:
        answer = self.postman.hand_over(letter(notice), self.to(notice.workspace_id))
        return answer if "not to" in answer else None


Destinations: TypeAlias = dict[str, Destination]


class Courier:
    """One a process; several share the work, since each notice is claimed before it is sent."""

    def __init__(self, store: NoticeStore, destinations: Destinations, *, now: Clock) -> None:
        self._store = store
        self._destinations = destinations
        self._now = now
        self._stopping = Event()
        self._lock = Lock()
        self._threads: ThreadPoolExecutor | None = None
        self._woken: Future[object] | None = None

    def start(self) -> None:
        """From now on `wake` has an effect."""
        self._threads = self._threads or ThreadPoolExecutor(1, thread_name_prefix="courier")

    def wake(self) -> None:
        """Send what is due soon, in a thread of its own; nothing where nobody works."""
        with self._lock:
            waits = self._woken is not None and not (self._woken.running() or self._woken.done())
            if self._threads is not None and not waits and not self._stopping.is_set():
                self._woken = self._threads.submit(self.deliver)

    def close(self) -> None:
        """Waits for the request that is under way, which has a bound."""
        with self._lock:
            self._stopping.set()
            threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=True, cancel_futures=True)

    def deliver(self, event_id: str | None = None) -> int:
        """Try everything that is due, or that event alone; gives how many were sent."""
        sent = 0
        for number, notice in self._store.due(self._now(), event_id=event_id):
            if self._stopping.is_set():
                break
            if self._store.claim(number, notice.attempts, until=self._now() + LEASE):
                sent += self._try(number, notice)
        return sent

    def send_again(self, workspace_id: str, channels: Collection[Channel]) -> None:
        """What was given up on *channels* in the last days, since they lead elsewhere now."""
        if self._store.revive(workspace_id, channels, since=self._now() - SENT_AGAIN):
            self.wake()

    def tidy(self) -> None:
        self._store.forget(before=self._now() - KEPT)

    def _try(self, number: int, notice: NoticeEntry) -> bool:
        try:
            remark = self._destinations[notice.channel].send(notice)
        except InvalidInput as error:
            self._fail(number, notice, str(error), next_at=None)
        except ConnectionError as error:
            self._fail(number, notice, str(error), next_at=self._next(notice))
        else:
            self._store.sent(number, remark=remark)
            return True
        return False

    def _fail(
        self, number: int, notice: NoticeEntry, problem: str, *, next_at: datetime | None
    ) -> None:
        self._store.failed(number, problem, next_at=next_at)
        if next_at is None:
            _log.warning("Notice %s was given up: %s", notice.event_id, visible(problem))

    def _next(self, notice: NoticeEntry) -> datetime | None:
        """One minute, then twice as long each time, until that makes a day.

        The waits are counted, not the time since it happened: what is sent again begins anew.
        """
        waits = [_wait(number) for number in range(notice.attempts + 1)]
        return self._now() + waits[-1] if sum(waits, timedelta()) <= GIVEN_UP_AFTER else None


def _wait(attempts: int) -> timedelta:
    return min(FIRST_WAIT * 2 ** min(attempts, 12), LONGEST_WAIT)


def letter(notice: NoticeEntry) -> Letter:
    """As it is told, with each command on a line of its own; the subject is one line of ours."""
    told = [visible(one) for one in notice.text.split("\n")]
    return Letter(
        subject=f"Ask Copilot, {visible(notice.workspace_id)}: {_TITLES[notice.event.value]}",
        text="".join(f"{one}\n" for one in told),
        html='<!doctype html>\n<html lang="en"><body>'
        f"{''.join(map(_marked_up, told))}</body></html>\n",
        identity=notice.event_id,
    )


def _marked_up(told: str) -> str:
    tag = "pre" if told.startswith(COMMAND) else "p"
    return f"<{tag}>{html.escape(told.strip())}</{tag}>"


def _event_of(notice: NoticeEntry) -> Notice:
    return Notice(**{name: getattr(notice, name) for name in Notice.model_fields})
