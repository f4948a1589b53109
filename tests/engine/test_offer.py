"""What definitions may name: anything else is refused on every way in, and nothing is stored."""

import pytest

from engine.definition import Trigger, Workflow, to_data
from engine.engine import Engine
from engine.errors import InvalidDefinition, InvalidSchedule
from engine.ports import ModelFacts
from engine.testing import KnownModels, ScriptedModel, actions, agent, inline_engine, tool, workflow

MODELS = KnownModels((ModelFacts(id="m"),), asked_at=("vertex", "openai"))
BAD = {
    "action": workflow(tool("a", "eko")),
    "tool": workflow(agent("a", "?", tools=("eko",))),
    "processor": workflow(agent("a", "?", processors=("parse_jsn",))),
    "validator": workflow(agent("a", "?", validators=("not_emty",))),
    "plugin": workflow(agent("a", "?", plugins=("http_chek",))),
    "parameter": workflow(agent("a", "?", validators=({"name": "range", "with": {"min": "x"}},))),
    "fallback": workflow(agent("a", "?", fallback={"action": "eko"})),
    "runtime": workflow(agent("a", "?", runtime="vertx")),
    "reference": workflow(tool("a", value="{{ b }}")),
    "schedule": workflow(tool("a"), trigger=Trigger(type="schedule", schedule="5 mins")),
}
GOOD = workflow(tool("a"), name="Good")


@pytest.fixture
def engine(tmp_path):
    with inline_engine(tmp_path, actions=actions(), catalog=MODELS, model=ScriptedModel([])) as one:
        yield one


def put(engine, flow):
    engine.put_workflow("acme", flow, workflow_id="w")


def put_again(engine, flow):
    engine.put_workflow("acme", flow, workflow_id="good")


def apply(engine, flow):
    engine.apply_change(
        "acme", change_id="c", workflow_id="good", expected_version=1, workflow=flow
    )


def create(engine, flow):
    engine.workspace("acme").workflows.create(to_data(flow), workflow_id="w")


def replace(engine, flow):
    engine.workspace("acme").workflows.replace("good", to_data(flow), expected_version=1)


@pytest.mark.parametrize("way", [put, put_again, apply, create, replace])
@pytest.mark.parametrize("flow", BAD.values(), ids=BAD)
def test_what_names_something_nobody_has_is_refused_on_every_way_in(engine, flow, way):
    put_again(engine, GOOD)
    with pytest.raises((InvalidDefinition, InvalidSchedule)) as refused:
        way(engine, flow)
    assert str(refused.value)
    assert [one.workflow_id for one in engine.workflows("acme")] == ["good"]
    assert engine.workflow("acme", "good").version == 1
    assert engine.change_version("c") is None


@pytest.mark.parametrize("way", [put, apply, create, replace])
def test_what_is_offered_is_taken_on_every_way_in(engine, way):
    put_again(engine, GOOD)
    flow = workflow(
        agent("a", "?", runtime="vertex", tools=("echo",), validators=("not_empty",)),
        trigger=Trigger(type="schedule", schedule="5m"),
    )
    way(engine, flow)
    assert flow in [one.workflow for one in engine.workflows("acme")]


def test_problems_are_said_in_the_words_of_a_definition(engine):
    for way in (put, create):
        with pytest.raises(InvalidDefinition) as refused:
            way(engine, BAD["runtime"])
        assert refused.value.args[0] == (
            "definition: a: unknown runtime 'vertx'. Did you mean vertex?",
        )


def test_without_a_catalog_any_runtime_may_be_right(tmp_path):
    with inline_engine(tmp_path) as engine:
        put(engine, BAD["runtime"])


def test_a_change_that_was_applied_stays_so_when_less_is_offered(tmp_path):
    def apply_to(engine: Engine, flow: Workflow) -> int:
        return engine.apply_change(
            "acme", change_id="c", workflow_id="w", expected_version=1, workflow=flow
        )

    flow = workflow(tool("a", "more"))
    with inline_engine(tmp_path, actions=actions(more=lambda: 1)) as engine:
        put(engine, GOOD)
        assert apply_to(engine, flow) == 2
    with inline_engine(tmp_path, actions=actions()) as engine:
        assert apply_to(engine, flow) == 2
        with pytest.raises(InvalidDefinition, match="unknown action 'more'"):
            put(engine, flow)


def test_what_is_offered_no_more_fails_at_its_step(tmp_path):
    flow = workflow(tool("a", "more"), agent("b", "?", runtime="vertex"))
    models = KnownModels(MODELS.models, asked_at=("openai",))
    with inline_engine(tmp_path, actions=actions(more=lambda: 1), catalog=MODELS) as engine:
        put(engine, flow)
    offered = {"actions": actions(), "catalog": models, "model": ScriptedModel([])}
    with inline_engine(tmp_path, **offered) as engine:
        run = engine.execution("acme", engine.submit("acme", "w").id)
        assert (run.error.code, run.current_step) == ("invalid_parameters", "a")
    offered["actions"] = actions(more=lambda: 1)
    with inline_engine(tmp_path, **offered) as engine:
        engine.resume("acme", run.id, mode="partial")
        run = engine.execution("acme", run.id)
        assert run.error.message.startswith("Unknown runtime 'vertex'.")
        assert run.error.details["available"] == ["openai"]
