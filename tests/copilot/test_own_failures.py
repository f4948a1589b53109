"""What only our own engine can fail with is explained: each code by a run that really ends so."""

import itertools
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

import knowledge_base
from copilot.bootstrap import open_app
from copilot.pipeline.diagnose import diagnose
from copilot.settings import load
from copilot.types import Verdict
from engine.errors import StepError
from engine.plugins import PluginOutcome
from engine.ports import Completion
from tests.copilot.workflow_bench import Bench, render

#: Of somebody else's making: their words are read.
TOLD_BY_THEIR_WORDS = {"step_failed", "action_failed", "agent_failed", "plugin_failed"}


class Refuses:
    class Parameters(BaseModel):
        pass

    async def check(self, output, parameters, context):
        return PluginOutcome(False, "the company is no customer")


class Breaks(Refuses):
    async def check(self, output, parameters, context):
        raise ValueError("no way to tell")


class Chatty:
    """Answers every question with the same few words."""

    async def complete(self, question):
        return Completion("I think so.", input_tokens=10, output_tokens=5)


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    settings = load({}, data=tmp_path_factory.mktemp("own"))
    plugins = {"crm_check": Refuses(), "broken_check": Breaks()}
    with open_app(settings, model=Chatty(), plugins=plugins) as app:
        yield app


@pytest.fixture
def bench(app):
    return Bench(app)


def classes(root: type) -> Iterator[type]:
    yield root
    yield from itertools.chain.from_iterable(map(classes, root.__subclasses__()))


def test_every_code_of_a_step_is_known_or_told_by_its_words():
    known = knowledge_base.load()
    shipped = [one for one in classes(StepError) if one.__module__.startswith("engine.")]
    unknown = {one.code for one in shipped if known.for_code(one.code) is None}
    assert unknown == TOLD_BY_THEIR_WORDS
    assert known.for_code("plugin_failed", "refused").entry.id == "plugin_refused"


def test_two_branches_that_differ(bench):
    bench.put(
        {
            "id": "fan",
            "type": "parallel",
            "merge": "error_on_conflict",
            "branches": [
                {"id": "legal", "steps": [render("one", "yes")]},
                {"id": "price", "steps": [render("two", "no")]},
            ],
        }
    )
    report = bench.report()
    assert (report.root_cause, report.verdict) == ("logic_error", Verdict.CONFIRMED)
    assert report.failed_step.path == "/fan"
    assert report.explanation.startswith(
        "Two branches that run side by side, 'legal' and 'price', gave different values under 'body',"
    )
    assert "namespaced" in report.message


@pytest.mark.parametrize(
    ("loop", "words"),
    [
        ({"until": "look.body == 'done'"}, "goes round at most 3 times, and that was not enough."),
        ({"for_each": [1, 2, 3, 4]}, "not enough: it has 4 items to go through."),
    ],
)
def test_a_loop_that_is_not_done(bench, loop, words):
    around = {"id": "all", "type": "loop", "max_iterations": 3, "steps": [render("look", "no")]}
    bench.put({**around, **loop})
    report = bench.report()
    assert report.root_cause == "turn_limit"
    assert report.explanation.startswith("The loop 'all' ")
    assert words in report.explanation
    assert report.failed_step.path == "/all"


def ask(bench, **settings):
    bench.put(
        {"id": "ask", "type": "approval", "name": "Send the offer", "message": "?", **settings}
    )
    return bench.run()


def test_a_person_said_no(bench):
    run = ask(bench)
    assert run.status == "paused"
    bench.service.executions.decide(
        run.id, "/ask", decision="rejected", comment="the price is wrong"
    )
    ended = bench.service.executions.wait(run.id, 60)
    report = bench.report(ended)
    assert (report.root_cause, report.verdict) == ("permission_denied", Verdict.CONFIRMED)
    assert "was asked about 'Send the offer' and said no: the price is wrong." in report.message
    assert "Nothing is broken" in report.message


def test_nobody_decided():
    text = "Nobody decided about 'Send the offer' until 2026-03-01 at 09:00 UTC."
    found = diagnose(message=text, code="approval_expired", knowledge=knowledge_base.load())
    assert found.root_cause == "timeout"
    assert "'Send the offer', and nobody decided in time, until 2026-03-01 at 09:00 UTC." in (
        found.explanation
    )


def test_a_run_that_waits_for_a_person_has_not_failed(bench):
    run = ask(bench)
    with pytest.raises(Exception, match="has the status paused"):
        bench.report(run)


def test_a_check_refused_the_output_of_a_step(bench):
    wrong = {"name": "matches", "with": {"pattern": "yes"}}
    bench.put({**render("look", "no"), "validators": ["not_empty", wrong]})
    report = bench.report()
    assert report.root_cause == "invalid_data"
    assert "a check of its output refused it: " in report.explanation


def test_a_check_refused_the_answer_of_a_model(bench):
    step = {"id": "think", "type": "agent", "prompt": "Is it so?", "retry": {"max_retries": 0}}
    bench.put({**step, "validators": [{"name": "matches", "with": {"pattern": "^yes"}}]})
    report = bench.report()
    assert report.root_cause == "invalid_model_output"
    assert "a check of its answer refused it in every attempt: " in report.explanation


def test_a_plugin_said_no(bench):
    bench.put({**render("look", "no"), "plugins": ["crm_check"]})
    report = bench.report()
    assert report.root_cause == "invalid_data"
    assert report.explanation.startswith(
        "The step did its work, and the plugin crm_check that looks at its output said no: "
        "the company is no customer."
    )


def test_a_plugin_that_could_not_say_anything(bench):
    bench.put({**render("look", "no"), "plugins": ["broken_check"]})
    report = bench.report()
    assert (report.root_cause, report.verdict) == ("upstream_error", Verdict.LIKELY)
    assert "the plugin broken_check that was to look at its output" in report.explanation


def test_a_plugin_that_can_not_be_reached_is_a_matter_of_the_network(bench):
    check = {"name": "http_check", "with": {"url": "http://nowhere.invalid/"}}
    bench.put({**render("look", "no"), "plugins": [check]})
    report = bench.report()
    assert report.root_cause == "network_error"


def test_an_effect_in_doubt(bench):
    words = (
        "Step 'Send' was interrupted, and its effect may have happened already. It was not done a "
        "second time. Look whether it was done, then resume with repeat_effects."
    )
    found = diagnose(
        message=words,
        code="conflict",
        details={"kind": "interrupted_effect", "name": "send"},
        knowledge=knowledge_base.load(),
    )
    assert (found.entry, found.root_cause) == ("effect_in_doubt", "conflict")
    assert "The process ended while 'Send' was at work" in found.explanation


@pytest.mark.parametrize(
    ("limit", "cause", "words"),
    [
        ({"budget": {"max_tokens": 1}}, "budget_exceeded", "token"),
        ({"max_turns": 1, "tools": ["render_template"]}, None, ""),
    ],
)
def test_a_limit_that_somebody_set(bench, limit, cause, words):
    step = {"id": "think", "type": "agent", "prompt": "Is it so?", "retry": {"max_retries": 0}}
    bench.put({**step, **limit})
    run = bench.run()
    if cause is None:
        assert run.status == "succeeded"
        return
    report = bench.report(run)
    assert report.root_cause == cause
    assert words in report.message.lower()
