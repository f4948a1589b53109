"""Hints say no more than was measured: too few runs, too few prices, and ties are said as they are."""

from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.testclient import TestClient

from engine.http import stats as http_stats
from engine.http.fields import place
from engine.observe.stats import Learning, suggest
from engine.storage.definitions import DefinitionStore
from engine.storage.stats import WorkflowStats
from engine.testing import (
    WORKSPACE,
    FrozenClock,
    ScriptedModel,
    agent,
    inline_engine,
    tool,
    workflow,
)
from tests.engine.learned import settle

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
FLOW = workflow(agent("ask", "Hi"), tool("send"), documents=("a", "b", "c", "d"))


def measured(pattern="sequence", **changes):
    known = {
        "pattern": pattern,
        "step_count": 2,
        "sample_count": 4,
        "success_rate": 0.5,
        "avg_docs_per_step": 4.0,
        "avg_cost_per_step_micros": 100_000.0,
        "cost_deviation_micros": 25_000.5,
        "priced_steps": 4,
        "avg_duration_per_step_ms": 10.0,
        "common_failures": {"auth_failed": 2},
        "runtime_breakdown": {},
        "last_updated": NOW,
    }
    return WorkflowStats.model_validate(known | changes)


def hints(*stats, flow=FLOW):
    return suggest("w", flow, stats)


@pytest.mark.parametrize("runs", [0, 1, 2])
def test_with_too_few_runs_that_is_the_answer(runs):
    stats = [measured(sample_count=runs)] if runs else []
    found = hints(*stats)
    assert found.note == f"Not enough runs yet ({runs} of 3)."
    assert (found.budget, found.documents, found.runtime) == (None, None, None)


def test_a_budget_is_the_mean_and_one_deviation():
    found = hints(measured())
    assert found.note is None
    assert found.budget.per_step_usd == Decimal("0.125001")
    assert (found.budget.mean_usd, found.budget.samples) == (Decimal("0.1"), 4)


@pytest.mark.parametrize(
    "changes",
    [
        {"avg_cost_per_step_micros": None, "cost_deviation_micros": None, "priced_steps": 0},
        {"priced_steps": 2},
        {"avg_cost_per_step_micros": 0.0, "cost_deviation_micros": 0.0},
    ],
)
def test_there_is_no_budget_from_prices_nobody_knows(changes):
    assert hints(measured(**changes)).budget is None


def test_a_budget_is_one_that_a_definition_may_name():
    found = hints(measured(avg_cost_per_step_micros=49e6, cost_deviation_micros=9e6))
    assert found.budget.per_step_usd == 50
    FLOW.budget.model_validate({"max_cost_usd": found.budget.per_step_usd})


@pytest.mark.parametrize(
    ("average", "documents", "strategy"),
    [(4.0, FLOW.documents, "per-step"), (3.0, FLOW.documents, "keep"), (4.0, (), "keep")],
)
def test_documents_are_bound_to_steps_when_each_sees_many(average, documents, strategy):
    flow = FLOW.model_copy(update={"documents": documents})
    found = hints(measured(avg_docs_per_step=average), flow=flow)
    assert found.documents.strategy == strategy


def test_the_runtime_is_the_best_of_those_that_were_tried_enough():
    rates = {
        "lucky": {"rate": 1.0, "samples": 2},
        "good": {"rate": 0.9, "samples": 10},
        "as-good": {"rate": 0.9, "samples": 5},
        "bad": {"rate": 0.1, "samples": 99},
    }
    found = hints(measured(runtime_breakdown=rates)).runtime
    assert (found.runtime, found.success_rate, found.samples) == ("good", 0.9, 10)
    assert hints(measured()).runtime is None


@pytest.mark.parametrize(
    ("rate", "samples", "named"), [(0.61, 3, True), (0.6, 3, False), (1.0, 2, False)]
)
def test_another_pattern_is_named_when_it_is_clearly_better(rate, samples, named):
    other = measured("loop", success_rate=rate, sample_count=samples)
    found = hints(measured(), other).pattern_comparison
    assert (found is not None) is named
    if named:
        assert (found.pattern, found.own_success_rate) == ("loop", 0.5)


def served(learning, workspace):
    """The route as the engine's router has it, for one workspace."""
    workflows = SimpleNamespace(hints=lambda workflow_id: learning.hints(workspace, workflow_id))

    def bind(request: Request):
        place(request, SimpleNamespace(workflows=workflows))

    router = APIRouter(dependencies=[Depends(bind)])
    router.include_router(http_stats.router)
    application = FastAPI()
    application.include_router(router)
    return TestClient(application)


def test_hints_are_served_and_are_plain_data(tmp_path):
    flow = workflow(agent("ask", "Hi"))
    with inline_engine(tmp_path, model=ScriptedModel(["x", "y", "z"])) as engine:
        engine.put_workflow(WORKSPACE, flow, workflow_id="w")
        learning = Learning(engine.database, DefinitionStore(engine.database, FrozenClock()))
        with served(learning, WORKSPACE) as client:
            before = client.get("/workflows/w/hints").json()
            for _ in range(3):
                settle(engine, engine.submit(WORKSPACE, "w"))
            answer = client.get("/workflows/w/hints")
    assert before["note"] == "Not enough runs yet (0 of 3)."
    assert answer.status_code == 200
    body = answer.json()
    assert body["budget"]["per_step_usd"] == "0.01"
    assert body["runtime"] == {"runtime": "default", "success_rate": 1.0, "samples": 3}
    assert body["stats"]["sample_count"] == 3
    assert body["stats"]["common_failures"] == {}
