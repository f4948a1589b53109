"""What can't be used: every field wrong, text that is no text, and what is said about it."""

import pytest
from pydantic import ValidationError

from copilot.demo import URGENT_MAIL, workflow_text
from copilot.surfaces.rest import account, analyses, fixes, nights, wording
from copilot.types.run import StepRecord
from engine.http import approvals, executions, quotas, resources, workflows
from tests.surfaces.rest_client import one_database, says


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with one_database(tmp_path_factory.mktemp("data")) as server:
        yield server.client()


CANARY = "sk-live-canary"
BAD_REQUESTS = {
    "unknown field": ("POST", "/executions", {"workflow_id": "x", "input": CANARY}, "body.input"),
    "wrong type": ("POST", "/executions", {"workflow_id": [CANARY]}, "body.workflow_id"),
    "wrong mode": ("POST", "/executions/x/resume", {"resume_mode": CANARY}, "body.resume_mode"),
    "missing": ("POST", "/fixes/x/approve", {"digest": CANARY}, "body.version"),
    "no object": ("POST", "/executions", CANARY, "body"),
    "a number in quotes": ("POST", "/credits/grant", {"credits": "5"}, "body.credits"),
    "a truth for a number": ("POST", "/credits/grant", {"credits": True}, "body.credits"),
    "a part of a credit": ("POST", "/credits/grant", {"credits": 1.5}, "body.credits"),
    "too many credits": ("POST", "/credits/grant", {"credits": 10**10}, "body.credits"),
    "no settings": ("PATCH", "/settings", {}, "body"),
    "a list of settings": ("PATCH", "/settings", [CANARY], "body"),
    "no such role": ("POST", "/keys", {"name": "x", "kind": "person", "role": CANARY}, "body.role"),
    "no such kind": ("POST", "/keys", {"name": "x", "kind": CANARY, "role": "viewer"}, "body.kind"),
    "no run": ("POST", "/analyses", {"run": CANARY}, "body.run"),
    "a debt": ("POST", "/nights", {"credit_cap": -1}, "body.credit_cap"),
    "no decision": ("POST", "/executions/x/approvals/y", {"decision": CANARY}, "body.decision"),
    "no limit": ("PUT", "/quotas/x/sends/day", {"limit": CANARY}, "body.limit"),
    "no time zone": ("PUT", "/quotas/x/sends/day", {"timezone": CANARY}, "body.timezone"),
    "no such mode": ("POST", "/executions/x/resume", {"repeat_effects": CANARY}, "body.repeat_eff"),
    "no money": ("POST", "/nights", {"spend_cap_usd": CANARY}, "body.spend_cap_usd"),
}


@pytest.mark.parametrize(
    ("method", "path", "json", "field"), BAD_REQUESTS.values(), ids=BAD_REQUESTS
)
def test_a_bad_request_names_the_field_and_repeats_no_value(client, method, path, json, field):
    answer = client(method, path, json=json)
    body = says(answer, 422, "invalid_request")
    assert any(error["field"].startswith(field) for error in body["errors"]), body
    assert CANARY not in answer.text


PLAIN = {
    "body.definition": ("POST", "/workflows", {"definition": 5}, "must be an object or must be"),
    "body.input": ("POST", "/executions", {"workflow_id": "x", "input": 1}, "is not known here"),
    "body.resume_mode": ("POST", "/executions/x/resume", {"resume_mode": 1}, "must be 'full', "),
    "body.workflow_id": ("POST", "/workflows", {"workflow_id": "A B"}, "must be 1 to 63 lower-"),
    "body.version": ("POST", "/fixes/x/approve", {"digest": "x"}, "is missing"),
    "body.credits": ("POST", "/credits/grant", {"credits": 10**400}, "must be 1000000000 or less"),
    "body.timeout_seconds": ("POST", "/executions", {"timeout_seconds": 0}, "must be more than 0"),
    "body": ("PATCH", "/settings", {}, "must not be empty"),
    "body.spend_cap_usd": ("POST", "/nights", {"spend_cap_usd": "x"}, "must be a number"),
    "body.expires_at": (
        "POST",
        "/keys",
        {"name": "x", "kind": "person", "role": "owner", "expires_at": "2026-01-01T00:00:00"},
        "must have a time zone",
    ),
}


@pytest.mark.parametrize("field", PLAIN)
def test_what_is_wrong_is_said_in_plain_words(client, field):
    method, path, json, words = PLAIN[field]
    body = says(client(method, path, json=json), 422, "invalid_request")
    assert words in {one["field"]: one["problem"] for one in body["errors"]}[field]


BODIES = [
    account.Grant,
    account.NewKey,
    analyses.ForeignAnalysis,
    analyses.ForeignRun,
    approvals.NewDecision,
    executions.NewExecution,
    executions.Resumption,
    fixes.SeenPreview,
    nights.NewPass,
    quotas.NewLimit,
    resources.ResourceContent,
    StepRecord,
    workflows.NewPause,
    workflows.NewWorkflow,
]
WRONG = [None, True, -1, 0, 1.5, 10**400, "", "x", "x" * 100_000, "9" * 5000, [], [1], {}, {"x": 1}]
WRONG += ["NaN", "1e400", "0.000000000001", "2026-01-01", "2026-01-01T00:00:00", "\ud800", "a\x00"]


@pytest.mark.parametrize("model", BODIES)
def test_whatever_is_wrong_with_a_field_has_words_of_ours(model):
    said = set()
    for name in [*model.model_fields, "unheard of"]:
        for wrong in WRONG:
            try:
                model.model_validate({name: wrong})  # as FastAPI does, with what JSON gave
            except ValidationError as error:
                said |= {wording.in_words(one) for one in error.errors()}
    assert {"is not known here"} < said
    assert "can't be used" not in said
    assert not [one for one in said if "nput should" in one or "{" in one]


def test_what_is_wrong_with_a_resource_has_its_place_and_no_value(client):
    answer = client(
        "PUT",
        "/resources/integration/x",
        json={"content": {"type": "secret-value-7", "connected": "secret-value-8"}},
    )
    body = says(answer, 422, "invalid_input")
    assert (body["where"], body["reason"]) == ("/connected", "it is neither true nor false.")
    assert body["advice"] == "Write true or false, without quotes."
    assert "secret-value" not in answer.text
    says(client("GET", "/resources/integration/x"), 404, "not_found")


def test_a_name_that_climbs_is_refused_however_it_is_spelled(client):
    for name in ("..%2Fx", "a%2F..%2Fx", "%2Fetc%2Fx", "a%2F%2Fx"):
        answer = client("PUT", f"/resources/template/{name}", json={"content": {"body": "Hi"}})
        assert says(answer, 422, "invalid_input")["where"] == "name", name
    names = {one["name"] for one in client("GET", "/resources").json()["resources"]}
    assert not [name for name in names if "/" in name]


def test_a_bad_workflow_is_called_one(client):
    answer = client("POST", "/workflows", json={"definition": "template: x"})
    assert says(answer, 422, "invalid_definition")["detail"] == "This is not a valid workflow."


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"limit": "101"}, "query.limit"),
        ({"limit": CANARY}, "query.limit"),
        ({"status": CANARY}, "query.status"),
        ({"workflow_id": "\x00"}, "query.workflow_id"),
        ({"limt": "5"}, "query.limt"),
        ({CANARY: "5"}, f"query.{CANARY}"),
    ],
)
def test_a_bad_filter_too(client, params, field):
    answer = client("GET", "/executions", params=params)
    error = says(answer, 422, "invalid_request")["errors"][0]
    assert error["field"] == field
    assert CANARY not in error["problem"]
    assert ("Did you mean limit?" in error["problem"]) is ("limt" in params)


SURROGATE = "\\ud800"


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/workflows", f'{{"definition": {{"name": "{SURROGATE}", "steps": []}}}}'),
        ("/workflows", f'{{"definition": "name: {SURROGATE}"}}'),
        ("/workflows", f'{{"{SURROGATE}": 1}}'),
        ("/executions", f'{{"workflow_id": "{SURROGATE}"}}'),
        ("/executions", f'{{"workflow_id": "{URGENT_MAIL}", "inputs": {{"{SURROGATE}": 1}}}}'),
        ("/executions/x/resume", f'{{"resume_mode": "{SURROGATE}"}}'),
        ("/fixes/x/approve", f'{{"digest": "{SURROGATE}", "version": 1}}'),
        ("/keys", f'{{"name": "{SURROGATE}", "kind": "person", "role": "viewer"}}'),
        ("/keys", '{"name": "a\\u0000b", "kind": "person", "role": "viewer"}'),
        ("/settings", f'{{"{SURROGATE}": "{SURROGATE}"}}'),
        ("/settings", f'{{"agent_model": "{SURROGATE}"}}'),
        (f"/workflows/{URGENT_MAIL}/pause", f'{{"reason": "{SURROGATE}\\u0000"}}'),
    ],
)
def test_text_that_is_no_text_is_refused_and_breaks_nothing(client, path, content):
    method = "PATCH" if path == "/settings" else "POST"
    answer = client(method, path, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in {200, 202, 404, 422}, answer.text
    client.post(f"/workflows/{URGENT_MAIL}/unpause")
    for shown in ("/workflows", "/executions", "/keys", "/settings", "/audit"):
        assert client("GET", shown).status_code == 200


def test_a_misspelt_action_is_answered_with_the_likely_one(client):
    definition = {"name": "x", "steps": [{"id": "a", "action": "read_sheat", "with": {}}]}
    answer = client("POST", "/workflows", json={"definition": definition})
    assert "Did you mean read_sheet?" in says(answer, 422, "invalid_definition")["problems"][0]


@pytest.mark.parametrize(
    "definition",
    [
        {"name": "x", "steps": [{"id": "a", "action": "write_file", "timeout_seconds": CANARY}]},
        f"name: x\nsteps:\n  - {{id: a, action: write_file, retry: {CANARY}}}\n",
        {"name": "x", "inputs": CANARY, "steps": []},
        workflow_text(URGENT_MAIL).replace("name:", f"{CANARY}:"),
    ],
)
def test_a_bad_definition_lists_its_problems_and_repeats_no_value(client, definition):
    answer = client("POST", "/workflows", json={"definition": definition})
    assert says(answer, 422, "invalid_definition")["problems"]
    assert f"not '{CANARY}'" not in answer.text
