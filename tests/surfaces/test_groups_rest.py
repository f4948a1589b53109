"""Groups over HTTP: what they say, rules of people, and what decides a group beside the text."""

import pytest

from tests.surfaces.rest_client import one_database, says
from tests.surfaces.rest_requests import FOREIGN_RUN


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with one_database(tmp_path_factory.mktemp("data")) as server:
        yield server


@pytest.fixture
def client(server):
    return server.client(example=False)


def report(client, text, *, run="run", **error):
    body = FOREIGN_RUN | {"execution_id": run, "error": {"message": text, **error}}
    return client("POST", "/analyses", json={"run": body})


def signature(client, text, **facts):
    return report(client, text, **facts).json()["signature"]


def test_a_group_is_told_by_any_signature_of_it_with_what_people_said(client):
    one = signature(client, "Template 'A' not found", run="r1")
    signature(client, "Template 'B' not found", run="r2")
    other = signature(client, "Disk of the loader is full", run="r3")
    answer = client("POST", f"/groups/{other}/merge", json={"other": one, "reason": "one outage"})
    assert answer.status_code == 201
    rule = answer.json()
    assert (rule["kind"], rule["made_by_name"], rule["reason"]) == ("merge", "Owner", "one outage")
    group = client.get(f"/groups/{other}")
    assert (group["signature"], group["failures"], group["signatures"]) == (one, 3, 2)
    assert group["likeness"]["sentence"].startswith(
        "One group by what is listed below: their texts"
    )
    assert [member["text"] for member in group["members"]] == [
        "Template 'B' not found",
        "Disk of the loader is full",
    ]
    assert group["rules"] == [rule]
    (listed,) = client.get("/groups")["groups"]
    assert listed == {name: group[name] for name in listed}


def test_a_rule_against_another_is_a_conflict_that_names_it(client):
    one, other = (signature(client, text, run=text) for text in ("Disk full", "Mail bounced"))
    path = f"/groups/{one}/split"
    rule = client.post(path, {"other": other})
    body = says(client("POST", f"/groups/{one}/merge", json={"other": other}), 409, "rule_conflict")
    assert f"{rule['rule_id']} by Owner keeps them apart." in body["detail"]
    assert "DELETE the rule" in body["advice"]
    assert client("DELETE", f"/groups/rules/{rule['rule_id']}").status_code == 204
    assert client("DELETE", f"/groups/rules/{rule['rule_id']}").status_code == 404
    client.post(f"/groups/{one}/merge", {"other": other})


def test_one_request_is_one_rule(client):
    one = signature(client, "Disk full")
    options = {"headers": {"Idempotency-Key": "once"}, "json": {"reason": "noise"}}
    first, second = (client("POST", f"/groups/{one}/ignore", **options) for _ in range(2))
    assert first.json() == second.json()
    assert len(client.get(f"/groups/{one}")["rules"]) == 1
    audit = client.get("/audit")["items"]
    assert [entry["action"] for entry in audit].count("ignore_group") == 1


@pytest.mark.parametrize("role", ["operator", "approver", "owner"])
def test_no_machine_makes_a_rule_whatever_its_role(client, role):
    one = signature(client, "Disk full")
    machine = client.colleague(role, "machine")
    for path in ("ignore", "unignore"):
        says(machine("POST", f"/groups/{one}/{path}"), 403, "forbidden")
    assert machine.get(f"/groups/{one}")["rules"] == []


def test_what_is_ignored_is_in_no_digest_and_no_pattern(client):
    one = signature(client, "Disk full", run="r1")
    client.post(f"/groups/{one}/ignore", {"reason": "noise"})
    for number in range(2, 8):
        told = report(client, "Disk full", run=f"r{number}").json()
    assert told["pattern_detected"]["is_pattern"] is False
    assert client.post("/nights")["items"] == []
    assert client.get(f"/groups/{one}")["ignored"] is True


def test_a_fingerprint_alone_decides_and_has_a_bound(client):
    one = signature(client, "Disk full", run="r1", fingerprint="load")
    assert signature(client, "Mail bounced", run="r2", fingerprint="load") == one
    sentence = client.get(f"/groups/{one}")["likeness"]["sentence"]
    assert sentence.startswith("One group because they share the fingerprint 'load', which they")
    says(report(client, "Disk full", fingerprint="f" * 201), 422, "invalid_request")


def test_the_setting_tells_groups_apart_and_says_what_is_wrong_with_it(client):
    one = signature(client, "Quota of tenant acme-17 used up", run="r1")
    assert signature(client, "Quota of tenant acme-18 used up", run="r2") == one
    changed = client("PATCH", "/settings", json={"group_keep": r"acme-\d{1,8}"})
    assert changed.status_code == 200, changed.text
    kept = {signature(client, f"Quota of tenant acme-{n} used up", run=f"s{n}") for n in (17, 18)}
    assert len(kept) == 2
    body = says(client("PATCH", "/settings", json={"group_keep": "a+"}), 422, "invalid_input")
    assert body["detail"] == ("group_keep: 'a+' repeats without a bound; write {1,40} for '+'.")


@pytest.mark.parametrize(
    "body",
    [{}, {"other": ""}, {"other": "x", "reason": "r" * 501}, {"other": "x", "more": 1}],
    ids=["nothing", "empty", "long", "unknown"],
)
def test_a_body_that_is_none_is_refused(client, body):
    one = signature(client, "Disk full")
    says(client("POST", f"/groups/{one}/split", json=body), 422, "invalid_request")


def test_a_signature_with_itself_is_refused(client):
    one = signature(client, "Disk full")
    says(client("POST", f"/groups/{one}/split", json={"other": one}), 422, "invalid_input")
