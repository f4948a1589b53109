"""Random nested workflows, failures, crashes at any commit and resumes: what always holds.

No committed step is lost or done twice, progress only grows within a round, and the totals of a run
are those of its steps.
"""

import shutil
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from engine.engine import Engine
from engine.errors import EffectWouldRepeat
from engine.execution import ExecutionStatus
from engine.ports import Completion
from engine.testing import Died, FrozenClock, FunctionAction, MortalWriter, actions, inline_engine
from tests.engine.nested import approval, branch, definition, loop, parallel

MOST_MOVES = 40


class SteadyModel:
    """Always answers the same, for the same price."""

    async def complete(self, question):
        return Completion("yes", input_tokens=10, output_tokens=5, cost_usd=Decimal("0.01"))


@dataclass
class World:
    """What the actions have done, over all processes."""

    failing: dict[str, int]
    done: Counter = field(default_factory=Counter)

    def work(self, name, context):
        self.done[context.effect_key] += 1
        if self.failing.get(name, 0) > 0:
            self.failing[name] -= 1
            raise ValueError(f"{name} fails")
        return {"name": name}


@st.composite
def workflows(draw):
    """Steps of every kind, at most three levels deep, each with a name of its own."""
    names = iter(f"s{number}" for number in range(1000))

    def leaf(name):
        kind = draw(st.sampled_from(["work", "work", "work", "effect", "agent", "approval"]))
        if kind == "approval":
            return approval(name)
        if kind == "agent":
            return {"id": name, "type": "agent", "prompt": "Well?"}
        retry = {"max_retries": 0}
        return {"id": name, "type": "tool", "action": kind, "with": {"name": name}, "retry": retry}

    def steps(depth, most=3):
        return [step(depth) for _ in range(draw(st.integers(1, most)))]

    def step(depth):
        name = next(names)
        kinds = ["leaf", "leaf"] + (["branch", "parallel", "loop"] if depth else [])
        match draw(st.sampled_from(kinds)):
            case "branch":
                first = draw(st.sampled_from(["true", "false"]))
                ways = (("a", first, steps(depth - 1, 2)), ("b", None, steps(depth - 1, 2)))
                return branch(name, *ways, default="b")
            case "parallel":
                on_failure = draw(st.sampled_from(["finish", "cancel"]))
                lanes = {"a": steps(depth - 1, 2), "b": steps(depth - 1, 2)}
                return parallel(name, on_failure=on_failure, **lanes)
            case "loop":
                times = draw(st.integers(1, 3))
                more = draw(
                    st.sampled_from(
                        [{"for_each": list(range(times))}, {"until": f"{name}v.number >= {times}"}]
                    )
                )
                return loop(name, *steps(depth - 1, 2), **more, **{"as": f"{name}v"})
            case _:
                return leaf(name)

    made = steps(2)
    used = [f"s{number}" for number in range(int(next(names)[1:]))]
    failing = draw(st.dictionaries(st.sampled_from(used), st.integers(1, 2), max_size=2))
    return made, failing


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A database with every table, so that no example has to migrate."""
    folder = tmp_path_factory.mktemp("template")
    with inline_engine(folder, actions=actions()):
        pass
    return folder / "engine.db"


@dataclass
class Life:
    """One run through several processes."""

    folder: object
    world: World
    clock: FrozenClock = field(default_factory=FrozenClock)
    run_id: str = ""
    percent: dict = field(default_factory=dict)
    kept: dict = field(default_factory=dict)
    times: dict = field(default_factory=dict)

    def open(self, dies=None) -> Engine:
        functions = actions(
            work=self.world.work, effect=FunctionAction(self.world.work, repeatable=False)
        )
        more = (
            {}
            if dies is None
            else {"writer": partial(MortalWriter, at=dies[0], after_commit=dies[1])}
        )
        return inline_engine(
            self.folder, actions=functions, clock=self.clock, model=SteadyModel(), **more
        )

    def submit(self, engine):
        self.run_id = engine.submit("acme", "w").id

    def check(self, engine):
        """What holds at any moment, also between a crash and the next start."""
        run = engine.execution("acme", self.run_id)
        history = engine.history("acme", self.run_id)
        assert len({(step.round, step.path) for step in history}) == len(history)
        ended = {
            (step.round, step.path): step.output
            for step in history
            if step.status.value == "succeeded"
        }
        for key, output in self.kept.items():
            assert ended.get(key) == output, f"lost {key}"
        self.kept = ended
        for round, path in ended:
            times = self.world.done[f"{self.run_id}:{round}:{path}"]
            assert self.times.setdefault((round, path), times) == times, f"{path} was done again"
        mine = [step for step in history if step.round == run.round]
        leaves = [step for step in mine if step.kind not in ("branch", "parallel", "loop")]
        assert run.total_tokens_used == sum(step.tokens_used for step in mine)
        assert run.total_execution_time_ms == sum(step.execution_time_ms for step in leaves)
        costs = [step.cost_usd for step in mine if step.cost_usd is not None]
        assert (run.total_cost_usd or 0) == sum(costs)
        percent = engine.progress("acme", self.run_id).progress_percentage
        assert percent >= self.percent.get(run.round, 0)
        self.percent[run.round] = percent
        return run

    def check_effects(self, engine):
        """An effect that was committed has not been done again in any later round."""
        done = Counter(
            step.path
            for step in engine.history("acme", self.run_id)
            if step.effect and step.status.value == "succeeded"
        )
        assert all(times == 1 for times in done.values()), done


def die_once(life, dies, move):
    """*move* in a process that dies at a commit; what it had committed is there afterwards."""
    try:
        with life.open(dies) as engine:
            move(engine)
    except Died:
        pass


@examples(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    workflows(),
    st.lists(st.tuples(st.integers(1, 12), st.booleans()), max_size=3),
    st.lists(st.sampled_from(["partial", "dependencies", "full"]), min_size=1, max_size=4),
)
def test_nothing_committed_is_lost_or_done_twice(template, tmp_path_factory, made, deaths, modes):
    steps, failing = made
    folder = tmp_path_factory.mktemp("run")
    shutil.copy(template, folder / "engine.db")
    life = Life(folder, World(dict(failing)))
    with life.open() as engine:
        engine.put_workflow("acme", definition(*steps), workflow_id="w")
    deaths, modes = list(deaths), list(modes)

    _first(life, deaths, life.submit)
    for _ in range(MOST_MOVES):
        if _moved(life, deaths, modes):
            break
    else:
        raise AssertionError("the run came to no end")
    with life.open() as engine:
        run = life.check(engine)
        assert run.status is ExecutionStatus.SUCCEEDED
        life.check_effects(engine)
    shutil.rmtree(folder)


def _first(life, deaths, submit):
    dies = deaths.pop() if deaths else None
    die_once(life, dies, submit) if dies else _whole(life, submit)
    if not life.run_id:
        with life.open() as engine:
            (run,) = engine.executions("acme")
            life.run_id = run.id


def _whole(life, move):
    with life.open() as engine:
        move(engine)


def _moved(life, deaths, modes) -> bool:
    """One more process, which may die; whether the run has succeeded."""
    dies = deaths.pop() if deaths else None
    over = []

    def move(engine):
        run = life.check(engine)
        if run.status is ExecutionStatus.SUCCEEDED:
            over.append(True)
        elif run.status is ExecutionStatus.PAUSED:
            me = engine.workspace("acme", actor="ada", actor_kind="person").executions
            for waiting in me.waiting():
                me.decide(life.run_id, waiting.path, decision="approved")
        elif run.status.is_terminal:
            mode = modes.pop() if len(modes) > 1 else modes[0]
            try:
                engine.resume("acme", life.run_id, mode=mode)
            except EffectWouldRepeat:
                engine.resume("acme", life.run_id, mode="partial", repeat_effects=True)
        life.check(engine)

    die_once(life, dies, move) if dies else _whole(life, move)
    return bool(over)
