"""What a refused approval advises: what helps, and not to do the same again."""

import pytest

from copilot.demo import URGENT_MAIL
from tests.surfaces.rest_client import one_database, says

AGAIN = "Look at the preview and approve it again."


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with one_database(tmp_path_factory.mktemp("refusals")) as one:
        yield one


@pytest.fixture
def client(server):
    return server.client()


def suggested(client):
    """A fix, and the body with which it is approved."""
    execution_id = client.run(URGENT_MAIL)
    client.ended(execution_id)
    report = client.post(f"/executions/{execution_id}/analyze")
    fix_id = next(one["fix_id"] for one in report["suggested_fixes"] if one["fix_id"])
    shown = client.get(f"/fixes/{fix_id}/preview")
    return fix_id, {"digest": shown["digest"], "version": shown["base_version"]}


def test_who_has_approved_already_is_told_to_ask_somebody_else(client):
    client("PATCH", "/settings", json={"second_person_for": "replace_value"})
    fix_id, seen = suggested(client)
    approval = client.post(f"/fixes/{fix_id}/approve", seen)
    for path, body in (
        (f"/fixes/{fix_id}/approve", seen),
        (f"/approvals/{approval['approval_id']}/apply", None),
    ):
        refused = says(client("POST", path, json=body), 409, "approval_refused")
        assert "another person" in refused["advice"]


@pytest.mark.parametrize(
    ("lowered", "raised"), [("replace_value", "replace_value"), ("all", "all")]
)
def test_a_type_that_is_only_shown_is_raised_where_that_counts(client, lowered, raised):
    fix_id, seen = suggested(client)
    client("PUT", "/autonomy", json={"fix_type": lowered, "level": "suggest"})
    refused = says(client("POST", f"/fixes/{fix_id}/approve", json=seen), 409, "approval_refused")
    assert refused["advice"].startswith(f"An owner can raise it: `ask-copilot autonomy {raised} ")
    assert AGAIN not in refused["advice"]


def test_what_was_used_is_approved_again(client):
    fix_id, seen = suggested(client)
    approval = client.post(f"/fixes/{fix_id}/approve", seen)
    apply = f"/approvals/{approval['approval_id']}/apply"
    client.post(apply)
    other = client("POST", apply, headers={"Idempotency-Key": "another"})
    assert says(other, 409, "approval_refused")["advice"] == AGAIN


def test_what_is_in_place_is_not_to_be_approved_again(client):
    fix_id, seen = suggested(client)
    approval = client.post(f"/fixes/{fix_id}/approve", seen)
    change = client.post(f"/approvals/{approval['approval_id']}/apply")["change_id"]
    refused = says(client("GET", f"/fixes/{fix_id}/preview"), 409, "approval_refused")
    assert refused["advice"] == f"There is nothing to approve. Revert {change} to take it back."


def test_an_action_is_no_type_for_a_standing_approval_and_says_why(client):
    terms = {"fix_type": "connect_integration", "max_uses": 1, "expires_at": "2020-01-01T00:00:00Z"}
    refused = says(client("POST", "/standing", json=terms), 422, "invalid_input")
    assert "connect_integration is an action, not a change" in refused["detail"]
    assert "replace_value" in refused["advice"]
