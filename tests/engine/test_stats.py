"""What is learned from runs: each counts once, tests and stopped ones never, and the sums add up."""

import json
import statistics
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from engine.definition import load_workflow
from engine.definition.shape import Shape, shape, working_steps
from engine.errors import AuthFailed, NotFound, RateLimited
from engine.execution import ExecutionStatus
from engine.observe.stats import Learning
from engine.ports import Completion
from engine.storage.database import writing
from engine.storage.definitions import DefinitionStore
from engine.storage.records import lock_execution
from engine.storage.run_facts import Facts
from engine.storage.stat_tables import RUN_FACTS, STATS
from engine.storage.stats import Ended, deviation, roll_up, usd
from engine.testing import (
    WORKSPACE,
    FrozenClock,
    ScriptedModel,
    actions,
    agent,
    inline_engine,
    tool,
    workflow,
)
from tests.engine.learned import MOMENT, flaky, given_documents, settle

NESTED = """
name: Nested
steps:
  - {id: fetch, type: tool, action: echo}
  - id: fan
    type: parallel
    branches:
      - {id: left, steps: [{id: ask, type: agent, prompt: Hi, documents: [a]}]}
      - id: right
        steps:
          - id: rows
            type: loop
            for_each: [1, 2]
            max_iterations: 5
            steps: [{id: send, type: tool, action: echo}]
"""


def learning(engine):
    return Learning(engine.database, DefinitionStore(engine.database, FrozenClock()))


def run(engine, flow, *, workflow_id="w", workspace=WORKSPACE, **options):
    engine.put_workflow(workspace, flow, workflow_id=workflow_id)
    started = engine.submit(workspace, workflow_id, **options)
    ended = engine.wait(workspace, started.id, timeout=10)
    settle(engine, ended)
    return ended


def rows(engine, table=STATS):
    with engine.database.connect() as connection:
        return connection.execute(sa.select(table)).all()


def test_the_pattern_of_a_workflow_is_what_holds_its_steps():
    assert shape(workflow(tool("a"), tool("b"))) == Shape("sequence", 2)
    nested = load_workflow(NESTED, source="nested.yaml")
    assert shape(nested) == Shape("parallel+loop", 3)
    places = [place for place, _ in working_steps(nested)]
    assert places == ["fetch", "fan/left/ask", "fan/right/rows/*/send"]


def test_three_runs_are_summed_up_in_one_row(tmp_path):
    answers = [Completion("x", 10, 5, Decimal(cost)) for cost in ("0.10", "0.20", "0.60")]
    flow = workflow(
        agent("ask", "Hi", model="small", documents=("a", "b")),
        tool("send", "act"),
        documents=("b",),
    )
    ports = {
        "model": ScriptedModel(list(answers)),
        "actions": actions(act=flaky(AuthFailed("Expired."))),
    }
    with inline_engine(tmp_path, **ports) as engine:
        given_documents(engine, tmp_path, "a", "b")
        for _ in range(3):
            run(engine, flow)
        (row,) = rows(engine)
        (stats,) = learning(engine).stats(WORKSPACE)
    assert (row.pattern, row.step_count, row.sample_count) == ("sequence", 2, 3)
    assert row.success_rate == pytest.approx(2 / 3)
    assert json.loads(row.common_failures) == {"auth_failed": 1}
    assert row.avg_docs_per_step == 2
    assert row.avg_cost_per_step_micros == 300_000
    assert stats.cost_deviation_micros == pytest.approx(statistics.stdev([1e5, 2e5, 6e5]))
    assert json.loads(row.runtime_breakdown) == {
        "small": {"rate": 1.0, "samples": 3, "succeeded": 3}
    }


def test_a_resumed_run_replaces_what_it_said_before(tmp_path):
    flow = workflow(agent("ask", "Hi"), tool("send", "act"))
    ports = {
        "model": ScriptedModel(["x"]),
        "actions": actions(act=flaky(AuthFailed("Expired."))),
    }
    with inline_engine(tmp_path, **ports) as engine:
        failed = run(engine, flow)
        (row,) = rows(engine)
        assert (row.sample_count, row.success_rate) == (1, 0)
        engine.resume(WORKSPACE, failed.id, mode="partial")
        settle(engine, engine.wait(WORKSPACE, failed.id, timeout=10))
        (row,) = rows(engine)
        assert (row.sample_count, row.success_rate, row.common_failures) == (1, 1, "{}")
        # the answer that was kept counts as before, and the step that failed first only once
        assert (row.steps, row.priced_steps, row.cost_micros) == (2, 1, 10_000)
        assert len(rows(engine, RUN_FACTS)) == 1


def test_a_run_resumed_in_another_shape_moves_there(tmp_path):
    ports = {"actions": actions(act=flaky(AuthFailed("Expired.")))}
    with inline_engine(tmp_path, **ports) as engine:
        failed = run(engine, workflow(tool("send", "act")))
        engine.put_workflow(WORKSPACE, workflow(tool("send", "act"), tool("b")), workflow_id="w")
        engine.resume(WORKSPACE, failed.id)
        settle(engine, engine.wait(WORKSPACE, failed.id, timeout=10))
        (row,) = rows(engine)
    assert (row.step_count, row.sample_count, row.succeeded) == (2, 1, 1)


def test_test_runs_and_stopped_runs_say_nothing(tmp_path):
    ports = {"actions": actions(act=flaky(AuthFailed("Expired.")))}
    flow = workflow(tool("send", "act"))
    with inline_engine(tmp_path, **ports) as engine:
        failed = run(engine, flow, test_mode=True)
        assert rows(engine) == []
        with writing(engine.database) as connection:
            row = lock_execution(connection, failed.id)
            ended = Ended(row.id, WORKSPACE, ExecutionStatus.CANCELLED, "cancelled", False)
            roll_up(connection, ended, flow, now=MOMENT)
        assert rows(engine) == []


def test_a_step_whose_fallback_stood_in_counts_against_its_runtime(tmp_path):
    flow = load_workflow(
        """
        name: F
        steps:
          - id: ask
            type: agent
            prompt: Hi
            runtime: first
            retry: {max_retries: 0}
            fallback: {action: echo, with: {value: 1}}
        """,
        source="f.yaml",
    )
    ports = {"model": ScriptedModel([RateLimited("Slow down.")]), "actions": actions()}
    with inline_engine(tmp_path, **ports) as engine:
        assert run(engine, flow).status is ExecutionStatus.SUCCEEDED
        (stats,) = learning(engine).stats(WORKSPACE)
    assert stats.success_rate == 1
    assert stats.runtime_breakdown["first"].rate == 0
    assert stats.avg_cost_per_step_micros is None


def test_steps_of_each_iteration_and_branch_are_found_again(tmp_path):
    nested = load_workflow(NESTED, source="nested.yaml")
    with inline_engine(tmp_path, model=ScriptedModel(["x"]), actions=actions()) as engine:
        given_documents(engine, tmp_path, "a")
        assert run(engine, nested).status is ExecutionStatus.SUCCEEDED
        (row,) = rows(engine)
    assert (row.steps, row.agent_steps, row.documents) == (4, 1, 1)


def test_a_workspace_learns_from_its_own_runs_alone(tmp_path):
    with inline_engine(tmp_path, actions=actions()) as engine:
        run(engine, workflow(tool("a")))
        run(engine, workflow(tool("a")), workspace="other")
        assert [one.sample_count for one in learning(engine).stats("other")] == [1]
        assert len(rows(engine)) == 2
        with pytest.raises(NotFound):
            learning(engine).hints("third", "w")


def test_what_a_step_cost_is_unknown_rather_than_nothing(tmp_path):
    model = ScriptedModel([Completion("x", 10, 5, None)])
    with inline_engine(tmp_path, model=model) as engine:
        run(engine, workflow(agent("ask", "Hi")))
        (stats,) = learning(engine).stats(WORKSPACE)
    assert stats.avg_cost_per_step_micros is None
    assert stats.cost_deviation_micros is None


counts = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(1, 9), max_size=3)
facts = st.builds(
    Facts,
    runs=st.just(1),
    steps=st.integers(0, 99),
    cost_micros=st.integers(0, 10**12),
    cost_squares=st.integers(0, 10**30),
    failures=counts,
    tried=counts,
    held=counts,
)


@given(st.lists(facts, min_size=1, max_size=6), st.data())
def test_taking_a_run_out_leaves_the_sum_of_the_others(several, data):
    index = data.draw(st.integers(0, len(several) - 1))
    total = Facts()
    for one in several:
        total = total.plus(Facts.loads(one.dumps()))
    others = Facts()
    for one in several[:index] + several[index + 1 :]:
        others = others.plus(one)
    assert total.minus(several[index]) == others


@given(st.lists(st.integers(0, 50_000_000), min_size=2, max_size=50))
def test_the_deviation_is_that_of_the_numbers(numbers):
    found = deviation(len(numbers), sum(numbers), sum(number * number for number in numbers))
    assert found == pytest.approx(statistics.stdev(numbers), rel=1e-9, abs=1e-9)


def test_dollars_are_rounded_up_to_a_millionth():
    assert usd(1.2) == Decimal("0.000002")
    assert usd(300_000) == Decimal("0.3")
