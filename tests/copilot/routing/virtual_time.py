"""An event loop whose time passes at once: whoever sleeps an hour is awake immediately."""

import asyncio


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time stands still while there is something to do, and jumps to the next timer then."""

    def __init__(self):
        super().__init__()
        self._passed = 0.0

    def time(self):
        return self._passed

    def _run_once(self):
        if not self._ready:
            waiting = [timer.when() for timer in self._scheduled if not timer.cancelled()]
            if not waiting:
                raise AssertionError("Nothing is left to happen, and somebody waits for it.")
            self._passed = max(self._passed, min(waiting))
        super()._run_once()


def in_virtual_time(coroutine):
    """What it gives, and how many seconds that took."""

    async def timed():
        loop = asyncio.get_running_loop()
        return await coroutine, loop.time()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(timed())
