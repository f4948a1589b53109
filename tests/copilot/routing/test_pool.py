"""Runtimes are made ready off the path of any question, and one that can't be says why."""

import asyncio
import threading
from types import SimpleNamespace

import pytest

from copilot.errors import InvalidInput, UnknownName
from copilot.routing import open_models
from copilot.routing.pool import RuntimePool
from copilot.runtimes import FailureKind, ModelFailure
from copilot.settings import load

PATIENCE = 30
SETTINGS = load({})


class Ready:
    def __init__(self):
        self.is_closed = False

    async def aclose(self):
        self.is_closed = True


class NeverCloses(Ready):
    async def aclose(self):
        await asyncio.sleep(3_600)


class CantClose(Ready):
    async def aclose(self):
        raise OSError("broken")


def module(make, lacks=None):
    return SimpleNamespace(missing=lambda settings: lacks, make=lambda settings: make())


def pool_of(**modules):
    return RuntimePool(SETTINGS, tuple(modules), catalog=modules)


def got(pool, name, seconds=PATIENCE):
    return asyncio.run(pool.get(name, seconds))


def refused(pool, name, seconds=PATIENCE):
    with pytest.raises(ModelFailure) as caught:
        got(pool, name, seconds)
    assert caught.value.kind is FailureKind.NOT_READY
    return str(caught.value)


def test_the_first_question_makes_them_ready_one_after_the_other_in_their_order():
    made = []

    def make(name):
        made.append((name, threading.current_thread().daemon))
        return name

    runtimes = {"b": Ready(), "a": Ready()}
    pool = pool_of(
        b=module(lambda: make("b") and runtimes["b"]), a=module(lambda: make("a") and runtimes["a"])
    )
    assert made == []
    assert got(pool, "a") is runtimes["a"]
    assert got(pool, "b") is got(pool, "b") is runtimes["b"]
    assert made == [("b", True), ("a", True)]
    assert pool.names == ("b", "a")


def test_warming_it_begins_earlier():
    made = threading.Event()
    pool_of(a=module(made.set)).warm()
    assert made.wait(PATIENCE)


def broken():
    raise ImportError("No module named 'openai'")


def test_one_that_can_not_be_imported_says_why_and_keeps_nobody_else_back():
    pool = pool_of(a=module(broken), b=module(Ready))
    assert "No module named 'openai'" in refused(pool, "a")
    assert got(pool, "b")
    assert pool.problem("a") == "ImportError: No module named 'openai'"
    assert pool.problem("b") is None


def test_one_that_lacks_something_is_not_made():
    pool = pool_of(a=module(broken, lacks="Set ASK_COPILOT_OPENAI_API_KEY."))
    assert "Set ASK_COPILOT_OPENAI_API_KEY." in refused(pool, "a")
    assert pool.problem("a") == "Set ASK_COPILOT_OPENAI_API_KEY."


def test_whoever_has_no_time_does_not_wait_for_a_slow_import():
    go_on = threading.Event()
    runtime = Ready()

    def slowly():
        assert go_on.wait(PATIENCE)
        return runtime

    pool = pool_of(a=module(slowly))
    assert "still being loaded" in refused(pool, "a", 0.05)
    assert pool.problem("a") is None
    go_on.set()
    assert got(pool, "a") is runtime


def test_cancelling_one_who_waits_leaves_the_others_waiting():
    go_on = threading.Event()

    def slowly():
        assert go_on.wait(PATIENCE)
        return Ready()

    async def story():
        pool = pool_of(a=module(slowly))
        first, second = (asyncio.ensure_future(pool.get("a", PATIENCE)) for _ in range(2))
        await asyncio.sleep(0.05)
        first.cancel()
        await asyncio.wait({first})
        go_on.set()
        return await second

    assert asyncio.run(story())


def test_a_runtime_that_was_not_set_up_is_not_ready():
    assert "not among the runtimes set up" in refused(pool_of(a=module(Ready)), "b")


def test_closing_closes_those_that_are_ready_and_waits_for_nobody():
    runtimes = [Ready(), NeverCloses(), CantClose()]
    pool = pool_of(
        a=module(lambda: runtimes[0]), b=module(lambda: runtimes[1]), c=module(lambda: runtimes[2])
    )
    got(pool, "c")
    asyncio.run(asyncio.wait_for(pool.aclose(), PATIENCE))
    assert runtimes[0].is_closed


def test_a_name_that_is_no_runtime_is_told_with_the_close_ones():
    with pytest.raises(UnknownName, match="scripted"):
        RuntimePool(SETTINGS, ["scriptd"])


def test_the_rules_are_no_runtime_to_be_asked():
    with pytest.raises(InvalidInput, match="asks no model"):
        RuntimePool(SETTINGS, ["offline"])


def test_without_runtimes_in_the_settings_there_is_nothing_to_open():
    assert open_models(SETTINGS) is None
