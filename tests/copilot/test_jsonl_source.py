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
