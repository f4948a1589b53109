"""Resuming runs with steps inside steps: what is kept, what is stale, and what is said about it."""

from dataclasses import dataclass, field

import pytest

from engine.errors import EffectWouldRepeat
from engine.testing import FunctionAction, actions, inline_engine
from tests.engine.nested import (
    FAILED,
    SUCCEEDED,
    approval,
    branch,
    call,
    definition,
    echo,
    loop,
    parallel,
    start,
)


@dataclass
class World:
    broken: set = field(default_factory=set)
    called: list = field(default_factory=list)

    def work(self, context, value=None):
        self.called.append(context.path)
        if context.path in self.broken:
            raise ValueError("broken")
        return value

    def calls(self):
        called, self.called = self.called, []
        return sorted(called)


@pytest.fixture
def world():
    return World()


@pytest.fixture
def engine(tmp_path, world):
    functions = actions(work=world.work, send=FunctionAction(world.work, repeatable=False))
    with inline_engine(tmp_path, actions=functions) as engine:
        yield engine


def work(step_id, value=None, action="work", **more):
    return call(step_id, action, given={"value": value}, **more)


FAN = (
    work("base", "b"),
    work("aside", "x"),
    parallel(
        "fan",
        a=[work("a1", "{{ base }}"), work("a2", "{{ a1 }}")],
        b=[work("b1", "{{ aside }}"), work("b2", "{{ b1 }}")],
    ),
    work("last", "{{ fan.a }}"),
)
ROWS = (
    work("rows", ["p", "q", "r"]),
    loop("each", work("x", "{{ loop.item }}"), work("y", "{{ x }}"), for_each="{{ rows }}"),
)


def failed_once(engine, world, steps, *broken):
    world.broken = set(broken)
    run = start(engine, *steps)
    assert run.status is FAILED
    world.calls()
    world.broken = set()
    return run


def resume(engine, run, mode, **more):
    engine.resume("acme", run.id, mode=mode, **more)
    return engine.execution("acme", run.id)


@pytest.mark.parametrize(
    ("mode", "called"),
    [
        ("partial", ["/fan/a/a2", "/last"]),
        ("dependencies", ["/base", "/fan/a/a1", "/fan/a/a2", "/last"]),
        ("full", ["/aside", "/base", "/fan/a/a1", "/fan/a/a2", "/fan/b/b1", "/fan/b/b2", "/last"]),
    ],
)
def test_inside_parallel_branches_each_mode_runs_what_it_says(engine, world, mode, called):
    run = failed_once(engine, world, FAN, "/fan/a/a2")
    ended = resume(engine, run, mode)
    assert (ended.status, ended.output) == (SUCCEEDED, "b")
    assert world.calls() == called


@pytest.mark.parametrize(
    ("mode", "called"),
    [
        ("partial", ["/each/2/y", "/each/3/x", "/each/3/y"]),
        (
            "dependencies",
            ["/each/1/x", "/each/1/y", "/each/2/x", "/each/2/y", "/each/3/x", "/each/3/y", "/rows"],
        ),
    ],
)
def test_inside_loops_each_mode_runs_what_it_says(engine, world, mode, called):
    run = failed_once(engine, world, ROWS, "/each/2/y")
    ended = resume(engine, run, mode)
    assert (ended.status, ended.output) == (SUCCEEDED, ["p", "q", "r"])
    assert world.calls() == called


def test_dependencies_stay_in_the_iteration_that_failed(engine, world):
    steps = (loop("each", work("x", 1), work("y", "{{ x }}"), for_each=[1, 2, 3]),)
    run = failed_once(engine, world, steps, "/each/3/y")
    assert resume(engine, run, "dependencies").status is SUCCEEDED
    assert world.calls() == ["/each/3/x", "/each/3/y"]


def test_dependencies_reach_back_through_what_iterations_hand_on(engine, world):
    steps = (
        loop(
            "each",
            work("x", "{{ loop.state.n }}"),
            work("y", "{{ x }}"),
            for_each=[1, 2],
            state={"n": 0},
            update={"n": "{{ y }}"},
        ),
    )
    run = failed_once(engine, world, steps, "/each/2/x")
    assert resume(engine, run, "dependencies").status is SUCCEEDED
    assert world.calls() == ["/each/1/x", "/each/1/y", "/each/2/x", "/each/2/y"]


def test_a_second_and_a_third_resume_go_on_from_where_it_broke(engine, world):
    run = failed_once(engine, world, ROWS, "/each/1/y")
    for broken, called in (
        ({"/each/2/y"}, ["/each/1/y", "/each/2/x", "/each/2/y"]),
        ({"/each/3/x"}, ["/each/2/y", "/each/3/x"]),
        (set(), ["/each/3/x", "/each/3/y"]),
    ):
        world.broken = broken
        ended = resume(engine, run, "partial")
        assert world.calls() == called
    assert (ended.status, ended.round, ended.output) == (SUCCEEDED, 4, ["p", "q", "r"])


def changed(engine, *steps):
    engine.put_workflow("acme", definition(*steps), workflow_id="w")


def test_a_changed_step_inside_makes_stale_what_reads_it_and_what_holds_it(engine, world):
    run = failed_once(engine, world, FAN, "/last")
    fan = parallel(
        "fan",
        a=[work("a1", "new {{ base }}"), work("a2", "{{ a1 }}")],
        b=[work("b1", "{{ aside }}"), work("b2", "{{ b1 }}")],
    )
    changed(engine, *FAN[:2], fan, FAN[3])
    ended = resume(engine, run, "partial")
    assert ended.output == "new b"
    assert world.calls() == ["/fan/a/a1", "/fan/a/a2", "/last"]
    report = ended.resume_report
    assert set(report.reused) == {"/base", "/aside", "/fan/b/b1", "/fan/b/b2"}
    assert {one.path: (one.reason, one.because) for one in report.stale} == {
        "/last": ("not_done", None),
        "/fan/a/a1": ("definition_changed", None),
        "/fan/a/a2": ("input_changed", "fan/a/a1"),
        "/fan": ("input_changed", "fan/a/a1"),
    }
    assert (report.mode, report.reused_total, report.stale_total) == ("partial", 4, 4)


def test_a_changed_condition_makes_all_of_its_branches_stale(engine, world):
    steps = (
        work("n", 5),
        branch(
            "way",
            ("big", "n > 3", [work("x", 1)]),
            ("small", None, [work("y", 2)]),
            default="small",
        ),
        work("last"),
    )
    run = failed_once(engine, world, steps, "/last")
    other = branch(
        "way", ("big", "n > 9", [work("x", 1)]), ("small", None, [work("y", 2)]), default="small"
    )
    changed(engine, steps[0], other, steps[2])
    assert resume(engine, run, "partial").status is SUCCEEDED
    assert world.calls() == ["/last", "/way/small/y"]
    assert "/way/big/x" not in [step.path for step in engine.steps("acme", run.id)]


def test_what_is_gone_is_said_and_a_wider_bound_keeps_the_iterations(engine, world):
    steps = (loop("l", work("x", "{{ loop.number }}"), until="x >= 4", most=3), work("old"))
    run = failed_once(engine, world, (steps[0],), "nothing")
    changed(engine, loop("l", work("x", "{{ loop.number }}"), until="x >= 4", most=9))
    ended = resume(engine, run, "partial")
    assert ended.output == [1, 2, 3, 4]
    assert world.calls() == ["/l/4/x"]
    world.broken = {"/z"}
    run = start(engine, work("y"), work("z"))
    changed(engine, work("z"))
    world.broken = set()
    report = resume(engine, run, "partial").resume_report
    assert {one.path: one.reason for one in report.stale} == {"/y": "gone", "/z": "not_done"}


@pytest.mark.parametrize("mode", ["full", "partial", "dependencies"])
def test_what_can_not_be_repeated_is_not_done_again_by_itself(engine, world, mode):
    steps = (work("rows", 1), work("mail", "{{ rows }}", "send"), work("last", "{{ mail }}"))
    run = failed_once(engine, world, steps, "/last")
    ended = resume(engine, run, mode)
    assert ended.status is SUCCEEDED
    assert "/mail" not in world.calls()
    kept = () if mode == "partial" else ("/mail",)
    assert ended.resume_report.kept_effects == kept


def test_it_is_done_again_when_somebody_says_so(engine, world):
    steps = (work("mail", 1, "send"), work("last", "{{ mail }}"))
    run = failed_once(engine, world, steps, "/last")
    assert resume(engine, run, "full", repeat_effects=True).status is SUCCEEDED
    assert world.calls() == ["/last", "/mail"]


def test_a_step_says_itself_whether_it_can_be_repeated(engine, world):
    steps = (
        work("a", 1, "send", repeatable=True),
        work("b", 1, repeatable=False),
        work("last"),
    )
    run = failed_once(engine, world, steps, "/last")
    assert resume(engine, run, "full").status is SUCCEEDED
    assert world.calls() == ["/a", "/last"]


def test_iterations_with_effects_are_not_matched_to_other_items(engine, world):
    steps = (
        work("rows", [1, 2]),
        loop("each", work("mail", "{{ loop.item }}", "send"), for_each="{{ rows }}"),
        work("last"),
    )
    run = failed_once(engine, world, steps, "/last")
    with pytest.raises(EffectWouldRepeat, match="/each/1/mail"):
        engine.resume("acme", run.id, mode="full")
    assert engine.execution("acme", run.id).status is FAILED
    assert resume(engine, run, "partial").status is SUCCEEDED
    assert world.calls() == ["/last"]


def test_a_decision_is_kept_unless_its_question_changed(engine, world):
    steps = (approval("ok", "Send?"), work("last"))
    world.broken = {"/last"}
    run = start(engine, *steps)
    me = engine.workspace("acme", actor="ada", actor_kind="person").executions
    me.decide(run.id, "/ok", decision="approved")
    world.broken = set()
    world.broken = {"/last"}
    resume(engine, run, "partial")
    assert world.calls() == ["/last", "/last"]
    changed(engine, approval("ok", "Really send?"), work("last"))
    assert resume(engine, run, "partial").status.value == "paused"
    assert [one.message for one in me.waiting()] == ["Really send?"]


def test_the_first_round_has_no_report_and_lists_are_cut(engine, world):
    steps = (
        loop("each", work("x", 1), for_each=list(range(300)), most=300),
        echo("e"),
        work("last"),
    )
    run = failed_once(engine, world, steps, "/last")
    assert run.resume_report is None
    report = resume(engine, run, "partial").resume_report
    assert (report.reused_total, len(report.reused)) == (302, 200)
