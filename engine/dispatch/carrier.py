"""Runs in this process: an event loop in a thread of its own, and what becomes of each."""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Collection

from ..storage.failures import may_pass
from ..storage.queue import Outcome
from . import CarryOut, Key

_log = logging.getLogger(__name__)
_INTERRUPTED = "interrupted"


class Carrier:
    """Carries out what it is given; `take_ended` says what has come to an end, and how."""

    def __init__(self, carry_out: CarryOut, *, on_end: Callable[[], None]) -> None:
        self._carry_out = carry_out
        self._on_end = on_end
        self._live: dict[Key, asyncio.Task[None]] = {}
        self._count = 0
        self._ended: deque[tuple[Key, Outcome]] = deque()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="engine-runs", daemon=True)
        self._thread.start()

    @property
    def count(self) -> int:
        """How many runs are under way here."""
        return self._count

    def start(self, keys: Collection[Key]) -> None:
        self._count += len(keys)
        self._loop.call_soon_threadsafe(self._start_all, tuple(keys))

    def keep_only(self, held: Collection[Key]) -> None:
        """Stops every run that is not in *held*: others have it now, or it was cancelled."""
        self._loop.call_soon_threadsafe(self._cancel_all_but, frozenset(held))

    def take_ended(self) -> dict[Key, Outcome]:
        """What has ended since the last call."""
        ended: dict[Key, Outcome] = {}
        while self._ended:
            key, outcome = self._ended.popleft()
            ended[key] = outcome
            self._count -= 1
        return ended

    def close(self, timeout: float) -> None:
        """Stops what is under way, wherever it waits, and the loop."""
        self._loop.call_soon_threadsafe(self._cancel_all_but, frozenset[Key]())
        self._loop.call_soon_threadsafe(self._stop_when_idle)
        self._thread.join(timeout)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def _start_all(self, keys: Collection[Key]) -> None:
        for key in keys:
            self._live[key] = self._loop.create_task(self._carry(key))

    def _cancel_all_but(self, held: frozenset[Key]) -> None:
        for key, task in self._live.items():
            if key not in held:
                task.cancel()

    def _stop_when_idle(self) -> None:
        if self._live:
            self._loop.call_later(0.01, self._stop_when_idle)
        else:
            self._loop.stop()

    async def _carry(self, key: Key) -> None:
        outcome = Outcome.HANDED_BACK
        try:
            status = await self._carry_out(*key)
            outcome = Outcome.HANDED_BACK if status == _INTERRUPTED else Outcome.DONE
        except Exception as error:  # noqa: BLE001 - a fault of the engine: the run is ended for it
            outcome = Outcome.LATER if may_pass(error) else Outcome.BROKEN
            _log.exception("Execution %s could not be carried out: %s.", key[0], outcome)
        finally:
            del self._live[key]
            self._ended.append((key, outcome))
            self._on_end()
