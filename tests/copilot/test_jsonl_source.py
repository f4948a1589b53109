"""Runs of other systems: both spellings of a step, and clear errors for what can't be read."""

import json

import pytest

from copilot.errors import InvalidInput
from copilot.sources.jsonl import parse_run, read
from copilot.types import RunStatus, StepStatus


def parse(**fields):
    run = {"id": "r1", "agent": "outreach", "status": "Failed", "error": "boom"} | fields
    return parse_run(run, where="runs.jsonl, line 1", workspace_id="acme")


SPELLINGS = {
    "plain": {"action": "send_email", "status": "failed", "error": "Token expired"},
    "nested": {
        "action": "send_email",
        "stepStatus": "failed",
        "result": {"success": False, "error": "Token expired"},
    },
    "nested without status": {
        "action": "send_email",
        "result": {"success": False, "error": "Token expired"},
    },
    "object": {
        "action": "send_email",
        "step_status": "Failed",
        "error": {"name": "AuthError", "message": "Token expired", "stack": "at x"},
    },
}


@pytest.mark.parametrize("step", SPELLINGS.values(), ids=SPELLINGS)
def test_every_spelling_of_a_failed_step_is_the_same_step(step):
    (parsed,) = parse(steps=[step]).steps
    assert parsed.status is StepStatus.FAILED
    assert parsed.error is not None
    assert parsed.error.message == "Token expired"
    assert (parsed.number, parsed.action) == (1, "send_email")


@pytest.mark.parametrize(
    ("spelled", "status"),
    [
        ("Success", RunStatus.SUCCEEDED),
        ("Failed", RunStatus.FAILED),
        ("Queued", RunStatus.QUEUED),
        ("Running", RunStatus.RUNNING),
        ("timed_out", RunStatus.TIMED_OUT),
        ("timedOut", RunStatus.TIMED_OUT),
        ("canceled", RunStatus.CANCELLED),
    ],
)
def test_run_statuses(spelled, status):
    assert parse(status=spelled).status is status


def test_camel_case_and_snake_case_say_the_same():
    camel = parse(startTime="2026-02-04T10:30:45Z", testMode=True, agentName="Outreach")
    snake = parse(start_time="2026-02-04T10:30:45Z", test_mode=True, agent_name="Outreach")
    assert camel == snake
    assert camel.test_mode
    assert camel.started_at is not None


def test_a_run_without_steps_is_read_from_its_own_error():
    run = parse(steps=None)
    assert run.steps == ()
    assert run.error is not None
    assert run.error.message == "boom"


def test_text_no_database_can_hold_is_replaced():
    assert parse(error="a\ud800b\x00c").error.message == "a\ufffdb\ufffdc"


REFUSED = {
    "no error anywhere": ({"error": None, "steps": []}, "without any error text"),
    "unknown status": ({"status": "Faild"}, "Did you mean failed?"),
    "no status": ({"status": None}, "no 'status'"),
    "steps not a list": ({"steps": {"a": 1}}, "not a list"),
    "step not an object": ({"steps": ["x"]}, "step 1: not an object"),
    "unknown step status": ({"steps": [{"action": "a", "status": "broke"}]}, "unknown status"),
}


@pytest.mark.parametrize(("fields", "says"), REFUSED.values(), ids=REFUSED)
def test_what_can_not_be_read_says_where_and_what_to_do(fields, says):
    with pytest.raises(InvalidInput, match=r"runs\.jsonl, line 1") as raised:
        parse(**fields)
    assert says in str(raised.value)
    assert raised.value.code == "invalid_input"


@pytest.mark.parametrize("line", ["{", "[]", "42", "[" * 100_000, '{"status": '])
def test_a_line_that_is_no_object_is_refused_by_number(line):
    good = json.dumps({"id": "r", "status": "Success"})
    with pytest.raises(InvalidInput, match="line 2"):
        list(read([good, line], source="runs.jsonl", workspace_id="acme"))


HOSTILE = "a\x1b[2J\u202e\n\t\x00b"


def test_names_and_ids_hold_nothing_that_can_not_be_seen():
    step = {"action": HOSTILE, "path": HOSTILE, "name": HOSTILE, "status": "failed", "error": "x"}
    run = parse(id=HOSTILE, agent=HOSTILE, name=HOSTILE, trigger=HOSTILE, steps=[step])
    (parsed,) = run.steps
    shown = "a\ufffd[2J" + "\ufffd" * 4 + "b"
    assert {run.execution_id, run.workflow_id, run.workflow_name, run.trigger} == {shown}
    assert {parsed.action, parsed.path, parsed.name} == {shown}


def test_a_long_name_is_clipped_and_a_long_id_refused():
    long = "n" * 201
    run = parse(name=long, steps=[{"action": long, "status": "failed", "error": "x"}])
    assert run.workflow_name == run.steps[0].action == "n" * 199 + "…"
    assert parse(id="n" * 200).execution_id == "n" * 200
    for field in ("id", "agent"):
        with pytest.raises(InvalidInput, match="longer than 200 characters"):
            parse(**{field: long})
    with pytest.raises(InvalidInput, match=r"step 1: 'path' is longer"):
        parse(steps=[{"action": "a", "path": long, "status": "failed", "error": "x"}])


def test_a_run_without_an_id_is_named_by_the_end_of_its_place():
    data = {"status": "Failed", "error": "boom"}
    run = parse_run(data, where=f"{'f' * 300}, line 7", workspace_id="acme")
    assert len(run.execution_id) == 200
    assert run.execution_id.endswith("line 7")
