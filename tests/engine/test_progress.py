"""Progress: one count when asked for, rounded half up, never stored."""

import threading

import pytest

from engine.dispatch.inline import InlineDispatcher
from engine.engine import Engine
from engine.execution import ExecutionStatus
from engine.observe.progress import percentage
from engine.testing import actions, inline_engine, settings, tool, workflow


@pytest.mark.parametrize(
    ("completed", "total", "percent"),
    [
        (0, 0, 0),
        (0, 5, 0),
        (1, 5, 20),
        (2, 5, 40),
        (5, 5, 100),
        (1, 8, 13),  # 12.5: half up, where Python's round would give 12
        (3, 8, 38),
        (5, 8, 63),
        (1, 3, 33),
        (2, 3, 67),
        (1, 200, 1),
        (199, 200, 100),
    ],
)
def test_percentage(completed, total, percent):
    assert percentage(completed, total) == percent


def test_a_failed_step_counts_in_the_total_and_is_not_completed(tmp_path):
    def fail():
        raise ValueError

    steps = [tool(name) for name in "abcd"] + [tool("e", "fail")]
    with inline_engine(tmp_path, actions=actions(fail=fail)) as engine:
        engine.put_workflow("acme", workflow(*steps), workflow_id="w")
        run = engine.submit("acme", "w")
        progress = engine.progress("acme", run.id)
    assert (progress.agents_completed, progress.agents_total) == (4, 5)
    assert progress.progress_percentage == 80
    assert progress.status is ExecutionStatus.FAILED
    assert progress.progress_calculation_method == "agent-based"


def test_before_it_starts_and_after_it_ends(tmp_path):
    queue = InlineDispatcher(hold=True)
    with inline_engine(tmp_path, actions=actions(), dispatcher=queue) as engine:
        engine.put_workflow("acme", workflow(*(tool(name) for name in "abc")), workflow_id="w")
        run = engine.submit("acme", "w")
        before = engine.progress("acme", run.id)
        assert (before.progress_percentage, before.current_stage) == (0, "a")
        queue.run()
        after = engine.progress("acme", run.id)
        assert (after.progress_percentage, after.current_stage) == (100, None)
        assert after.last_updated_at > before.last_updated_at


def test_it_follows_a_run_step_by_step_and_never_goes_back(tmp_path):
    gates = {name: threading.Event() for name in "abcde"}
    reached = {name: threading.Event() for name in "abcde"}

    async def gate(name):
        import asyncio

        reached[name].set()
        while not gates[name].is_set():
            await asyncio.sleep(0.005)

    steps = [tool(name, "gate", name=name) for name in "abcde"]
    with Engine(settings(tmp_path), actions=actions(gate=gate)) as engine:
        engine.put_workflow("acme", workflow(*steps), workflow_id="w")
        run = engine.submit("acme", "w")
        for number, name in enumerate("abcde"):
            assert reached[name].wait(10)
            progress = engine.progress("acme", run.id)
            assert progress.progress_percentage == 20 * number
            assert (progress.current_stage, progress.status.value) == (name, "running")
            states = [step.status.value for step in engine.steps("acme", run.id)]
            assert states == ["succeeded"] * number + ["running"] + ["pending"] * (4 - number)
            gates[name].set()
        ended = engine.wait("acme", run.id, 60)
        assert ended.status is ExecutionStatus.SUCCEEDED
        assert engine.progress("acme", run.id).progress_percentage == 100


def test_a_resume_starts_from_what_is_kept(tmp_path):
    broken = True

    def fragile():
        if broken:
            raise ValueError

    queue = InlineDispatcher(hold=True)
    steps = [tool("a"), tool("b"), tool("c", "fragile"), tool("d")]
    with inline_engine(tmp_path, actions=actions(fragile=fragile), dispatcher=queue) as engine:
        engine.put_workflow("acme", workflow(*steps), workflow_id="w")
        run = engine.submit("acme", "w")
        queue.run()
        engine.resume("acme", run.id, mode="partial")
        assert engine.progress("acme", run.id).progress_percentage == 50
        assert engine.progress("acme", run.id).current_stage == "c"
        queue.run()
        engine.resume("acme", run.id, mode="full")
        assert engine.progress("acme", run.id).progress_percentage == 0
        broken = False
        queue.run()
        assert engine.progress("acme", run.id).progress_percentage == 100


def test_the_count_is_answered_from_an_index_alone(tmp_path):
    with inline_engine(tmp_path) as engine, engine.database.connect() as connection:
        plan = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT count(*), (SELECT max(completed_at) FROM step_run "
            "WHERE execution_id = 'x' AND status = 'succeeded' AND depth = 1 "
            "AND superseded_in IS NULL) FROM step_run WHERE execution_id = 'x' "
            "AND status = 'succeeded' AND depth = 1 AND superseded_in IS NULL"
        ).all()
    index = "COVERING INDEX ix_step_run_status"
    keys = "(execution_id=? AND status=? AND depth=? AND superseded_in=?)"
    assert str(plan).count(f"{index} {keys}") == 2


STAGES = [
    {"name": "initialization", "steps": ["a"], "weight": 5},
    {"name": "scaffolding", "steps": ["b", "c"], "weight": 40},
    {"name": "validation", "steps": ["d"], "weight": 55},
]


@pytest.mark.parametrize(
    ("stages", "broken", "stage", "percent"),
    [
        (STAGES, "a", "initialization", 5.0),
        (STAGES, "b", "scaffolding", 45.0),
        (STAGES, "c", "scaffolding", 45.0),
        (STAGES, "d", "validation", 100.0),
        ([{**one, "weight": None} for one in STAGES], "b", "scaffolding", 66.67),
        ([STAGES[0], {"name": "rest", "steps": ["c"]}], "b", "initialization", 50.0),
        ([{"name": str(n), "steps": [step]} for n, step in enumerate("abcd")], "b", "1", 50.0),
        ([], "b", "b", None),
        ([STAGES[2]], "a", "a", 0.0),
    ],
)
def test_stages_are_named_and_weighted_beside_the_count(tmp_path, stages, broken, stage, percent):
    def fail():
        raise ValueError

    steps = [tool(name, "fail" if name == broken else "echo") for name in "abcd"]
    with inline_engine(tmp_path, actions=actions(fail=fail)) as engine:
        engine.put_workflow("acme", workflow(*steps, stages=stages), workflow_id="w")
        progress = engine.progress("acme", engine.submit("acme", "w").id)
    assert (progress.current_stage, progress.stage_progress_percentage) == (stage, percent)
    assert progress.progress_percentage == percentage("abcd".index(broken), 4)


def test_a_run_that_has_succeeded_has_all_of_its_stages(tmp_path):
    with inline_engine(tmp_path, actions=actions()) as engine:
        stages = [{"name": "only", "steps": ["a"], "weight": 3}]
        engine.put_workflow("acme", workflow(tool("a"), stages=stages), workflow_id="w")
        progress = engine.progress("acme", engine.submit("acme", "w").id)
    assert (progress.current_stage, progress.stage_progress_percentage) == (None, 100.0)
