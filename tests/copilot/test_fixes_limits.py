"""Limits that a fix may raise, and whom it may let a step ask: how far each goes, and no further."""

from decimal import Decimal
from typing import Any

import pytest

from copilot.definitions import look_up, put, steps
from copilot.errors import InvalidFix
from copilot.fixes import Ceilings, parse, retry_policy, set_loop_bound, timeout
from copilot.fixes._steps import REPEATABLE_ACTIONS, is_repeatable
from copilot.pipeline.preview import preview
from copilot.pipeline.validate import FixPolicy, validate
from copilot.snapshot import Snapshot
from engine.actions import catalog
from engine.actions.http_request import Parameters
from engine.definition import parse_workflow, to_data
from engine.definition.steps import AgentStep, RetryPolicy, ToolStep

WORKFLOW = {
    "name": "Digest",
    "runtime": "openai",
    "budget": {"max_cost_usd": 2, "max_turns": 25},
    "steps": [
        {"id": "fetch", "action": "http_request", "with": {"url": "https://api.acme.example"}},
        {
            "id": "post",
            "name": "Post it",
            "action": "http_request",
            "with": {"url": "https://api.acme.example", "method": "POST"},
        },
        {
            "id": "think",
            "prompt": "Why {{ fetch }}?",
            "model": "gpt-5-mini",
            "max_seconds": 100,
            "budget": {"max_tokens": 1000},
        },
        {
            "id": "rows",
            "type": "loop",
            "for_each": "{{ fetch.body }}",
            "max_iterations": 20,
            "steps": [{"id": "note", "action": "render_template", "with": {"body": "x"}}],
        },
        {"id": "send", "action": "send_email", "with": {"to": "ana@acme.example", "body": "x"}},
    ],
}
DEFINITION = to_data(parse_workflow(WORKFLOW, source="test"))
BASE = Snapshot(workspace_id="acme", workflow_id="digest", version=3, definition=DEFINITION)
OWNER = Ceilings(
    cost_usd=Decimal(3),
    tokens=1_800,
    turns=25,
    seconds=300,
    models=frozenset({("openai", "gpt-6-luna"), ("anthropic", "claude-haiku-5-5")}),
)


def carried_out(ceilings: Ceilings = OWNER, base: Snapshot = BASE, **data: Any) -> Snapshot:
    policy = FixPolicy(ceilings=ceilings)
    return validate(parse(data), base, problems=lambda _: (), policy=policy)


def refusal(ceilings: Ceilings = OWNER, base: Snapshot = BASE, **data: Any) -> str:
    with pytest.raises(InvalidFix) as refused:
        carried_out(ceilings, base, **data)
    return str(refused.value)


def said(**data: Any) -> str:
    return preview(parse(data), fix_id="fix_1", base=BASE)[0].summary


GOOD: dict[str, tuple[dict[str, Any], tuple[str, ...], Any]] = {
    "more retries": (
        {"type": "retry_policy", "step": "fetch", "max_retries": 4},
        ("steps", "0", "retry"),
        {"max_retries": 4},
    ),
    "a longer pause": (
        {"type": "retry_policy", "step": "think", "backoff_seconds": 10.0},
        ("steps", "2", "retry"),
        {"backoff_seconds": 10.0},
    ),
    "more time": (
        {"type": "timeout", "step": "send", "seconds": 240.0},
        ("steps", "4", "timeout_seconds"),
        240.0,
    ),
    "more time for all attempts": (
        {"type": "timeout", "step": "think", "limit": "max_seconds", "seconds": 200.0},
        ("steps", "2", "max_seconds"),
        200.0,
    ),
    "more time for a request": (
        {"type": "timeout", "step": "post", "limit": "request", "seconds": 50.0},
        ("steps", "1", "with", "timeout_seconds"),
        50.0,
    ),
    "a request and its attempt": (
        {"type": "timeout", "step": "post", "limit": "request", "seconds": 90.0},
        ("steps", "1", "timeout_seconds"),
        90.0,
    ),
    "money": (
        {"type": "raise_budget", "limit": "max_cost_usd", "value": 2.75},
        ("budget", "max_cost_usd"),
        "2.75",
    ),
    "tokens of a step": (
        {"type": "raise_budget", "step": "think", "limit": "max_tokens", "value": 1800},
        ("steps", "2", "budget", "max_tokens"),
        1800,
    ),
    "rounds of a loop": (
        {"type": "set_loop_bound", "step": "rows", "value": 200},
        ("steps", "3", "max_iterations"),
        200,
    ),
    "turns of an agent": (
        {"type": "set_loop_bound", "step": "think", "value": 25},
        ("steps", "2", "max_turns"),
        25,
    ),
    "another model": (
        {"type": "switch_runtime", "step": "think", "model": "gpt-6-luna"},
        ("steps", "2", "model"),
        "gpt-6-luna",
    ),
}


@pytest.mark.parametrize("how", GOOD)
def test_within_its_bounds_a_fix_writes_what_the_engine_reads(how: str) -> None:
    data, way, value = GOOD[how]
    changed = carried_out(**data)
    assert look_up(changed.definition, way) == value
    assert to_data(parse_workflow(changed.definition, source="changed")) == changed.definition


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "retries of what may not be repeated": (
        {"type": "retry_policy", "step": "post", "max_retries": 4},
        "twice might do something twice",
    ),
    "retries of what sends": (
        {"type": "retry_policy", "step": "send", "max_retries": 4},
        "twice might do something twice",
    ),
    "retries of a loop": (
        {"type": "retry_policy", "step": "rows", "max_retries": 4},
        "does nothing itself",
    ),
    "fewer retries": (
        {"type": "retry_policy", "step": "fetch", "max_retries": 2},
        "has 2 there already",
    ),
    "very many retries": ({"type": "retry_policy", "step": "fetch", "max_retries": 7}, "6"),
    "nothing at all": ({"type": "retry_policy", "step": "fetch"}, "give `max_retries`"),
    "no such step": ({"type": "timeout", "step": "x", "seconds": 90.0}, "no step 'x'"),
    "less time": ({"type": "timeout", "step": "send", "seconds": 60.0}, "has 60 s already"),
    "a limit that is not there": (
        {"type": "timeout", "step": "send", "limit": "max_seconds", "seconds": 90.0},
        "has no such limit",
    ),
    "a request of what makes none": (
        {"type": "timeout", "step": "send", "limit": "request", "seconds": 90.0},
        "has no such limit",
    ),
    "too much time at once": (
        {"type": "timeout", "step": "send", "seconds": 241.0},
        "this type may not do",
    ),
    "more time than the owner lets": (
        {"type": "timeout", "step": "think", "limit": "max_seconds", "seconds": 301.0},
        "/steps/2/max_seconds may be 300 at most in this workspace, not 301",
    ),
    "more money than the owner lets": (
        {"type": "raise_budget", "limit": "max_cost_usd", "value": 3.01},
        "/budget/max_cost_usd may be 3 at most in this workspace, not 3.01",
    ),
    "more tokens than the owner lets": (
        {"type": "raise_budget", "step": "think", "limit": "max_tokens", "value": 1801},
        "may be 1,800 at most",
    ),
    "more than twice the turns": (
        {"type": "raise_budget", "limit": "max_turns", "value": 51},
        "this type may not do",
    ),
    "half a turn": (
        {"type": "raise_budget", "limit": "max_turns", "value": 25.5},
        "25.5 has more places",
    ),
    "a budget that nobody wrote": (
        {"type": "raise_budget", "step": "fetch", "limit": "max_tokens", "value": 10},
        "no such limit is written there",
    ),
    "less money": (
        {"type": "raise_budget", "limit": "max_cost_usd", "value": 2},
        "is 2 already",
    ),
    "too many rounds at once": (
        {"type": "set_loop_bound", "step": "rows", "value": 201},
        "this type may not do",
    ),
    "more turns than a budget has": (
        {"type": "set_loop_bound", "step": "think", "value": 26},
        "a budget allows 25 turns",
    ),
    "rounds of what has none": (
        {"type": "set_loop_bound", "step": "send", "value": 20},
        "neither a loop nor an agent",
    ),
    "a model that is not here": (
        {"type": "switch_runtime", "step": "think", "model": "gpt-evil"},
        "'gpt-evil' of 'openai' can't be asked here",
    ),
    "a model of another place": (
        {"type": "switch_runtime", "step": "think", "model": "claude-haiku-5-5"},
        "can't be asked here",
    ),
    "a place that does not have the step's model": (
        {"type": "switch_runtime", "runtime": "anthropic"},
        "'gpt-5-mini' of 'anthropic' can't be asked here",
    ),
    "a model for a tool": (
        {"type": "switch_runtime", "step": "send", "model": "gpt-6-luna"},
        "asks no model",
    ),
    "a model without a step": (
        {"type": "switch_runtime", "model": "gpt-6-luna"},
        "give its id in `step`",
    ),
    "the model that is asked": (
        {"type": "switch_runtime", "step": "think", "model": "gpt-5-mini"},
        "already",
    ),
}


@pytest.mark.parametrize("how", BAD)
def test_beyond_its_bounds_a_fix_is_refused_with_the_reason(how: str) -> None:
    data, reason = BAD[how]
    assert reason in refusal(**data)


def test_without_a_word_of_the_owner_nothing_is_raised_and_nobody_else_is_asked() -> None:
    capped: list[dict[str, Any]] = [
        data for data, way, _ in GOOD.values() if way[-1] in {"max_cost_usd", "max_tokens"}
    ]
    capped += [GOOD[how][0] for how in ("more time", "turns of an agent", "another model")]
    for data in capped:
        told = refusal(Ceilings(), **data)
        assert "may be 0 at most in this workspace" in told or "can't be asked here" in told


def test_a_number_above_the_owners_limit_may_stay_and_not_go_up() -> None:
    high = BASE.evolve(definition=put(DEFINITION, ("budget", "max_cost_usd"), "4"))
    assert carried_out(base=high, **GOOD["rounds of a loop"][0])
    data: dict[str, Any] = {"type": "raise_budget", "limit": "max_cost_usd", "value": 5}
    assert "may be 3 at most" in refusal(base=high, **data)


def test_both_a_model_and_its_place_can_be_switched() -> None:
    data: dict[str, Any] = {"step": "think", "model": "claude-haiku-5-5", "runtime": "anthropic"}
    changed = carried_out(type="switch_runtime", **data)
    step = next(step for step in steps(changed.definition) if step.id == "think")
    assert (step.data["runtime"], step.data["model"]) == ("anthropic", "claude-haiku-5-5")


SUMMARIES = {
    "more retries": "Step 'fetch' is tried again up to 4 times.",
    "a longer pause": "Step 'think' waits 10 s before it is tried again, then twice as long.",
    "more time": "One attempt at step 'send' may take 240 s instead of 60.",
    "a request and its attempt": "One request of step 'Post it' may take 90 s instead of 30.",
    "money": "The budget becomes 2.75 USD instead of 2.",
    "tokens of a step": "The budget of step 'think' becomes 1,800 tokens instead of 1,000.",
    "rounds of a loop": "The loop 'rows' may go round 200 times instead of 20.",
    "turns of an agent": "In step 'think' the agent may ask its model 25 times instead of 10.",
    "another model": "Step 'think' asks 'gpt-6-luna'; it gets what the step reads.",
}


@pytest.mark.parametrize("how", SUMMARIES)
def test_it_says_in_words_what_it_was_and_what_it_becomes(how: str) -> None:
    assert said(**GOOD[how][0]) == SUMMARIES[how]


@pytest.mark.parametrize(("seconds", "approver"), [(600.0, "editor"), (600.5, "owner")])
def test_above_ten_minutes_an_owner_approves(seconds: float, approver: str) -> None:
    assert parse({"type": "timeout", "step": "send", "seconds": seconds}).approver == approver


def test_what_counts_while_nothing_is_written_is_what_the_engine_has() -> None:
    retry = RetryPolicy()
    assert (
        retry.max_retries,
        retry.backoff_seconds,
    ) == (retry_policy.RETRIES, retry_policy.BACKOFF)
    assert ToolStep.model_fields["timeout_seconds"].default == timeout.ATTEMPT
    assert Parameters.model_fields["timeout_seconds"].default == timeout.REQUEST
    assert AgentStep.model_fields["max_turns"].default == set_loop_bound.TURNS
    bounds = str(
        (ToolStep.model_fields["timeout_seconds"], Parameters.model_fields["timeout_seconds"])
    )
    assert f"le={timeout.LONGEST_ATTEMPT:g}" in bounds
    assert f"le={timeout.LONGEST_REQUEST:g}" in bounds


def test_what_can_be_repeated_is_what_the_engine_says() -> None:
    plain = {name for name, action in catalog().items() if action.repeatable is True}
    assert plain == REPEATABLE_ACTIONS
    repeatable = {step.id: is_repeatable(step) for step in steps(DEFINITION)}
    assert repeatable == {
        "fetch": True,
        "post": False,
        "think": True,
        "rows": False,
        "note": True,
        "send": False,
    }


@pytest.mark.parametrize(("declared", "is_allowed"), [(True, True), (False, False)])
def test_what_a_step_says_of_itself_counts_before_its_action(
    declared: bool, is_allowed: bool
) -> None:
    step = look_up(DEFINITION, ("steps", "4" if is_allowed else "0"))
    assert isinstance(step, dict)
    way = ("steps", "4" if is_allowed else "0")
    base = BASE.evolve(definition=put(DEFINITION, way, {**step, "repeatable": declared}))
    fix = parse({"type": "retry_policy", "step": str(step["id"]), "max_retries": 4})
    assert fix.has_effect(base) is is_allowed
