"""Suggestions from what is stored: each with its counts, and none without enough of them."""

from decimal import Decimal
from types import SimpleNamespace

import pytest

from copilot.bootstrap import InvalidDefinition, open_app
from copilot.errors import Forbidden, InvalidInput, NotFound
from copilot.settings import load
from copilot.types.principal import Principal, PrincipalKind, Role
from tests.copilot.optimize_bench import QUOTES, ROUNDS, Priced, apply, ask, coded, of_kind
from tests.copilot.workflow_bench import Bench, tool


@pytest.fixture(scope="module")
def model():
    return Priced()


@pytest.fixture(scope="module")
def app(tmp_path_factory, model):
    with open_app(load({}, data=tmp_path_factory.mktemp("optimize")), model=model) as app:
        yield app


@pytest.fixture
def bench(app):
    return Bench(app)


def stored(bench, definition, workflow_id="w"):
    bench.service.workflows.create(definition, workflow_id=workflow_id)
    return bench.service.optimizer


def test_documents_are_bound_to_the_steps_whose_prompts_name_them(bench):
    bench.files(**{name.replace(".", "_"): "word " * 400 for name in QUOTES["documents"]})
    found = stored(bench, QUOTES).suggestions("w")
    one = coded(found, "bind_per_step")
    assert one.title == "6 docs \N{MULTIPLICATION SIGN} 3 steps = 18 injections, only 7 needed"
    assert one.severity == "medium"
    said = [fact.text for fact in one.evidence]
    assert "Only the prompt of 'compare', 'write' names 'contract.txt'." in said
    assert any(text.startswith("A run reads about 8,") for text in said)
    assert one.fix_type == "bind_documents"
    assert one.preview.diff.count("+  - ") == 7
    change = apply(bench.service, one.fix_id)
    definition = bench.service.workflows.get("w").workflow
    assert change.version == 2
    assert definition.documents == ()
    assert definition.steps[1].documents == ("terms.txt", "questions.txt")
    assert not of_kind(bench.service.optimizer.suggestions("w"), "documents")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"instructions": f"You know {', '.join(QUOTES['documents'])}."}, "all steps read them"),
        ({"steps": [ask("a", "Work."), ask("b", "Go on.")]}, "no prompt names any"),
        ({"steps": [ask("a", "Read prices.csv.")]}, "there is one step"),
    ],
    ids=["named-for-all", "never-named", "one-step"],
)
def test_without_words_that_tell_no_document_is_taken_from_a_step(bench, changes, why):
    found = stored(bench, QUOTES | changes).suggestions("w")
    assert not of_kind(found, "documents"), why


def test_what_similar_runs_cost_is_compared_with_the_limits(bench, model):
    model.costs = ["0.10", "0.20", "0.60"]
    stored(bench, {"name": "Ask", "budget": {"max_cost_usd": "1"}, "steps": [ask("a", "Say it.")]})
    for _ in range(2):
        bench.run()
    early = bench.service.optimizer.suggestions("w")
    assert (early.note, early.budget.per_step_usd) == ("Not enough runs yet (2 of 3).", None)
    bench.run()
    other = {"name": "Other", "budget": {"max_cost_usd": "0.30"}, "steps": [ask("b", "Tell it.")]}
    found = bench.service.optimizer.optimize(other)
    assert found.budget.mean_usd == Decimal("0.3")
    assert found.budget.deviation_usd == Decimal("0.264576")
    assert found.budget.per_step_usd == Decimal("0.564576")
    one = coded(found, "limit_too_low")
    assert one.severity == "high"
    assert one.evidence[0].samples == 3
    assert "± $0.2646 (one standard deviation, 3 steps)" in one.evidence[0].text
    assert one.evidence[1].text == "The limit of 'b' is $0.30, set by the workflow's budget."
    assert one.advice.startswith("Set budget.max_cost_usd to 0.57 or more")
    (step,) = found.budget.steps
    assert (step.cap_usd, step.samples) == (Decimal("0.30"), 0)


def test_a_limit_that_is_too_low_is_raised_by_a_fix_within_what_the_owner_allows(bench, model):
    model.costs = ["0.40"] * 3
    stored(bench, {"name": "Ask", "steps": [ask("a", "Say it.")]})
    for _ in range(3):
        bench.run()
    low = {"name": "Low", "budget": {"max_cost_usd": "0.30"}, "steps": [ask("b", "Tell it.")]}
    one = coded(stored(bench, low, "low").suggestions("low"), "limit_too_low")
    assert one.fix_type == "raise_budget"
    apply(bench.service, one.fix_id)
    assert bench.service.workflows.get("low").workflow.budget.max_cost_usd == Decimal("0.4")
    bench.service.account.set_settings({"budget_max_cost_per_task": 0.35})
    lower = {**low, "budget": {"max_cost_usd": "0.25"}}
    told = coded(stored(bench, lower, "lower").suggestions("lower"), "limit_too_low")
    assert (told.fix_type, told.fix_id) == (None, None)


def test_a_limit_far_above_what_steps_cost_is_told_in_words(bench):
    optimizer = stored(bench, {"name": "Ask", "steps": [ask("a", "Say it.")]})
    for _ in range(3):
        bench.run()
    one = coded(optimizer.suggestions("w"), "limit_far_above")
    assert one.title == "The limit of $5.00 a step is 500 times what such steps cost"
    assert one.fix_id is None


def test_an_estimate_over_a_limit_is_told(bench):
    definition = {"name": "Long", "budget": {"max_tokens": 5}, "steps": [ask("a", "Say it. " * 50)]}
    found = bench.service.optimizer.optimize(definition)
    assert {one.severity for one in of_kind(found, "budget")} == {"high"}
    assert (
        "over the limit of 5 set by the workflow's budget."
        in of_kind(found, "budget")[0].evidence[0].text
    )


def test_the_runtime_that_held_most_often_is_recommended_with_its_counts(bench):
    good = {"name": "Good", "steps": [ask("a", "Say it.", model="steady")]}
    bad = {"name": "Bad", "steps": [ask("b", "FAIL it.", model="shaky")]}
    optimizer = stored(bench, good, "good")
    stored(bench, bad, "bad")
    for _ in range(2):
        bench.run("good")
    assert not of_kind(optimizer.suggestions("bad"), "runtime")
    for _ in range(3):
        bench.run("good")
        bench.run("bad")
    one = coded(optimizer.suggestions("bad"), "better_runtime")
    assert one.severity == "medium"
    assert [fact.text for fact in one.evidence] == [
        "On 'steady', 5 of 5 steps succeeded (100%).",
        "On 'shaky', 0 of 3 steps succeeded (0%).",
        "'steady' is not set up here at present.",
    ]
    assert one.fix_id is None
    assert not of_kind(optimizer.suggestions("good"), "runtime")


def test_repeated_failures_of_this_workflow_and_of_similar_ones_are_told(bench):
    broken = {"name": "Broken", "steps": [tool("read", "read_sheet", file="missing.xlsx")]}
    optimizer = stored(bench, broken, "broken")
    for _ in range(5):
        bench.run("broken")
    one = coded(optimizer.suggestions("broken"), "repeated_failure")
    assert one.severity == "high"
    assert one.evidence[0].text.startswith("5 of its last 5 failed runs failed so. The newest is ")
    similar = {"name": "New", "steps": [tool("say", "render_template", body="Hello")]}
    other = coded(optimizer.optimize(similar), "failure_of_similar")
    assert other.evidence[0].text == "5 runs of 'broken' failed so."
    longer = {**similar, "steps": [*similar["steps"], tool("two", "render_template", body="x")]}
    assert not of_kind(optimizer.optimize(longer), "pattern")


def test_another_shape_is_told_when_it_fares_clearly_better(bench):
    broken = {"name": "Broken", "steps": [tool("read", "read_sheet", file="missing.xlsx")]}
    inner = [tool("say", "render_template", body="Hello")]
    loop = {"id": "all", "type": "loop", "for_each": [1], "max_iterations": 1, "steps": inner}
    optimizer = stored(bench, broken, "broken")
    stored(bench, {"name": "Loop", "steps": [loop]}, "loop")
    for _ in range(3):
        bench.run("broken")
        bench.run("loop")
    one = coded(optimizer.suggestions("broken"), "pattern_comparison")
    assert [(fact.text, fact.samples) for fact in one.evidence] == [
        ("As loop, 3 of 3 runs succeeded (100%).", 3),
        ("As sequence, 0 of 3 runs succeeded (0%).", 3),
    ]
    assert not of_kind(optimizer.suggestions("loop"), "pattern")


EACH = "For each customer write a mail."
TURNS = "Search the site. " * 20 + "Then update the table and append to the sheet. " * 4


@pytest.mark.parametrize(
    ("prompt", "code", "severity"),
    [
        (EACH, "loop_pattern", "high"),
        ("Write to the 50 customers.", "large_list", "medium"),
        (TURNS, "many_turns", "high"),
    ],
    ids=["loop", "list", "turns"],
)
def test_risks_of_prompts_are_told_whatever_starts_the_workflow(bench, prompt, code, severity):
    definition = {"name": "Risky", "steps": [ask("a", prompt, tools=["read_sheet"])]}
    found = bench.service.optimizer.optimize(definition)
    (one,) = of_kind(found, "prompt")
    assert (one.code, one.severity, one.steps) == (code, severity, ("a",))


@pytest.mark.parametrize("where", ["prompt", "instructions"])
@pytest.mark.parametrize(
    ("tools", "severity", "title", "costs"),
    [
        ([], "medium", "a loop for one answer", "all of it has to fit into one answer."),
        (["read_sheet"], "high", "a loop without a bound of its own", "each round costs turns."),
    ],
    ids=["one-turn", "turns"],
)
def test_a_loop_goes_round_only_where_there_are_turns(bench, where, tools, severity, title, costs):
    texts = {"prompt": "Write.", "instructions": "", where: EACH}
    step = ask("a", texts["prompt"], tools=tools)
    definition = {"name": "Risky", "instructions": texts["instructions"], "steps": [step]}
    (one,) = of_kind(bench.service.optimizer.optimize(definition), "prompt")
    assert one.severity == severity
    assert one.title.endswith(title)
    assert one.evidence[0].text.endswith(costs)


def test_a_prompt_that_says_how_many_at_most_has_a_bound(bench):
    optimizer = stored(bench, ROUNDS)
    one = coded(optimizer.suggestions("w"), "loop_pattern")
    assert one.fix_type == "update_instructions"
    apply(bench.service, one.fix_id)
    assert "at most 20 items" in bench.service.workflows.get("w").workflow.instructions
    assert not of_kind(optimizer.suggestions("w"), "prompt")


def test_a_definition_that_is_not_stored_comes_back_changed_and_nothing_is_stored(bench):
    found = bench.service.optimizer.optimize(ROUNDS)
    (one,) = found.suggestions
    assert (found.workflow_id, found.version, one.fix_id, one.preview) == (None,) * 4
    assert "at most 20 items" in one.changed["instructions"]
    assert bench.service.optimizer.optimize(one.changed).suggestions == ()
    assert bench.service.workflows.list() == ()


def test_what_cannot_be_read_or_is_not_there_is_refused(bench):
    optimizer = bench.service.optimizer
    with pytest.raises(InvalidDefinition):
        optimizer.optimize({"name": "None"})
    for ask_for in (
        lambda: optimizer.suggestions("w"),
        lambda: optimizer.optimize(ROUNDS, workflow_id="w"),
        lambda: optimizer.dismiss("w", "suggestion_x"),
    ):
        with pytest.raises(NotFound):
            ask_for()
    stored(bench, ROUNDS)
    with pytest.raises(NotFound):
        optimizer.dismiss("w", "suggestion_x")
    with pytest.raises(InvalidInput):
        optimizer.dismiss("w", "suggestion_x", reason="x" * 501)


def test_only_people_dismiss_a_suggestion(bench, app):
    (one,) = stored(bench, ROUNDS).suggestions("w").suggestions
    machine = Principal(
        id="m",
        name="bot",
        workspace_id=bench.workspace,
        kind=PrincipalKind.MACHINE,
        role=Role.OWNER,
    )
    asked = app.copilot.serve(machine).optimizer
    assert asked.suggestions("w").suggestions == (one,)
    with pytest.raises(Forbidden):
        asked.dismiss("w", one.suggestion_id)


def test_a_workspace_sees_no_suggestions_of_another(bench, app):
    (one,) = stored(bench, ROUNDS).suggestions("w").suggestions
    stranger = SimpleNamespace(service=app.owner("stranger")).service
    with pytest.raises(NotFound):
        stranger.optimizer.suggestions("w")
    with pytest.raises(NotFound):
        stranger.fixes.preview(one.fix_id)
