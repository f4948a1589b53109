"""Branches, parallel branches and loops: what runs, what is seen, what comes out."""

import asyncio

import pytest

from engine.testing import FunctionAction, actions, inline_engine
from tests.engine.nested import (
    FAILED,
    SUCCEEDED,
    branch,
    call,
    echo,
    loop,
    parallel,
    paths,
    start,
)


@pytest.fixture
def seen():
    return []


@pytest.fixture
def engine(tmp_path, seen):
    async def meet(name, others=2):
        """Returns only when *others* are here at the same time."""
        seen.append(name)
        while len(seen) < others:
            await asyncio.sleep(0.001)
        return name

    def fail(words="no"):
        raise ValueError(words)

    async def linger():
        seen.append("lingers")
        await asyncio.sleep(30)

    async def fail_late():
        while not seen:
            await asyncio.sleep(0.001)
        raise ValueError("late")

    def spoil(value):
        value.append("spoiled")
        return value

    def add(left, right):
        return left + right

    functions = actions(
        meet=meet,
        fail=fail,
        linger=linger,
        fail_late=fail_late,
        spoil=spoil,
        add=add,
        effect=FunctionAction(linger, repeatable=False),
    )
    with inline_engine(tmp_path, actions=functions) as engine:
        yield engine


@pytest.mark.parametrize(
    ("level", "taken", "output"),
    [("high", "urgent", "now"), ("low", "rest", "later"), ("odd", "rest", "later")],
)
def test_a_branch_goes_the_first_way_whose_condition_holds(engine, level, taken, output):
    run = start(
        engine,
        echo("triage", {"level": "{{ inputs.level }}"}),
        branch(
            "route",
            ("urgent", "triage.level == 'high'", [echo("send", "now")]),
            ("rest", None, [echo("send", "later")]),
            default="rest",
        ),
        echo("last", "{{ route }}"),
        inputs={"level": level},
    )
    assert (run.status, run.output) == (SUCCEEDED, output)
    assert paths(engine, run) == ["/triage", "/route", f"/route/{taken}/send", "/last"]


def test_a_branch_without_a_way_to_go_gives_null(engine):
    run = start(engine, branch("route", ("a", "1 > 2", [echo("x", 1)])), echo("y", "{{ route }}"))
    assert (run.status, run.output) == (SUCCEEDED, None)


def test_a_condition_that_can_not_be_judged_fails_the_step_by_name(engine):
    run = start(
        engine,
        echo("a", {"x": "text"}),
        branch("route", ("big", "a.x > 3", [echo("y")])),
    )
    assert (run.status, run.error.code) == (FAILED, "invalid_data")
    assert run.error.message == "A condition can't compare a number with text: 3 with 'text'."
    run = start(engine, echo("a", {"x": 1}), branch("route", ("big", "a.y > 3", [echo("y")])))
    assert run.error.code == "variable_not_found"
    assert run.error.message.startswith("Variable a.y not found")


def test_parallel_branches_run_at_the_same_time_and_come_out_by_name(engine, seen):
    run = start(
        engine,
        parallel(
            "fan",
            a=[call("m", "meet", given={"name": "a"})],
            b=[call("m", "meet", given={"name": "b"}), echo("x", "{{ m }}!")],
        ),
        echo("last", "{{ fan.b }}"),
    )
    assert run.output == "b!"
    assert engine.steps("acme", run.id)[0].output == {"a": "a", "b": "b!"}
    assert sorted(seen) == ["a", "b"]


def test_no_branch_sees_what_another_does_to_the_values_of_before(engine):
    run = start(
        engine,
        echo("rows", ["first"]),
        parallel(
            "fan",
            a=[call("s", "spoil", given={"value": "{{ rows }}"})],
            b=[call("s", "spoil", given={"value": "{{ rows }}"})],
        ),
        echo("last", "{{ rows }}"),
    )
    assert run.output == ["first"]
    assert engine.steps("acme", run.id)[1].output == {
        "a": ["first", "spoiled"],
        "b": ["first", "spoiled"],
    }


@pytest.mark.parametrize(
    ("merge", "a", "b", "output"),
    [
        ("namespaced", 1, None, {"a": 1, "b": None}),
        ("last_wins", {"x": 1, "y": 1}, {"y": 2}, {"x": 1, "y": 2}),
        ("last_wins", {"x": 1}, None, {"x": 1}),
        ("append", [1, 2], 3, [1, 2, 3]),
        ("append", None, [], []),
        ("error_on_conflict", {"x": 1, "y": 1}, {"y": 1, "z": 2}, {"x": 1, "y": 1, "z": 2}),
    ],
)
def test_merging(engine, merge, a, b, output):
    run = start(engine, parallel("fan", merge=merge, a=[echo("x", a)], b=[echo("x", b)]))
    assert (run.status, run.output) == (SUCCEEDED, output)


def test_a_conflict_names_both_branches_and_the_key(engine):
    lanes = {"left": [echo("x", {"to": "ada"})], "right": [echo("x", {"to": "eve"})]}
    run = start(engine, parallel("fan", merge="error_on_conflict", name="Fan", **lanes))
    assert run.error.code == "merge_conflict"
    assert run.error.message == (
        "The branches 'left' and 'right' of 'Fan' gave different values under 'to'."
    )
    assert run.error.details["branches"] == ["left", "right"]
    assert paths(engine, run) == ["/fan/left/x", "/fan/right/x"]


def test_fields_of_what_has_none_can_not_be_merged(engine):
    run = start(engine, parallel("fan", merge="last_wins", a=[echo("x", 1)], b=[echo("x", {})]))
    assert (run.error.code, run.error.details["field"]) == ("invalid_data", "a")


def test_when_a_branch_fails_the_others_finish(engine):
    run = start(
        engine,
        parallel("fan", a=[call("bad", "fail")], b=[echo("x", 1), echo("y", 2)]),
        echo("after"),
    )
    assert (run.status, run.current_step) == (FAILED, "fan")
    assert run.error.message == "no"
    assert run.error.details["failed_path"] == "/fan/a/bad"
    assert paths(engine, run, "failed") == ["/fan", "/fan/a/bad"]
    assert paths(engine, run) == ["/fan/b/x", "/fan/b/y"]
    assert paths(engine, run, "skipped") == ["/after"]


@pytest.mark.parametrize("action", ["linger", "effect"])
def test_when_a_branch_fails_the_others_are_stopped_where_that_is_declared(engine, action):
    inner = parallel("in", x=[call("slow", action)], y=[echo("z")])
    run = start(
        engine,
        parallel("fan", on_failure="cancel", a=[call("bad", "fail_late")], b=[inner, echo("no")]),
    )
    assert run.status is FAILED
    assert run.error.message == "late"
    steps = {step.path: step for step in engine.steps("acme", run.id)}
    stopped = steps["/fan/b/in/x/slow"]
    assert (stopped.status.value, stopped.error.code) == ("failed", "step_stopped")
    assert "the branch 'a' beside it had failed" in stopped.error.message
    assert steps["/fan/b/in/y/z"].status.value == "succeeded"
    assert "/fan/b/no" not in steps


def test_a_loop_goes_through_a_list(engine):
    run = start(
        engine,
        echo("rows", ["a", "b", "c"]),
        loop(
            "each",
            echo("x", "{{ loop.number }}{{ loop.item }}{{ loop.previous }}"),
            for_each="{{ rows }}",
        ),
    )
    assert run.output == ["1a", "2b1a", "3c2b1a"]
    assert [path for path in paths(engine, run) if path.endswith("/x")] == [
        "/each/1/x",
        "/each/2/x",
        "/each/3/x",
    ]


def test_updates_of_one_iteration_reach_the_next(engine):
    run = start(
        engine,
        loop(
            "sum",
            call(
                "add", "add", given={"left": "{{ loop.state.total }}", "right": "{{ loop.number }}"}
            ),
            state={"total": 0, "from": "{{ inputs.x }}"},
            update={"total": "{{ add }}"},
            until="loop.state.total >= 10",
            output="state",
        ),
        inputs={"x": "start"},
    )
    assert run.output == {"total": 10, "from": "start"}


def test_the_exit_condition_sees_the_output_and_the_context(engine):
    run = start(
        engine,
        echo("enough", 3),
        loop(
            "l",
            echo("x", "{{ loop.number }}"),
            until="x == enough and loop.number > 1",
            output="last",
        ),
    )
    assert run.output == 3


def test_a_while_loop_may_do_nothing(engine):
    run = start(engine, loop("l", echo("x"), **{"while": "inputs.go"}), inputs={"go": False})
    assert (run.status, run.output) == (SUCCEEDED, [])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"until": "loop.number > 5"}, "was not done after 3 iterations"),
        ({"while": "true"}, "was not done after 3 iterations"),
        ({"for_each": [1, 2, 3, 4]}, "has 4 items to go through, and at most 3"),
    ],
)
def test_the_bound_of_a_loop_holds(engine, more, words):
    run = start(engine, loop("l", echo("x"), most=3, **more))
    assert (run.status, run.error.code) == (FAILED, "loop_limit")
    assert words in run.error.message
    started = [path for path in paths(engine, run) if path.endswith("/x")]
    assert len(started) == (0 if "for_each" in more else 3)


def test_a_loop_through_what_is_no_list_fails_by_name(engine):
    run = start(engine, echo("a", {"x": 1}), loop("l", echo("x"), for_each="{{ a }}"))
    assert (run.error.code, run.error.details["field"]) == ("invalid_data", "for_each")


def test_containers_nest_and_see_outer_outputs_and_their_own(engine):
    inner = parallel(
        "fan",
        up=[echo("x", "{{ loop.item }}+{{ base }}")],
        down=[branch("b", ("odd", "loop.number in [1, 3]", [echo("y", "odd {{ got }}")]))],
    )
    run = start(
        engine,
        echo("base", 10),
        loop(
            "each",
            echo("got", "{{ loop.item }}"),
            inner,
            echo("z", "{{ fan.up }} {{ fan.down }}"),
            for_each=[1, 2],
        ),
    )
    assert run.output == ["1+10 odd 1", "2+10 "]
    assert "/each/1/fan/down/b/odd/y" in paths(engine, run)
    assert "/each/2/fan/down/b/odd/y" not in paths(engine, run)


def test_what_holds_steps_costs_nothing_itself(engine):
    run = start(engine, parallel("fan", a=[echo("x", 1)], b=[echo("y", 2)]))
    steps = engine.steps("acme", run.id)
    held = [step for step in steps if step.kind == "tool"]
    assert [step.kind for step in steps] == ["parallel", "tool", "tool"]
    assert run.total_execution_time_ms == sum(step.execution_time_ms for step in held)
    assert {step.number for step in steps} == {1}
    progress = engine.progress("acme", run.id)
    assert (progress.agents_completed, progress.agents_total) == (1, 1)
