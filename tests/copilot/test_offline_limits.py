"""What the rules offer where a limit was met: the fix, from the error's own facts, and no words beside it."""

from decimal import Decimal
from typing import Any

import pytest

from copilot.fixes import Ceilings
from copilot.ports import WorkspaceContext
from copilot.runtimes.offline import Suggestion, propose
from copilot.snapshot import Snapshot
from copilot.types import Diagnosis, ErrorRecord, Failure, FixHint, RootCause, Verdict
from tests.copilot.storage_builders import START, a_failure

WORKFLOW: dict[str, Any] = {
    "name": "Digest",
    "runtime": "openai",
    "budget": {"max_cost_usd": "2", "max_tokens": 1000},
    "steps": [
        {"id": "fetch", "action": "http_request", "with": {"url": "https://api.acme.example"}},
        {"id": "post", "action": "http_request", "with": {"url": "x", "method": "POST"}},
        {
            "id": "think",
            "prompt": "Why?",
            "model": "gpt-5-mini",
            "max_seconds": 100,
            "budget": {"max_tokens": 1000, "max_turns": 20},
        },
        {"id": "ponder", "prompt": "Why?", "max_turns": 30},
        {
            "id": "rows",
            "type": "loop",
            "for_each": "{{ fetch.body }}",
            "max_iterations": 20,
            "steps": [{"id": "note", "action": "render_template", "with": {"body": "x"}}],
        },
    ],
}
BASE = Snapshot(workspace_id="acme", workflow_id="digest", version=3, definition=WORKFLOW)
OWNER = Ceilings(
    cost_usd=Decimal(5),
    tokens=100_000,
    turns=50,
    seconds=3600,
    models=frozenset({("openai", "gpt-6-luna"), ("openai", "gpt-4o"), ("anthropic", "gpt-6-luna")}),
)
HINTS = tuple(
    FixHint(type=name, description=f"By hand: {name}")
    for name in ("retry_policy", "timeout", "raise_budget", "set_loop_bound", "switch_runtime")
)


def offered(
    cause: str,
    step: str,
    *,
    ceilings: Ceilings = OWNER,
    base: Snapshot = BASE,
    hints: tuple[FixHint, ...] = HINTS,
    captures: dict[str, str] | None = None,
    retry_helps: bool | None = None,
    code: str | None = None,
    **details: Any,
) -> list[Suggestion]:
    error = ErrorRecord(message="It failed", code=code, details=details)
    failure: Failure = a_failure("run-1", at=START).model_copy(
        update={"step_path": step, "error": error}
    )
    diagnosis = Diagnosis(
        root_cause=RootCause(cause),
        verdict=Verdict.LIKELY,
        explanation="x",
        captures=captures or {},
        fixes=hints,
        retry_helps=retry_helps,
    )
    return list(
        propose(
            diagnosis,
            failure,
            snapshot=base,
            context=WorkspaceContext(),
            output_names={},
            ceilings=ceilings,
        )
    )


def fixes(found: list[Suggestion]) -> list[dict[str, Any]]:
    return [one.fix.model_dump(exclude_none=True) for one in found if one.fix is not None]


def words(found: list[Suggestion]) -> set[str]:
    return {one.hint.type for one in found if one.fix is None}


@pytest.mark.parametrize(
    ("cause", "pause"),
    [("rate_limit", 10.0), ("network_error", 2.0), ("upstream_error", 2.0), ("timeout", 2.0)],
)
def test_what_passes_by_itself_is_tried_again_with_longer_pauses(cause: str, pause: float) -> None:
    found = offered(cause, "/fetch")
    assert fixes(found) == [
        {"type": "retry_policy", "step": "fetch", "max_retries": 4, "backoff_seconds": pause}
    ]
    assert found[0].hint.description == (
        "Retry step 'fetch' up to 4 times instead of 2 (5 attempts in all), waiting "
        f"{pause:g} s at first; the pause grows each time"
    )
    assert "retry_policy" not in words(found)


def test_the_knowledge_base_may_know_how_often_and_six_times_are_enough() -> None:
    for known, wanted in ((5, 5), (3, 4), (50, 6), ("many", 4)):
        hint = FixHint(type="retry_policy", description="x", parameters={"max_retries": known})
        (fix,) = fixes(offered("rate_limit", "/fetch", hints=(hint,)))
        assert fix["max_retries"] == wanted


@pytest.mark.parametrize(
    "how",
    [
        {"step": "/post"},
        {"step": "/gone"},
        {"step": "/rows"},
        {"step": "/fetch", "retry_helps": False},
        {"step": "/fetch", "captures": {"resets": "tomorrow"}},
        {"step": "/fetch", "code": "network_blocked"},
    ],
    ids=["post", "gone", "loop", "no use", "renewed tomorrow", "blocked"],
)
def test_what_may_not_or_need_not_be_repeated_stays_in_words(how: dict[str, Any]) -> None:
    found = offered("network_error", **how)
    assert fixes(found) == []
    assert ("retry_policy" in words(found)) is ("captures" not in how)


@pytest.mark.parametrize("cause", ["invalid_data", "auth_error", "quota_exhausted", "unknown"])
def test_another_cause_gets_no_more_attempts(cause: str) -> None:
    assert fixes(offered(cause, "/fetch")) == []


def one_timeout(step: str, **details: Any) -> dict[str, Any] | None:
    found = fixes(offered("timeout", step, **details))
    return next((fix for fix in found if fix["type"] == "timeout"), None)


def test_the_time_limit_that_was_met_is_doubled() -> None:
    request: dict[str, Any] = {"limit": "request", "seconds": 60.0}
    attempt: dict[str, Any] = {"limit": "timeout_seconds", "seconds": 120.0}
    assert one_timeout("/post", limit=30.0, name="https://x", sent=True) == {
        "type": "timeout",
        "step": "post",
        **request,
    }
    assert one_timeout("/post", limit=60.0) == {"type": "timeout", "step": "post", **attempt}
    assert one_timeout("/think", limit=60) == {"type": "timeout", "step": "think", **attempt}
    assert one_timeout("/post", limit=45.0) is None
    assert one_timeout("/post") is None
    assert one_timeout("/rows", limit=60.0) is None


def test_time_is_given_up_to_the_owners_limit() -> None:
    short = Ceilings(seconds=90)
    (fix,) = fixes(offered("timeout", "/post", ceilings=short, limit=60.0))
    assert fix["seconds"] == 90.0
    found = offered("timeout", "/post", ceilings=Ceilings(seconds=60), limit=60.0)
    assert fixes(found) == []
    assert "timeout" in words(found)


def test_the_time_of_all_attempts_is_raised_where_the_step_names_it() -> None:
    facts: dict[str, Any] = {"unit": "seconds", "limit": 100.0}
    found = offered("budget_exceeded", "/think", set_by="the step's max_seconds", **facts)
    assert fixes(found) == [
        {"type": "timeout", "step": "think", "limit": "max_seconds", "seconds": 200.0}
    ]
    by_owner = "workspace setting budget_max_seconds_per_task"
    assert fixes(offered("budget_exceeded", "/think", set_by=by_owner, **facts)) == []


@pytest.mark.parametrize(
    ("used", "value"), [(1001, 1502), (1200, 1800), (1500, 2000), (2000, 2000), (2001, None)]
)
def test_a_steps_budget_is_raised_to_what_would_have_been_enough(
    used: int, value: int | None
) -> None:
    facts: dict[str, Any] = {
        "unit": "tokens",
        "limit": 1000,
        "set_by": "the step's budget",
        "used": used,
    }
    found = offered("budget_exceeded", "/think", **facts)
    assert [fix["value"] for fix in fixes(found)] == ([value] if value else [])
    assert ("raise_budget" in words(found)) is (value is None)


def test_the_budget_of_a_run_is_doubled_because_it_goes_on_counting() -> None:
    facts: dict[str, Any] = {
        "unit": "usd",
        "limit": "2",
        "used": "2.01",
        "set_by": "the workflow's budget",
    }
    found = offered("budget_exceeded", "/think", **facts)
    assert fixes(found) == [{"type": "raise_budget", "limit": "max_cost_usd", "value": 4}]
    assert found[0].hint.description == (
        "Raise the budget of the workflow to 4 USD instead of 2, within what the owner allows"
    )
    capped = Ceilings(cost_usd=Decimal("2.5"))
    assert fixes(offered("budget_exceeded", "/think", ceilings=capped, **facts))[0]["value"] == 2.5


NEW_RUNS, THIS_RUN = "That is for new runs", "Only this run needs it"


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"used": 1100, "by_step": 900}, ""),
        ({"used": 1101, "by_step": 900}, NEW_RUNS),
        ({"used": 1100}, ""),
        ({"used": 1900, "by_step": 100, "put_aside": 900}, THIS_RUN),
        ({"used": 1900, "by_step": 100, "put_aside": 899}, ""),
        ({"used": 1950, "by_step": 100, "put_aside": 899}, NEW_RUNS),
        ({"used": 1950, "by_step": 100, "put_aside": 950}, None),
        ({"used": 1900, "by_step": "many", "put_aside": True}, ""),
    ],
    ids=[
        "it can go on",
        "its step once more is too much",
        "nobody knows",
        "only carried, and it can go on",
        "not only carried",
        "not only carried, and too much",
        "only carried, and too much",
        "no facts",
    ],
)
def test_a_runs_budget_says_whether_it_lets_the_failed_run_go_on(
    facts: dict[str, Any], words: str | None
) -> None:
    known = {"unit": "tokens", "limit": 1000, "set_by": "the workflow's budget"}
    found = [one for one in offered("budget_exceeded", "/think", **known, **facts) if one.fix]
    assert [one.fix.value for one in found if one.fix] == ([] if words is None else [2000])  # pyright: ignore[reportAttributeAccessIssue]
    for one in found:
        told = [known for known in (NEW_RUNS, THIS_RUN) if known in one.hint.description]
        assert told == ([words] if words else [])


@pytest.mark.parametrize(
    "used",
    ["1e999", "9" * 5000, "NaN", "", "-1", None, True, []],
    ids=["endless", "long", "no number", "empty", "negative", "none", "truth", "list"],
)
def test_facts_that_make_no_sense_are_no_reason_to_fail(used: Any) -> None:
    for cause, step, set_by in (
        ("budget_exceeded", "/think", "the step's budget"),
        ("turn_limit", "/rows", None),
        ("timeout", "/think", None),
    ):
        facts = {"unit": "tokens", "used": used, "limit": used, "set_by": set_by}
        for fix in fixes(offered(cause, step, captures={"items": str(used)}, **facts)):
            assert fix.get("value", 0) <= 2000


@pytest.mark.parametrize(
    "set_by",
    ["workspace setting budget_max_cost_per_task", "the default for a workflow step", None],
)
def test_a_limit_that_is_not_written_in_the_workflow_is_not_a_fixs_to_raise(
    set_by: str | None,
) -> None:
    found = offered("budget_exceeded", "/think", unit="usd", used="5.1", set_by=set_by)
    assert fixes(found) == []
    assert "raise_budget" in words(found)


def test_a_loop_gets_as_many_rounds_as_it_has_items() -> None:
    facts: dict[str, Any] = {"limit": 20, "code": "loop_limit"}
    found = offered("turn_limit", "/rows", captures={"items": "150"}, **facts)
    assert fixes(found) == [{"type": "set_loop_bound", "step": "rows", "value": 150}]
    assert fixes(offered("turn_limit", "/rows", **facts)) == []
    assert fixes(offered("turn_limit", "/rows", captures={"items": "5000"}, **facts)) == []


def test_an_agent_gets_more_turns_from_whoever_limited_them() -> None:
    own = offered("turn_limit", "/ponder", set_by="the step's max_turns", limit=30)
    assert fixes(own) == [{"type": "set_loop_bound", "step": "ponder", "value": 50}]
    budget = offered("turn_limit", "/think", set_by="the step's budget", limit=20)
    assert fixes(budget) == [
        {"type": "raise_budget", "step": "think", "limit": "max_turns", "value": 40}
    ]
    owners = offered("turn_limit", "/think", set_by="workspace setting agent_max_turns", limit=20)
    assert fixes(owners) == []


GONE: dict[str, Any] = {"model": "gpt-5-mini", "runtime": "openai"}


def test_a_model_that_is_gone_is_followed_by_its_successor() -> None:
    found = offered("model_unavailable", "/think", **GONE)
    assert fixes(found) == [{"type": "switch_runtime", "step": "think", "model": "gpt-6-luna"}]
    assert found[0].hint.description == (
        "Let step 'think' ask 'gpt-6-luna' instead of 'gpt-5-mini', which takes its place"
    )
    assert "switch_runtime" not in words(found)


def test_a_misspelt_model_is_put_right() -> None:
    (fix,) = fixes(offered("model_unavailable", "/think", model="gpt-4oo", runtime="openai"))
    assert fix["model"] == "gpt-4o"


@pytest.mark.parametrize(
    "how",
    [
        {"ceilings": Ceilings()},
        {"ceilings": Ceilings(models=frozenset({("openai", "gpt-4o")}))},
        {"ceilings": Ceilings(models=frozenset({("anthropic", "gpt-6-luna")}))},
        {"model": "somebody/elses"},
        {"step": "/fetch"},
    ],
    ids=["none here", "not its successor", "elsewhere", "unknown", "no agent"],
)
def test_nobody_is_asked_who_can_not_be_asked_here(how: dict[str, Any]) -> None:
    found = offered("model_unavailable", **{"step": "/think", **GONE, **how})
    assert fixes(found) == []
    assert "switch_runtime" in words(found)
