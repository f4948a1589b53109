"""Which model an agent step asks, and where; and what a call that failed has used."""

from decimal import Decimal

import pytest

from engine.definition.steps import AgentStep
from engine.definition.workflow import Workflow
from engine.ports import Limits, ModelFacts
from engine.run.models import facts_of, model_of, runtime_of
from engine.run.spending import Usage

CHOICES = {
    "nobody_says": ({}, None, {}, (None, None)),
    "workspace": ({}, None, {"model": "w", "runtime": "here"}, ("w", "here")),
    "workspace_model_only": ({}, None, {"model": "w"}, ("w", None)),
    "workflow": ({}, "there", {"model": "w", "runtime": "here"}, (None, "there")),
    "workflow_agrees": ({}, "here", {"model": "w", "runtime": "here"}, ("w", "here")),
    "step_runtime": ({"runtime": "yon"}, "there", {"model": "w", "runtime": "here"}, (None, "yon")),
    "step_model": ({"model": "s"}, "there", {"model": "w", "runtime": "here"}, ("s", None)),
    "step_both": ({"model": "s", "runtime": "yon"}, "there", {}, ("s", "yon")),
}


def chosen(name):
    said, runtime, limits, expected = CHOICES[name]
    step = AgentStep(id="think", prompt="Why?", **said)
    return step, Workflow(name="w", runtime=runtime, steps=(step,)), Limits(**limits), expected


@pytest.mark.parametrize("name", CHOICES)
def test_the_narrowest_word_counts_and_a_model_belongs_to_its_place(name):
    step, workflow, limits, expected = chosen(name)
    assert (model_of(step, workflow, limits), runtime_of(step, workflow, limits)) == expected


@pytest.mark.parametrize("name", CHOICES)
def test_facts_are_asked_for_of_the_same_model(name):
    class Catalog:
        def find(self, model, *, runtime=None):
            return ModelFacts(id=f"{model}@{runtime}")

    step, workflow, limits, expected = chosen(name)
    assert facts_of(step, workflow, limits, Catalog()).id == "{}@{}".format(*expected)
    assert facts_of(step, workflow, limits, None) is None


def test_a_failed_call_counts_what_its_error_tells_and_is_no_turn():
    usage = Usage()
    usage.add_failed({"tokens": 30, "cost_usd": "0.02"})
    assert (usage.tokens, usage.cost_usd, usage.calls) == (30, Decimal("0.02"), 0)
    assert usage.take_uncounted() == (30, Decimal("0.02"))


def test_a_failed_call_of_unknown_cost_makes_the_whole_unknown():
    usage = Usage()
    usage.add(tokens=10, cost_usd=Decimal("0.01"))
    usage.add_failed({"tokens": 0, "cost_usd": None})
    assert (usage.tokens, usage.cost_usd) == (10, None)


def test_an_error_that_tells_nothing_counts_for_nothing():
    usage = Usage()
    usage.add_failed({"status": 503})
    assert usage == Usage()
