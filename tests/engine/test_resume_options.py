"""What a resume would keep and take, told without doing it."""

from decimal import Decimal

import pytest

from engine.errors import NotFound
from engine.ports import Completion
from engine.testing import ScriptedModel, actions, agent, inline_engine, tool, workflow
from engine.testing.builders import FunctionAction

UNPRICED = Completion("b", input_tokens=10, output_tokens=5, cost_usd=None)


class World:
    broken = True

    def fragile(self, value=None):
        if self.broken:
            raise ValueError("not yet")
        return value


@pytest.fixture
def world():
    return World()


@pytest.fixture
def engine(tmp_path, world):
    model = ScriptedModel(["one", "two", UNPRICED, "four"])
    sent = FunctionAction(lambda: "sent", repeatable=False)
    known = actions(fragile=world.fragile, send=sent)
    with inline_engine(tmp_path, actions=known, model=model) as engine:
        yield engine


ASKING = workflow(agent("think", "go"), tool("after", "fragile", value="{{ think }}"))


def run(engine, definition=None, **options):
    if definition is not None:
        engine.put_workflow("acme", definition, workflow_id="w")
    return engine.submit("acme", "w", **options).id


def options(engine, execution_id):
    found = engine.resume_options.of("acme", execution_id)
    return {one.mode: one for one in found.options}


def test_tokens_time_and_cost_come_from_the_steps_that_run_again(engine, world):
    failed = run(engine, ASKING)
    full = options(engine, failed)["full"].estimate
    assert (full.tokens, full.cost_usd, full.samples) == (15, Decimal("0.01"), 0)
    assert (full.milliseconds, full.unknown) == (None, ("after",))
    world.broken = False
    run(engine)
    full = options(engine, failed)["full"].estimate
    assert (full.tokens, full.cost_usd, full.samples, full.unknown) == (15, Decimal("0.01"), 1, ())
    assert full.milliseconds is not None
    partial = options(engine, failed)["partial"].estimate
    assert (partial.tokens, partial.cost_usd) == (0, 0)


def test_one_unknown_price_makes_the_cost_unknown_and_not_smaller(engine, world):
    failed = run(engine, ASKING)
    run(engine)
    run(engine)
    assert options(engine, failed)["full"].estimate.tokens == 15
    assert options(engine, failed)["full"].estimate.cost_usd is None


def test_tests_do_not_count(engine, world):
    failed = run(engine, ASKING, test_mode=True)
    full = options(engine, failed)["full"].estimate
    assert (full.tokens, full.cost_usd, full.unknown) == (None, None, ("think", "after"))


def test_another_kind_of_step_tells_nothing_about_this_one(engine, world):
    failed = run(engine, ASKING)
    engine.put_workflow("acme", workflow(tool("think", "echo"), ASKING.steps[1]), workflow_id="w")
    found = options(engine, failed)["full"].estimate
    assert found.unknown == ("think", "after")
    assert (found.tokens, found.cost_usd) == (0, 0)


def test_the_report_is_the_one_that_the_resume_gives(engine, world):
    failed = run(engine, ASKING)
    told = options(engine, failed)
    for mode in ("dependencies", "partial", "full"):
        again = options(engine, failed)[mode].report
        resumed = engine.resume("acme", failed, mode=mode)
        assert resumed.resume_report == again
    assert told["partial"].report.reused == ("/think",)


def test_what_would_be_refused_says_so_in_the_same_words(engine, world):
    loop = {"id": "each", "type": "loop", "for_each": [1], "max_iterations": 3,
            "steps": [{"id": "send", "type": "tool", "action": "send"},
                      {"id": "bad", "type": "tool", "action": "fragile", "retry": {"max_retries": 0}}]}  # fmt: skip
    definition = type(ASKING).model_validate({"name": "w", "steps": [loop]})
    failed = run(engine, definition)
    found = options(engine, failed)["full"]
    assert found.refused_code == "effect_would_repeat"
    assert (found.report, found.estimate) == (None, None)
    assert "/each/1/send" in found.refused
    assert options(engine, failed)["partial"].refused is None


def test_the_headline_names_the_step_and_its_error(engine, world):
    failed = run(engine, ASKING)
    found = engine.resume_options.of("acme", failed)
    assert found.headline == "Step 2 Failed: not yet"
    world.broken = False
    assert engine.resume_options.of("acme", run(engine)).headline == "Run Succeeded"


def test_another_workspace_has_no_such_run(engine, world):
    failed = run(engine, ASKING)
    with pytest.raises(NotFound):
        engine.resume_options.of("other", failed)
