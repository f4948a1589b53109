"""The tiles of a run: from what is stored and what it tells as it goes, null where nobody knows."""

import asyncio
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from engine.definition.budget import Budget
from engine.definition.steps import ApprovalStep, LoopStep
from engine.observe.feed import Feed
from engine.ports import Completion
from engine.run.context import NoMasker
from engine.storage import journal
from engine.storage.database import writing
from engine.storage.tables import EXECUTION
from engine.testing import FrozenClock, ScriptedModel, actions, agent, calling, tool, workflow

from .watching import parts, watched_engine


@dataclass
class Gates:
    """Actions and answers that wait until the test has looked."""

    reached: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    async def wait(self, **_given):
        self.reached.set()
        while not self.opened.is_set():
            await asyncio.sleep(0.005)
        return "done"


@contextmanager
def at_the_gate(watched, gates):
    """What a run looks like while it waits; it goes on afterwards."""
    working = threading.Thread(target=watched.queue.run)
    working.start()
    try:
        assert gates.reached.wait(10)
        yield
    finally:
        gates.opened.set()
        working.join(10)


@pytest.fixture
def gates():
    return Gates()


@pytest.fixture
def clock():
    return FrozenClock()


@pytest.fixture
def watched(tmp_path, gates, clock):
    model = ScriptedModel([])
    chosen = actions(wait=gates.wait, fail=lambda: 1 / 0)
    with watched_engine(tmp_path, hold=True, clock=clock, model=model, actions=chosen) as watched:
        watched.model = model
        yield watched


def test_before_it_begins_nothing_is_known(watched):
    run = watched.start(tool("a"))
    tiles = watched.events.live(run.id)
    assert (tiles.status.value, tiles.is_live, tiles.steps) == ("queued", False, ())
    assert tiles.elapsed.seconds is None
    assert tiles.tokens.per_second is None
    assert (tiles.cost.used_usd, tiles.cost.budget_usd) == (None, None)


def test_an_agent_that_uses_a_tool(watched, gates, clock):
    watched.model.answers = ["ready", calling("wait", cost="0.05"), "It is done."]
    run = watched.start(
        agent("first", "Begin"),
        agent("ask", "Do it", tools=("wait",), max_turns=7),
        budget=Budget(max_cost_usd=Decimal("0.20")),
    )
    with at_the_gate(watched, gates):
        clock.advance(4)
        tiles = watched.events.live(run.id)
    (step,) = tiles.steps
    assert (step.path, step.name, step.action) == ("/ask", "ask", "agent")
    assert (step.tool, step.turn, step.most_turns) == ("wait", 1, 7)
    assert tiles.is_live
    assert tiles.tokens.used == 30  # 15 of the step that has ended, 15 of the turn that has
    assert tiles.tokens.per_second == 7.5
    assert tiles.cost.used_usd == tiles.cost.counted_usd == Decimal("0.06")
    assert (tiles.cost.budget_usd, tiles.cost.budget_used_percentage) == (Decimal("0.20"), 30.0)
    assert tiles.elapsed.seconds == 4
    ended = watched.events.live(run.id)
    assert (ended.is_live, ended.steps, ended.tokens.used) == (False, (), 45)
    assert ended.cost.used_usd == Decimal("0.07")


def test_every_step_counts_once_however_its_end_falls(watched, gates):
    """The end of a step is told before it is committed; its use is not counted a second time."""
    watched.model.answers = ["ready"]
    run = watched.start(agent("first", "Begin"), tool("b", "wait"))
    with at_the_gate(watched, gates):
        told = {one.path: one for one in watched.feed.doing(run.id)}
        tiles = watched.events.live(run.id)
    assert (told["/first"].has_ended, told["/first"].tokens) == (True, 15)
    assert tiles.tokens.used == 15


def test_a_price_nobody_knows_makes_the_cost_unknown_but_not_the_count(watched, gates):
    watched.model.answers = ["ready", Completion("", 5, 5, None, calls=calling("wait").calls), "x"]
    run = watched.start(agent("first", "Begin"), agent("ask", "Do it", tools=("wait",)))
    with at_the_gate(watched, gates):
        tiles = watched.events.live(run.id)
    assert tiles.cost.used_usd is None
    assert tiles.cost.counted_usd == Decimal("0.01")
    assert tiles.tokens.used == 25


def test_what_a_model_has_said_so_far_is_shown_shortened(watched, gates):
    said = Completion("x" * 5000, 5, 5, Decimal("0.01"), calls=calling("wait").calls)
    watched.model.answers = [said, "done"]
    run = watched.start(agent("ask", "Do it", tools=("wait",)))
    with at_the_gate(watched, gates):
        (step,) = watched.events.live(run.id).steps
    assert step.text == "x" * 2000
    assert step.is_truncated


def test_the_newest_step_under_way_comes_first_and_containers_are_none(watched, gates):
    loop = LoopStep(
        id="each", for_each=[1, 2], max_iterations=2, steps=(tool("do", "wait"), tool("b"))
    )
    run = watched.start(loop)
    with at_the_gate(watched, gates):
        steps = watched.events.live(run.id).steps
    assert [(one.path, one.tool) for one in steps] == [("/each/1/do", "wait")]


def test_a_run_elsewhere_is_known_by_whole_steps(watched, gates, clock):
    """A process that does not carry it out has the store alone."""
    watched.model.answers = ["ready"]
    run = watched.start(agent("first", "Begin"), tool("b", "wait"))
    elsewhere = parts(watched.engine, Feed(clock, NoMasker()), clock)[2]
    with at_the_gate(watched, gates):
        tiles = elsewhere.live("acme", run.id)
    assert not tiles.is_live
    assert [(one.path, one.tool, one.started_at) for one in tiles.steps] == [("/b", "wait", None)]
    assert tiles.tokens.used == 15


def test_waiting_for_a_person_is_no_time_of_the_run(watched, clock):
    run = watched.start(ApprovalStep(id="ask", message="Send it?"), tool("b"))
    watched.queue.run()
    clock.advance(3600)
    tiles = watched.events.live(run.id)
    assert (tiles.status.value, tiles.elapsed.seconds, tiles.steps) == ("paused", 0, ())
    assert not tiles.is_live
    assert watched.feed.doing(run.id) is None


def test_of_a_run_that_was_cancelled_nothing_is_under_way(watched, gates):
    watched.model.answers = [calling("wait", cost="0.05")]
    run = watched.start(agent("ask", "Do it", tools=("wait",)))
    with at_the_gate(watched, gates):
        watched.engine.cancel("acme", run.id)
    tiles = watched.events.live(run.id)
    assert (tiles.status.value, tiles.is_live, tiles.steps) == ("cancelled", False, ())
    assert (tiles.tokens.used, tiles.cost.used_usd) == (15, Decimal("0.05"))
    assert watched.feed.doing(run.id) is None


def test_a_run_that_another_has_taken_over_is_not_live_here(watched, gates, clock):
    """This process has not noticed yet, and still says what its own interpreter is at."""
    run = watched.start(tool("a", "wait"))
    with at_the_gate(watched, gates):
        assert watched.events.live(run.id).is_live
        with writing(watched.engine.database) as connection:
            journal.begin(connection, run.id, dispatch=1, token="theirs", now=clock.now())
        tiles = watched.events.live(run.id)
        assert (tiles.status.value, tiles.is_live) == ("running", False)
        assert [(one.path, one.started_at) for one in tiles.steps] == [("/a", None)]
    assert watched.feed.doing(run.id) is None


def ran(watched, clock, seconds, **changes):
    """A run that has ended, and took so long."""
    run = watched.engine.submit("acme", "w")
    watched.queue.run()
    times = {"round_started_at": clock.now(), "completed_at": clock.now() + seconds} | changes
    with watched.engine.database.begin() as connection:
        connection.execute(sa.update(EXECUTION).where(EXECUTION.c.id == run.id).values(**times))
    clock.advance(1)
    return run


def test_the_time_of_the_last_whole_runs_is_the_estimate(watched, clock):
    run = watched.start(tool("a"))
    watched.engine.cancel("acme", run.id)
    ran(watched, clock, timedelta(seconds=10))
    assert watched.events.live(run.id).elapsed.estimated_seconds is None
    ran(watched, clock, timedelta(seconds=25), paused_seconds=5.0)
    ran(watched, clock, timedelta(seconds=60))
    ran(watched, clock, timedelta(seconds=999), test_mode=True)
    ran(watched, clock, timedelta(seconds=999), round=2, resume_mode="partial")
    ran(watched, clock, timedelta(seconds=999), status="failed")
    ran(watched, clock, timedelta(seconds=999), workspace_id="other")
    elapsed = watched.events.live(run.id).elapsed
    assert (elapsed.estimated_seconds, elapsed.samples) == (20, 3)


def test_a_round_that_keeps_outputs_has_no_estimate_of_time(watched, clock):
    run = watched.start(tool("a"), tool("b", "fail"))
    watched.queue.run()
    watched.engine.put_workflow("acme", workflow(tool("a"), tool("b")), workflow_id="w")
    for _ in range(3):
        ran(watched, clock, timedelta(seconds=10))
    assert watched.events.live(run.id).elapsed.estimated_seconds == 10
    watched.engine.resume("acme", run.id, mode="partial")
    assert watched.events.live(run.id).elapsed.estimated_seconds is None


def test_the_budget_counts_every_round_and_the_tile_only_this_one(watched):
    watched.model.answers = ["ready", "ready again"]
    run = watched.start(
        agent("first", "Begin"), tool("b", "fail"), budget=Budget(max_cost_usd=Decimal(1))
    )
    watched.queue.run()
    watched.engine.resume("acme", run.id, mode="full")
    watched.queue.run()
    tiles = watched.events.live(run.id)
    assert (tiles.round, tiles.tokens.used) == (2, 15)
    assert tiles.cost.used_usd == Decimal("0.01")
    assert (tiles.cost.counted_usd, tiles.cost.budget_used_percentage) == (Decimal("0.02"), 2.0)


def test_what_was_estimated_before_is_shown(watched):
    run = watched.start(tool("a"))
    estimate = (
        '{"least_tokens": 10, "most_tokens": 90, "least_cost_usd": "0.01", "most_cost_usd": null}'
    )
    with watched.engine.database.begin() as connection:
        connection.execute(sa.update(EXECUTION).values(estimate=estimate))
    tiles = watched.events.live(run.id)
    assert (tiles.tokens.estimated_least, tiles.tokens.estimated_most) == (10, 90)
    assert tiles.cost.estimated_least_usd == Decimal("0.01")
    assert tiles.cost.estimated_most_usd is None
