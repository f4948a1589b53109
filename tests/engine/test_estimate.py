"""What a run will use, told before it starts."""

from decimal import Decimal

import pytest

from engine.definition import parse_workflow
from engine.ports import Completion, Limits, ModelFacts
from engine.run.estimate import (
    LONG_ANSWER,
    SHORT_ANSWER,
    VALUE_TOKENS,
    Estimate,
    Known,
    estimate,
)
from engine.storage.step_history import PastUse, StepHistory, place_of
from engine.testing import (
    KnownModels,
    ScriptedModel,
    actions,
    agent,
    inline_engine,
    tool,
    workflow,
)

CHEAP = ModelFacts(id="cheap", context_tokens=8000, input_usd=Decimal(1), output_usd=Decimal(4))
MODELS = KnownModels((CHEAP, ModelFacts(id="free")))


def of(steps, *, limits=None, documents=None, history=None, catalog=MODELS, **facts):
    flow = parse_workflow({"name": "N", "steps": steps, **facts}, source="n.yaml")
    known = Known(
        catalog=catalog,
        limits=limits or Limits(),
        documents=documents or {},
        history=history or {},
    )
    return estimate(flow, known)


def ask(step_id, prompt="x" * 400, **more):
    """A prompt of a hundred tokens, unless another is given."""
    return {"id": step_id, "type": "agent", "prompt": prompt, **more}


def echo(step_id):
    return {"id": step_id, "type": "tool", "action": "echo"}


def usd(input_tokens, output_tokens):
    return (Decimal(input_tokens) + 4 * Decimal(output_tokens)) / 1_000_000


def test_one_agent_by_its_prompt_and_prices():
    found = of([ask("a"), echo("b")])
    (step,) = found.steps
    assert (step.place, step.model, step.samples) == ("a", "cheap", 0)
    assert (step.least_tokens, step.most_tokens) == (100 + SHORT_ANSWER, 100 + LONG_ANSWER)
    assert step.least_cost_usd == usd(100, SHORT_ANSWER)
    assert step.most_cost_usd == usd(100, LONG_ANSWER)
    assert (found.least_cost_usd, found.most_tokens) == (step.least_cost_usd, step.most_tokens)
    assert found.warnings == ()


def test_instructions_documents_and_values_count():
    (step,) = of(
        [echo("b"), ask("a", "x" * 40 + "{{ b }}", documents=["mine", "unread"])],
        documents={"mine": 300, "theirs": 1000},
        instructions="y" * 80,
    ).steps
    read = 10 + 20 + 300
    assert step.least_tokens == read + SHORT_ANSWER
    assert step.most_tokens == read + 2 * VALUE_TOKENS + LONG_ANSWER


def test_an_unknown_price_makes_the_whole_unknown():
    found = of([ask("a"), ask("b", model="free")])
    assert found.steps[0].least_cost_usd is not None
    assert found.steps[1].most_cost_usd is None
    assert (found.least_cost_usd, found.most_cost_usd) == (None, None)
    assert found.most_tokens == 2 * (100 + LONG_ANSWER)
    bare = of([ask("a")], catalog=None)
    assert (bare.least_cost_usd, bare.steps[0].model) == (None, None)
    assert bare.least_tokens == 160 + SHORT_ANSWER


def test_tools_mean_turns():
    one, many = of([ask("a")]), of([ask("a", tools=["echo"], max_turns=3)])
    assert many.least_tokens == one.least_tokens
    assert many.most_tokens == 3 * (100 + LONG_ANSWER) + 3 * (LONG_ANSWER + VALUE_TOKENS)


def test_the_workspaces_turns_and_model_count():
    limits = Limits(max_turns=1, model="free")
    found = of([ask("a", tools=["echo"], max_turns=3)], limits=limits)
    assert (found.most_tokens, found.steps[0].model) == (100 + LONG_ANSWER, "free")


LEAST, MOST = 100 + SHORT_ANSWER, 100 + LONG_ANSWER


@pytest.mark.parametrize(
    ("step", "least", "most"),
    [
        (
            {
                "type": "branch",
                "branches": [
                    {"id": "x", "when": "inputs.a == 1", "steps": [ask("s"), ask("t")]},
                    {"id": "y", "steps": [echo("u")]},
                ],
                "default": "y",
            },
            0,
            2 * MOST,
        ),
        (
            {
                "type": "branch",
                "branches": [{"id": "x", "when": "inputs.a == 1", "steps": [ask("s")]}],
            },
            0,
            MOST,
        ),
        (
            {
                "type": "parallel",
                "branches": [
                    {"id": "x", "steps": [ask("s")]},
                    {"id": "y", "steps": [ask("s"), ask("t")]},
                ],
            },
            3 * LEAST,
            3 * MOST,
        ),
        ({"type": "loop", "for_each": [1, 2], "max_iterations": 9, "steps": [ask("s")]}, 2, 2),
        ({"type": "loop", "for_each": [1, 2], "max_iterations": 1, "steps": [ask("s")]}, 1, 1),
        (
            {
                "type": "loop",
                "for_each": "{{ inputs.a }}",
                "max_iterations": 9,
                "steps": [ask("s")],
            },
            0,
            9,
        ),
        (
            {
                "type": "loop",
                "until": "loop.number == 3",
                "max_iterations": 9,
                "steps": [ask("s")],
            },
            1,
            9,
        ),
        (
            {"type": "loop", "while": "inputs.a == 1", "max_iterations": 9, "steps": [ask("s")]},
            0,
            9,
        ),
        ({"type": "approval", "message": "?", "on_reject": [ask("s")]}, 0, MOST),
    ],
)
def test_containers_are_ranges(step, least, most):
    if step["type"] == "loop":
        least, most = least * LEAST, most * MOST
    found = of([{"id": "c", **step}], inputs={"a": {}})
    assert (found.least_tokens, found.most_tokens) == (least, most)
    assert (found.least_cost_usd == 0) is (least == 0)


def test_places_inside_containers_are_paths_with_a_star():
    loop = {"type": "loop", "for_each": [1], "max_iterations": 2, "steps": [ask("s")]}
    fan = {"type": "parallel", "branches": [{"id": "left", "steps": [{"id": "rows", **loop}]}]}
    found = of([{"id": "fan", **fan}])
    assert [step.place for step in found.steps] == ["fan/left/rows/*/s"]
    assert place_of("/fan/left/rows/12/s") == "fan/left/rows/*/s"


def test_history_goes_before_guesses_once_there_is_enough():
    past = PastUse(3, 700, 900, Decimal("0.01"), Decimal("0.02"))
    found = of([ask("a")], history={"a": past})
    assert (found.least_tokens, found.most_tokens, found.steps[0].samples) == (700, 900, 3)
    assert (found.least_cost_usd, found.most_cost_usd) == (Decimal("0.01"), Decimal("0.02"))
    few = of([ask("a")], history={"a": PastUse(2, 700, 900)})
    assert (few.most_tokens, few.steps[0].samples) == (MOST, 0)


def test_a_fallback_may_cost_more_and_may_cost_nothing():
    found = of([ask("a", fallback={"model": "cheap"}), {**echo("b"), "fallback": {"prompt": "p"}}])
    assert found.least_tokens == LEAST
    assert found.most_tokens == 2 * MOST + 1 + LONG_ANSWER


# ---------------------------------------------------------------- advice


def test_more_than_two_dollars_of_documents_is_within_a_steps_five():
    roomy = KnownModels((ModelFacts(id="big", input_usd=Decimal(20), output_usd=Decimal(4)),))
    found = of([ask("a", documents=["big"])], documents={"big": 2_500_000}, catalog=roomy)
    assert found.least_cost_usd > 2
    assert found.warnings == ()
    assert found.refusal() is None


def test_of_a_long_document_a_step_reads_what_there_is_room_for():
    long, short = (of([ask("a", documents=["d"])], documents={"d": n}) for n in (10**9, 5000))
    assert short.least_tokens == LEAST + 5000
    assert LEAST + 5000 < long.least_tokens < CHEAP.context_tokens
    assert long.warnings == ()


def test_what_is_over_a_limit_is_said_with_who_set_it():
    history = {"a": PastUse(5, 10, 20, Decimal("0.50"), Decimal("6.00"))}
    (may,) = of([ask("a", name="Judge")], history=history).warnings
    assert may.text == (
        "Step 'Judge' may cost up to $6.00, over the limit of $5.00 set by the default for a "
        "workflow step."
    )
    assert (may.place, may.certain) == ("a", False)
    sure = of([ask("a")], budget={"max_cost_usd": "0.0001", "max_tokens": 15})
    assert [one.text for one in sure.warnings] == [
        "Step 'a' will cost at least $0.00018, over the limit of $0.0001 set by the workflow's "
        "budget.",
        "Step 'a' will use at least 120 tokens, over the limit of 15 set by the workflow's budget.",
        "The run will use at least 120 tokens, over the limit of 15 set by the workflow's budget.",
        "The run will cost at least $0.00018, over the limit of $0.0001 set by the workflow's "
        "budget.",
    ]
    refusal = sure.refusal()
    assert refusal.code == "budget_exceeded"
    assert str(refusal).startswith("The run was not started: Step 'a' will cost at least $0.00018")


def test_what_earlier_runs_used_is_no_certainty():
    history = {"a": PastUse(5, 900_000, 900_000, Decimal(3), Decimal(3))}
    found = of([ask("a")], history=history, budget={"max_cost_usd": "0.50", "max_tokens": 5000})
    assert len(found.warnings) == 4
    assert not any(one.certain for one in found.warnings)
    assert found.refusal() is None


def test_the_sum_of_steps_counts_for_the_run_and_the_day():
    history = {name: PastUse(5, 10, 10, Decimal(3), Decimal(3)) for name in "ab"}
    limits = Limits(max_daily_cost_usd=Decimal(5))
    (advice,) = of([ask("a"), ask("b")], history=history, limits=limits).warnings
    assert advice.text == (
        "The run may cost up to $6.00, over the limit of $5.00 set by workspace setting "
        "budget_max_daily_cost."
    )


def test_a_prompt_that_no_model_can_read_is_said():
    (advice,) = of([ask("a", "x" * 36_400)]).warnings
    assert advice.text == "Step 'a' reads about 9100 tokens, and cheap reads 8000."
    assert advice.certain


def test_an_estimate_is_stored_as_json_and_comes_back():
    found = of([ask("a"), ask("b", model="free")])
    assert Estimate.model_validate_json(found.model_dump_json()) == found


def test_history_is_read_from_earlier_runs_of_the_same_workflow(tmp_path):
    costs = [Decimal("0.10"), Decimal("0.30"), None, Decimal("0.20")]
    model = ScriptedModel([Completion("x", n * 100, 0, cost) for n, cost in enumerate(costs, 1)])
    with inline_engine(tmp_path, model=model, actions=actions()) as engine:
        for name in ("w", "other"):
            engine.put_workflow("acme", workflow(tool("t"), agent("a", "?")), workflow_id=name)
        for name in ("w", "w", "other", "w"):
            engine.submit("acme", name)
        history = StepHistory(engine.database)
        assert history.past_use("acme", "w") == {
            "a": PastUse(3, 100, 400, Decimal("0.10"), Decimal("0.30"))
        }
        assert history.past_use("acme", "other") == {"a": PastUse(1, 300, 300, None, None)}
        assert history.past_use("stranger", "w") == {}


def test_documents_are_counted_by_the_size_of_their_files(tmp_path):
    catalog = KnownModels((ModelFacts(id="roomy"),))
    model = ScriptedModel([Completion("x", 1, 1, None)])
    with inline_engine(tmp_path, model=model, catalog=catalog, actions=actions()) as engine:
        folder = engine.settings.files / "acme"
        folder.mkdir(parents=True)
        (folder / "notes.txt").write_text("n" * 5000)
        (folder / "plan.docx").write_bytes(b"z" * 2500)
        step = agent("a", "?", documents=["notes.txt", "plan.docx", "gone.txt"])
        engine.put_workflow("acme", workflow(step), workflow_id="w")
        estimate = engine.submit("acme", "w").estimate
    bare = 1 + SHORT_ANSWER
    assert estimate["least_tokens"] == bare + 2000
    most = estimate["least_tokens"] - SHORT_ANSWER + 1000 + VALUE_TOKENS + LONG_ANSWER
    assert estimate["most_tokens"] == most


def test_what_another_model_used_before_says_nothing_of_the_next_run(tmp_path):
    dear = [Completion("x", 900, 900, Decimal(1)) for _ in range(5)]
    with inline_engine(tmp_path, model=ScriptedModel(dear), actions=actions()) as engine:
        engine.put_workflow("acme", workflow(agent("a", "?", model="dear")), workflow_id="w")
        for _ in range(3):
            engine.submit("acme", "w")
        changed = workflow(agent("a", "?", model="cheap"))
        engine.put_workflow("acme", changed, workflow_id="w", expected_version=1)
        (step,) = engine.submit("acme", "w").estimate["steps"]
    assert step["samples"] == 0
