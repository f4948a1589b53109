"""Why a run goes on, as its log tells it: asked for, after a pause, after its process was lost."""

from datetime import timedelta

import pytest

from engine.dispatch.inline import InlineDispatcher
from engine.errors import QuotaExhausted
from engine.testing import Died, FrozenClock, MortalWriter, actions, inline_engine
from tests.engine.nested import SUCCEEDED, call, echo, start


def told(engine, run):
    """What the log says of the run as a whole, with why it goes on."""
    events = engine.streams.page("acme", run.id).events
    return [(one.kind, one.facts.get("reason")) for one in events if one.path is None]


def lost(folder, at):
    """A run whose process has died at commit number *at*."""
    queue = InlineDispatcher(hold=True)
    with inline_engine(
        folder, actions=actions(), dispatcher=queue, writer=lambda one: MortalWriter(one, at=at)
    ) as engine:
        run = start(engine, echo("a"), echo("b"))
        with pytest.raises(Died):
            queue.run()
    return run


def test_a_run_that_was_lost_says_once_that_it_was_recovered(tmp_path):
    run = lost(tmp_path, at=3)
    with inline_engine(tmp_path, actions=actions()) as engine:
        engine._reconciler.run_once()
        assert engine.execution("acme", run.id).status is SUCCEEDED
        assert told(engine, run) == [
            ("execution_started", None),
            ("execution_resumed", "recovered"),
            ("execution_completed", None),
        ]


def test_one_that_is_lost_again_before_it_goes_on_does_not_say_it_twice(tmp_path):
    run = lost(tmp_path, at=3)
    for _ in range(2):
        with inline_engine(tmp_path, dispatcher=InlineDispatcher(hold=True)) as engine:
            engine._reconciler.run_once()
    with inline_engine(tmp_path, actions=actions()) as engine:
        engine._reconciler.run_once()
        assert told(engine, run).count(("execution_resumed", "recovered")) == 1


def test_one_that_was_lost_in_the_queue_has_nothing_to_tell(tmp_path):
    held = InlineDispatcher(hold=True)
    with inline_engine(tmp_path, actions=actions(), dispatcher=held) as engine:
        run = start(engine, echo("a"))
    with inline_engine(tmp_path, actions=actions()) as engine:
        engine._reconciler.run_once()
        assert told(engine, run) == [("execution_started", None), ("execution_completed", None)]


def test_after_a_quota_it_says_that_its_pause_is_over_and_not_that_it_was_asked_for(tmp_path):
    clock = FrozenClock()
    later = clock.now() + timedelta(hours=1)

    def send():
        if clock.now() < later:
            raise QuotaExhausted("used up", resets_at=later.isoformat(), name="X")

    with inline_engine(tmp_path, actions=actions(send=send), clock=clock) as engine:
        run = start(engine, call("s", "send"))
        clock.advance(3600)
        engine.parked.tick(clock.now())
        assert told(engine, run) == [
            ("execution_started", None),
            ("execution_paused", "quota"),
            ("execution_resumed", "pause_over"),
            ("execution_started", None),
            ("execution_completed", None),
        ]
        (resumed,) = [
            one
            for one in engine.streams.page("acme", run.id).events
            if one.kind == "execution_resumed"
        ]
        assert (resumed.round, resumed.facts["mode"]) == (2, "partial")


def test_a_run_that_a_person_resumes_by_hand_says_so(tmp_path):
    with inline_engine(tmp_path, actions=actions(fail=lambda: 1 / 0)) as engine:
        run = start(engine, call("s", "fail"))
        engine.resume("acme", run.id, mode="partial")
        assert told(engine, run)[2:4] == [
            ("execution_resumed", "asked"),
            ("execution_started", None),
        ]
