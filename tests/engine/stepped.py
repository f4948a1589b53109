"""A process that is worked step by step: the real queue in the caller's thread, and ways to die."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from engine.dispatch.queue import QueueDispatcher
from engine.engine import Engine
from engine.storage.database import connect
from engine.storage.queue import Outcome
from engine.testing import Died, MortalWriter, settings

NEVER = 10**9


class SteppedQueue(QueueDispatcher):
    """Claims and settles as the real one does, when told, and without a thread of its own."""

    _gone = False
    under_way = ()

    def start(self, carry_out):
        self._carry_out = carry_out
        self._workers.enter()
        while self._workers.read_live() - {self._workers.own}:
            time.sleep(0.01)  # a server takes a moment to notice that a process is gone
        self._workers.bury(self._queue.release)

    def committed(self):
        """Nothing yet: `work` is told."""

    def work(self):
        """Carries out whatever is due, and what follows from it, until nothing is left."""
        while keys := self._queue.turn(self._workers.own, self._ended, 50):
            self._ended, self.under_way = {}, keys
            with ThreadPoolExecutor(1) as pool:  # the caller may have an event loop running
                self._ended = pool.submit(asyncio.run, self._all(keys)).result()
        self._ended = {}

    async def _all(self, keys):
        statuses = await asyncio.gather(*(self._carry_out(*key) for key in keys))
        return {
            key: Outcome.HANDED_BACK if status == "interrupted" else Outcome.DONE
            for key, status in zip(keys, statuses, strict=True)
        }

    def close(self):
        """In order: the number in the register is given back."""
        if not self._gone:
            self._workers.leave()
        self._engine.dispose()

    def vanish(self):
        """As with the process: nothing is given back, and the server notices."""
        self._gone = True
        self._workers._let_go()


class Process:
    """One process with an engine, from its start to its end or its death.

    *dies* is the number of the commit that it dies at, and whether that is still made.
    """

    def __init__(self, folder, world, *, url=None):
        chosen = settings(folder, reconcile_seconds=3600.0, **({"url": url} if url else {}))
        self.queue = SteppedQueue(connect(chosen.url), chosen)
        self.engine = Engine(
            chosen,
            actions=world.actions(),
            model=world,
            clock=world.clock,
            dispatcher=self.queue,
            writer=partial(MortalWriter, at=NEVER),
        )
        self.is_alive = True

    def do(self, move, *, dies=None):
        """*move* with the engine, and all the work that follows from it.

        *dies* is the number of the commit at which the process ends, and whether it is still made;
        if there are as many. What it does then is told by `is_alive`.
        """
        writer = self.engine._writer
        writer.left, writer.after_commit = dies or (NEVER, False)
        try:
            move(self.engine)
            self.queue.work()
        except Died:
            self.kill()
        else:
            writer.left = NEVER

    def start(self, *, dies=None):
        """Takes up what earlier processes have left."""
        self.do(Engine.start, dies=dies)

    def kill(self):
        """Ends as by kill -9, in a moment in which nothing is under way."""
        self.is_alive = False
        self.queue.vanish()
        self.engine.close()

    def stop(self):
        """Ends in order."""
        self.is_alive = False
        self.engine.close()
