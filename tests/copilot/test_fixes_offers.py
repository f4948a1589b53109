"""What the rules offer of their own: a lower limit under a known quota, a field that is missing."""

from collections.abc import Mapping
from typing import Any

import pytest

from copilot.pipeline.diagnose import diagnose
from copilot.ports import FieldSummary, WorkspaceContext
from copilot.runtimes.offline import Suggestion, propose
from copilot.snapshot import Snapshot
from copilot.types import ErrorRecord, Failure
from knowledge_base import load
from tests.copilot.storage_builders import START, a_failure

LINKEDIN = "LinkedIn rate limit exceeded"


def offered(
    message: str,
    *,
    restrictions: Mapping[str, Any] | None = None,
    instructions: str = "",
    agent: bool = True,
    fields: tuple[str, ...] = (),
) -> list[Suggestion]:
    steps: list[Any] = [
        {"id": "send", "action": "http_request", "with": {"method": "POST", "json": "{{ pick }}"}}
    ]
    if agent:
        steps.insert(0, {"id": "pick", "prompt": "Choose the contacts."})
    definition = {"name": "F", "instructions": instructions, "steps": steps}
    if restrictions:
        definition["restrictions"] = dict(restrictions)
    failure: Failure = a_failure("run-1", at=START).model_copy(
        update={"step_path": "/send", "error": ErrorRecord(message=message)}
    )
    found = propose(
        diagnose(message=message, knowledge=load()),
        failure,
        snapshot=Snapshot(workspace_id="w", workflow_id="f", version=1, definition=definition),
        context=WorkspaceContext(custom_fields=tuple(FieldSummary(key=key) for key in fields)),
        output_names={},
    )
    return [one for one in found if one.fix is not None]


def lowered(message: str, **restrictions: Any) -> list[tuple[Any, Any]]:
    found = offered(message, restrictions=restrictions)
    assert {one.hint.type for one in found} <= {"adjust_restrictions"}
    return [(one.hint.parameters["name"], one.hint.parameters["value"]) for one in found]


def test_a_limit_above_the_quota_is_lowered_to_it() -> None:
    (found,) = offered(LINKEDIN, restrictions={"max_contacts_per_run": 1500})
    assert found.hint.description == (
        "Lower the restriction 'max_contacts_per_run' from 1,500 to 100, what LinkedIn allows"
        " (100 invitations/day)"
    )
    assert lowered(LINKEDIN, daily_invitation_limit=101) == [("daily_invitation_limit", 100)]


@pytest.mark.parametrize(
    "restrictions",
    [
        {"max_contacts_per_run": 100},
        {"max_contacts_per_run": 20},
        {"max_contacts_per_run": "150"},
        {"max_contacts_per_run": True},
        {"contacts_per_run": 150},
        {"max_words": 500},
        {"max_contacts_per_hour": 150},
        {"max_contacts_per_month": 3000},
        {"min_contacts": 150},
    ],
)
def test_what_is_no_limit_on_the_same_thing_is_left_alone(restrictions: dict[str, Any]) -> None:
    assert lowered(LINKEDIN, **restrictions) == []


@pytest.mark.parametrize(
    "message", ["Slack rate limit exceeded", "429 Too Many Requests", "Rate limit exceeded"]
)
def test_no_known_quota_over_a_day_no_offer(message: str) -> None:
    assert lowered(message, max_requests_per_run=500) == []


def test_where_no_agent_follows_the_restrictions_there_is_no_offer() -> None:
    assert offered(LINKEDIN, restrictions={"max_contacts_per_run": 150}, agent=False) == []


def test_a_custom_field_is_created_but_never_a_column() -> None:
    asking = "Order by 'leadScore'."
    (found,) = offered("Custom field 'leadScore' not found", instructions=asking)
    assert found.hint.parameters == {"name": "leadScore", "label": "Lead score", "holds": "text"}
    assert offered("Column 'leadScore' not found", instructions=asking) == []
    assert offered("Custom field 'leadScore' not found", instructions="") == []


@pytest.mark.parametrize("known", ["leadScore", "leadScores"])
def test_a_custom_field_that_is_there_or_misspelt_is_not_created(known: str) -> None:
    found = offered(
        "Custom field 'leadScore' not found", instructions="Order by 'leadScore'.", fields=(known,)
    )
    assert "create_field" not in {one.hint.type for one in found}
