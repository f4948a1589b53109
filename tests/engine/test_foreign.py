"""Other people's code: waited for within a limit, and never mistaken for ours."""

import asyncio
import time

import pytest

from engine.errors import StepTimeout
from engine.run.foreign import awaited_result_of


def result(work, limit=30.0):
    return asyncio.run(awaited_result_of(work, limit=limit))


async def at_once():
    return "here"


async def later():
    await asyncio.sleep(0)
    return await asyncio.to_thread(lambda: "here")


async def never():
    await asyncio.sleep(60)


@pytest.mark.parametrize("work", [at_once, later])
def test_what_it_returns_is_given_whether_it_waits_or_not(work):
    assert result(work) == ("here", None)


def test_anything_that_can_be_awaited_will_do():
    class Answer:
        def __await__(self):
            told = yield from asyncio.sleep(0, "here").__await__()
            return told

    assert result(Answer) == ("here", None)


@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize("error", [ValueError, SystemExit, StopIteration, asyncio.CancelledError])
def test_what_it_raises_is_kept_before_and_after_it_has_waited(error, wait):
    async def broken():
        if wait:
            await asyncio.sleep(0)
        raise error("no")

    output, kept = result(broken)
    assert output is None
    assert isinstance(kept, RuntimeError if error is StopIteration else error)


def test_what_takes_too_long_is_stopped_and_may_clean_up():
    cleaned = []

    async def slow():
        try:
            await never()
        finally:
            cleaned.append(True)

    output, error = result(slow, limit=0.05)
    assert output is None
    assert isinstance(error, StepTimeout)
    assert cleaned == [True]


def test_its_own_time_out_is_not_ours():
    async def impatient():
        async with asyncio.timeout(0.01):
            await never()

    _, error = result(impatient)
    assert type(error) is TimeoutError


def test_the_limit_counts_what_is_done_before_the_first_wait():
    async def busy():
        time.sleep(0.2)
        await asyncio.sleep(0.2)

    _, error = result(busy, limit=0.1)
    assert isinstance(error, StepTimeout)


@pytest.mark.parametrize("work", [never, later])
def test_a_cancellation_of_ours_passes(work):
    async def cancelled():
        task = asyncio.create_task(awaited_result_of(work, limit=30.0))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
