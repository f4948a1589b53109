"""Random lives of random workflows: failures, deaths, people and time, and what always holds.

Processes die in between two commits here, which is quick; `tests/faults` kills real ones.
"""

import shutil
import tempfile
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from engine.errors import ApprovalClosed, EngineError, NotFound, NotResumable
from engine.execution import ExecutionStatus
from engine.testing import actions, inline_engine
from tests.engine.lives import Author, Life, Mischief
from tests.engine.random_flows import Drawn
from tests.engine.random_world import FAILURES

MODES = st.sampled_from(["full", "partial", "dependencies"])
KINDS = st.sampled_from(["nothing", "dies before", "dies after", "cancelled", "taken over"])
MISCHIEF = st.builds(Mischief, KINDS, st.integers(1, 6))
BUDGETS = st.sampled_from([{}, {}, {}, {"budget": {"max_tokens": 50}}])
DECISIONS = st.sampled_from(["approved", "approved", "rejected"])
#: Which steps fail next time, and how, time after time.
BROKEN = st.dictionaries(
    st.integers(0, 30),
    st.lists(st.sampled_from(sorted(FAILURES)), min_size=1, max_size=3),
    max_size=4,
)
LIMITS = st.sampled_from([{}, {}, {"timeout_seconds": 7200.0}])


@st.composite
def written(draw):
    author = Author(Drawn(draw))
    return author.flow(**draw(BUDGETS)), author


class Lives(RuleBasedStateMachine):
    """What may happen to a run, in any order."""

    def __init__(self):
        super().__init__()
        self.closing = ExitStack()
        folder = Path(tempfile.mkdtemp(prefix="life-", dir=_quick_folder()))
        self.closing.callback(shutil.rmtree, folder)
        self.life = Life(folder, url=self.database(folder))
        self.closing.callback(self.life.end)

    def database(self, folder):
        """The address of a database that has every table; None for a file in *folder*."""
        shutil.copy(_template(), folder / "engine.db")

    def teardown(self):
        with self.closing:
            if self.life.process is not None:
                self.life.finish()

    @initialize(made=written(), broken=BROKEN, mischief=MISCHIEF, limit=LIMITS)
    def begin(self, made, broken, mischief, limit):
        self.life.begin(*made)
        self.life.break_steps(broken)
        self.life.submit(mischief, **limit)

    # No rule has a precondition: which branch is first is for threads to say, and hypothesis wants
    # to be asked the same every time. What can't happen gives way to what can.

    @rule(broken=BROKEN, mischief=MISCHIEF, limit=LIMITS)
    def submit(self, broken, mischief, limit):
        self.come_up()
        if self.life.status.is_terminal:
            self.life.break_steps(broken)
            self.life.submit(mischief, **limit)
        else:
            self.life.pass_time(60, mischief)

    @rule()
    def submit_and_cancel(self):
        self.come_up()
        self.life.cancel()
        self.life.submit(cancelled=True)

    @rule(mode=MODES, repeat_effects=st.booleans(), broken=BROKEN, mischief=MISCHIEF)
    def resume(self, mode, repeat_effects, broken, mischief):
        self.come_up()
        if not self.life.can_resume:
            self.submit(broken, mischief, {})
        else:
            self.life.break_steps(broken)
            self.life.resume(mode, mischief, repeat_effects=repeat_effects)

    @rule(which=st.integers(0, 3), decision=DECISIONS, mischief=MISCHIEF)
    def decide(self, which, decision, mischief):
        self.come_up()
        if self.life.status is ExecutionStatus.PAUSED and not self.life.is_parked:
            self.life.decide(which, decision, mischief)
        else:
            self.submit({}, mischief, {})

    @rule()
    def cancel(self):
        self.come_up()
        self.life.cancel()

    @rule(seconds=st.sampled_from([60, 1800, 4000]), mischief=MISCHIEF)
    def pass_time(self, seconds, mischief):
        self.life.pass_time(seconds, mischief)

    @rule(seed=st.integers(0, 10_000))
    def change(self, seed):
        self.come_up()
        self.life.change(seed)

    @rule(in_order=st.booleans(), mischief=MISCHIEF)
    def restart(self, in_order, mischief):
        if self.life.process.is_alive:
            (self.life.stop if in_order else self.life.kill)()
        self.life.revive(mischief)

    def come_up(self):
        if not self.life.process.is_alive:
            self.life.revive()

    @rule()
    def ask_for_what_is_not_possible(self):
        """It is refused by name, and nothing has changed."""
        self.come_up()
        engine, run = self.life.process.engine, self.life.run
        before = engine.history("acme", run.id)
        with pytest.raises(NotFound):
            engine.resume("other", run.id)
        if run.status is ExecutionStatus.SUCCEEDED or (
            run.status is ExecutionStatus.PAUSED and run.error is None
        ):
            with pytest.raises(NotResumable):
                engine.resume("acme", run.id)
        people = engine.workspace("acme", actor="ada", actor_kind="person").executions
        for step in before:
            if step.kind == "approval" and step.round == run.round and step.completed_at:
                with pytest.raises(ApprovalClosed):
                    people.decide(run.id, step.path, decision="approved")
        with pytest.raises(EngineError):
            people.decide(run.id, "/nowhere", decision="approved")
        assert (engine.execution("acme", run.id), engine.history("acme", run.id)) == (run, before)


def run_lives(count, steps, machine=Lives):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=count,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_nothing_committed_is_lost_or_done_twice_whatever_happens_to_a_run():
    run_lives(40, 14)


@pytest.mark.long
def test_the_same_over_many_long_lives():
    run_lives(2000, 40)


@cache
def _quick_folder():
    """In memory where there is such a place: nothing here is about the disk."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() else None


@cache
def _template():
    """A database with every table, so that no example has to migrate."""
    folder = Path(tempfile.mkdtemp(prefix="life-template-", dir=_quick_folder()))
    with inline_engine(folder, actions=actions()):
        pass
    return folder / "engine.db"
