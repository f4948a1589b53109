"""The models' own event loop: nobody who uses it hangs, whatever runs on it."""

import asyncio
import signal
import threading
import time

import pytest

from copilot.routing.loop import ModelLoop

PATIENCE = 30


@pytest.fixture
def loop():
    loop = ModelLoop()
    yield loop
    loop.close()


async def soon(value):
    await asyncio.sleep(0)
    return value


async def never(cancelled):
    try:
        await asyncio.sleep(3_600)
    except asyncio.CancelledError:
        cancelled.set()
        raise


def test_it_gives_what_the_coroutine_gives(loop):
    assert loop.run(soon(7), 5) == 7


def test_it_raises_what_the_coroutine_raises(loop):
    async def fail():
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        loop.run(fail(), 5)


def test_all_run_on_one_loop_in_one_thread_that_keeps_no_process_alive(loop):
    async def where():
        return threading.current_thread(), asyncio.get_running_loop()

    first, second = loop.run(where(), 5), loop.run(where(), 5)
    assert first == second
    assert first[0].daemon
    assert first[0] is not threading.current_thread()


def test_it_does_not_start_before_it_is_used():
    before = threading.active_count()
    loop = ModelLoop()
    assert threading.active_count() == before
    loop.close()


def test_whoever_is_over_time_is_cancelled(loop):
    cancelled = threading.Event()
    with pytest.raises(TimeoutError):
        loop.run(never(cancelled), 0.1)
    assert cancelled.wait(PATIENCE)


def test_nobody_waits_longer_though_the_loop_is_held_up(loop):
    released = threading.Event()

    async def hold_up():
        released.wait(PATIENCE)

    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        loop.run(hold_up(), 0.1)
    assert time.monotonic() - begun < PATIENCE / 2
    released.set()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers here")
def test_ctrl_c_cancels_what_was_asked(loop):
    cancelled = threading.Event()

    def interrupt(signum, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):
            loop.run(never(cancelled), PATIENCE)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert cancelled.wait(PATIENCE)


def test_closing_cancels_everything_and_runs_the_last_thing():
    loop, cancelled, last = ModelLoop(), threading.Event(), threading.Event()

    async def tidy():
        last.set()

    future = loop.submit(never(cancelled))
    loop.run(soon(1), 5)
    loop.close(tidy())
    assert future.cancelled()
    assert cancelled.is_set()
    assert last.is_set()


def test_closing_never_hangs():
    loop, released = ModelLoop(), threading.Event()

    async def hold_up():
        released.wait(PATIENCE)

    async def deaf():
        while not released.is_set():
            try:
                await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                continue

    loop.submit(deaf())
    loop.submit(hold_up())
    begun = time.monotonic()
    loop.close()
    assert time.monotonic() - begun < PATIENCE / 2
    released.set()


def test_after_closing_nothing_is_taken_any_more():
    loop = ModelLoop()
    loop.run(soon(1), 5)
    loop.close()
    loop.close(soon(1))
    with pytest.raises(RuntimeError, match="closed"):
        loop.submit(soon(2))
