"""What random lives have found once, told plainly."""

import pytest

from engine.errors import EffectWouldRepeat
from engine.storage.events import EventLog
from engine.testing import FrozenClock, FunctionAction, actions, inline_engine
from tests.engine.nested import FAILED, SUCCEEDED, approval, call, definition, echo, loop, start


class Account:
    """An action with an effect; raises what it is given, once it has had it."""

    def __init__(self, *raises):
        self.sent = 0
        self._raises = list(raises)

    def send(self, value=None):
        self.sent += 1
        if self._raises:
            raise self._raises.pop(0)
        return value


@pytest.mark.parametrize("lost", [ConnectionError("reset"), TimeoutError(), OSError("broken pipe")])
def test_an_effect_whose_answer_was_lost_is_not_repeated_without_leave(tmp_path, lost):
    account = Account(lost)
    known = actions(send=FunctionAction(account.send, repeatable=False))
    with inline_engine(tmp_path, actions=known) as engine:
        run = start(engine, call("a", "send"))
        assert run.status is FAILED
        for mode in ("partial", "dependencies", "full"):
            with pytest.raises(EffectWouldRepeat):
                engine.resume("acme", run.id, mode=mode)
        assert account.sent == 1
        engine.resume("acme", run.id, mode="partial", repeat_effects=True)
        assert account.sent == 2


def test_what_was_inside_a_loop_that_is_gone_is_gone_too(tmp_path):
    with inline_engine(tmp_path, actions=actions()) as engine:
        broken = call("y", "echo", given={"value": "{{ x.no }}"})
        inner = loop("inner", echo("x", 1), broken, for_each=[1], **{"as": "within"})
        run = start(engine, echo("a", 1), loop("outer", inner, for_each=[1]))
        assert run.status is FAILED
        engine.put_workflow("acme", definition(echo("a", 1), echo("b", 2)), workflow_id="w")
        report = engine.resume("acme", run.id, mode="partial").resume_report
        assert report.reused == ("/a",)
        assert {(one.path, one.reason) for one in report.stale} == {
            ("/outer", "gone"),
            ("/outer/1/inner", "gone"),
            ("/outer/1/inner/1/x", "gone"),
            ("/outer/1/inner/1/y", "gone"),
        }
        assert engine.execution("acme", run.id).status is SUCCEEDED


def test_dependencies_are_found_through_a_loop_that_goes_by_the_loop_around_it(tmp_path):
    account, broken = Account(), [ValueError("broken")]

    def work():
        if broken:
            raise broken.pop()

    known = actions(send=FunctionAction(account.send, repeatable=False), work=work)
    inner = loop("inner", call("b", "work"), for_each="{{ each.item }}")
    with inline_engine(tmp_path, actions=known) as engine:
        outer = loop("outer", inner, for_each=[[1], [2]], **{"as": "each"})
        run = start(engine, call("a", "send"), outer)
        assert run.status is FAILED
        engine.resume("acme", run.id, mode="dependencies")
        assert engine.execution("acme", run.id).status is SUCCEEDED
        assert account.sent == 1


def test_that_a_question_has_expired_is_told_before_the_end_of_its_step(tmp_path):
    clock = FrozenClock()
    with inline_engine(tmp_path, actions=actions(), clock=clock) as engine:
        run = start(engine, approval("a", expires_after="30m"))
        clock.advance(1800)
        engine._reconciler.run_once()
        log = EventLog(engine.database).page("acme", run.id)
        told = [event.kind for event in log.events if event.path == "/a"]
        assert told == ["step_started", "approval_requested", "approval_decided", "step_failed"]
