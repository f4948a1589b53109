"""Restrictions are only drawn tighter, and a field is created where the workflow asks for one."""

from typing import Any

import pytest

from copilot.errors import InvalidFix
from copilot.fixes import FIXES, parse
from copilot.pipeline.validate import validate
from copilot.snapshot import Snapshot

RESTRICTIONS: dict[str, Any] = {
    "max_contacts_per_run": 150,
    "min_pause_seconds": 5,
    "max_cost_usd": 3,
    "max_share": 0.5,
    "allowed_integrations": ["Gmail", "Slack"],
    "allowed_domains": ["acme.example"],
    "allowed_topics": ["sales"],
    "blocked_words": ["spam"],
    "notes": ["be kind"],
}


def workflow(*, agent: bool = True, instructions: str = "Order by 'leadScore'.") -> Snapshot:
    steps: list[Any] = [{"id": "first", "action": "read_sheet", "with": {"file": "a.csv"}}]
    if agent:
        steps.append({"id": "second", "prompt": "Sort {{ first }}"})
    return Snapshot(
        workspace_id="w",
        workflow_id="f",
        version=1,
        definition={
            "name": "F",
            "instructions": instructions,
            "restrictions": RESTRICTIONS,
            "steps": steps,
        },
        resources={
            "integration": {
                "HubSpot": {"type": "hubspot", "connected": True},
                "LinkedIn": {"type": "linkedin", "connected": False},
            },
            "custom_field": {"stage": {"label": "Stage"}},
        },
    )


def applied(data: dict[str, Any], base: Snapshot | None = None) -> Snapshot:
    return validate(parse(data), base or workflow(), problems=lambda _: ())


def adjusted(name: str, **how: Any) -> Any:
    changed = applied({"type": "adjust_restrictions", "name": name, **how})
    restrictions = changed.definition["restrictions"]
    assert isinstance(restrictions, dict)
    assert {**restrictions, name: None} == {**RESTRICTIONS, name: None}
    return restrictions[name]


def test_an_upper_limit_is_lowered() -> None:
    assert adjusted("max_contacts_per_run", old=150, value=100) == 100


def test_lists_are_tightened_or_get_what_is_connected_here() -> None:
    assert adjusted("allowed_integrations", remove="Slack") == ["Gmail"]
    assert adjusted("allowed_integrations", add="HubSpot") == ["Gmail", "Slack", "HubSpot"]
    assert adjusted("blocked_words", add="casino") == ["spam", "casino"]


@pytest.mark.parametrize(
    ("name", "how", "says"),
    [
        ("max_contacts_per_run", {"old": 150, "value": 151}, "only be lowered"),
        ("max_contacts_per_run", {"old": 150, "value": 150}, "only be lowered"),
        ("max_contacts_per_run", {"old": 140, "value": 100}, "not 140 any more"),
        ("min_pause_seconds", {"old": 5, "value": 1}, "no upper limit"),
        ("max_cost_usd", {"old": 3, "value": 1}, "not for a fix"),
        ("max_share", {"old": 1, "value": 1}, "any more"),
        ("max_contacts_per_run", {"add": "x"}, "not a list"),
        ("allowed_integrations", {"add": "LinkedIn"}, "can't be added"),
        ("allowed_integrations", {"add": "Unheard of"}, "can't be added"),
        ("allowed_integrations", {"add": "Gmail"}, "already"),
        ("allowed_integrations", {"remove": "HubSpot"}, "does not have"),
        ("allowed_topics", {"add": "HubSpot"}, "can't be added"),
        ("allowed_topics", {"remove": "sales"}, "can't be taken"),
        ("allowed_domains", {"add": "evil"}, "can't be added"),
        ("blocked_words", {"remove": "spam"}, "can't be taken"),
        ("notes", {"add": "HubSpot"}, "can't be added"),
        ("unheard_of", {"add": "x"}, "no restriction"),
    ],
)
def test_nothing_is_loosened(name: str, how: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidFix, match=says):
        adjusted(name, **how)


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"old": 150},
        {"value": 100},
        {"old": 150, "value": 0},
        {"old": 150, "value": 100, "add": "x"},
        {"add": "x", "remove": "y"},
    ],
)
def test_it_says_one_thing(how: dict[str, Any]) -> None:
    with pytest.raises(InvalidFix):
        parse({"type": "adjust_restrictions", "name": "max_contacts_per_run", **how})


def test_where_no_agent_reads_them_they_are_left_alone() -> None:
    lower = {"name": "max_contacts_per_run", "old": 150, "value": 100}
    with pytest.raises(InvalidFix, match="no step of this workflow reads"):
        applied({"type": "adjust_restrictions", **lower}, workflow(agent=False))


def test_an_owner_approves_what_is_the_owner_s() -> None:
    assert FIXES["adjust_restrictions"].reach.approver == "owner"


def test_the_question_says_what_would_be_done() -> None:
    data = {"type": "adjust_restrictions", "name": "max_contacts_per_run"}
    lower = parse({**data, "old": 150, "value": 100})
    assert lower.question == "Would you like me to lower 'max_contacts_per_run' to 100 for you?"
    assert lower.summary(workflow()) == (
        "The restriction 'max_contacts_per_run' goes down from 150 to 100."
    )


def test_a_field_is_created_that_the_workflow_names() -> None:
    changed = applied({"type": "create_field", "name": "leadScore", "label": "Lead score"})
    assert changed.resources["custom_field"]["leadScore"] == {
        "label": "Lead score",
        "type": "text",
    }
    assert changed.definition == workflow().definition


@pytest.mark.parametrize(
    ("instructions", "name", "says"),
    [
        ("Order by leadScore.", "leadScore", "nothing in this workflow asks"),
        ("Order by 'Stage'.", "Stage", "exists already"),
        ("Order by 's\u0441ore'.", "s\u0441ore", "no name for a field"),
        ("Order by '__x'.", "__x", "no name for a field"),
    ],
)
def test_a_field_nobody_asks_for_or_that_is_there_is_not_created(
    instructions: str, name: str, says: str
) -> None:
    with pytest.raises(InvalidFix, match=says):
        applied(
            {"type": "create_field", "name": name, "label": "x"},
            workflow(instructions=instructions),
        )
