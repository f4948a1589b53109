"""Who receives something, what is confidential and which file is written is no fix's to choose."""

import pytest

from copilot.errors import InvalidFix
from copilot.fixes import parse
from copilot.snapshot import Snapshot

STEPS = [
    {"id": "staff", "type": "tool", "action": "read_sheet", "with": {"file": "staff.csv"}},
    {"id": "customers", "type": "tool", "action": "read_sheet", "with": {"file": "all.csv"}},
    {
        "id": "send",
        "type": "tool",
        "action": "send_email",
        "with": {
            "messages": "{{ staff }}",
            "rows": "{{ staf.rows }}",
            "body": "Dear {{ inputs.who }}, {{ inputs.api_tokn }}",
            "message": "{{ stff }}",
        },
    },
    {
        "id": "save",
        "type": "tool",
        "action": "write_file",
        "with": {"path": "out.csv", "content": "x"},
    },
    {
        "id": "log",
        "type": "tool",
        "action": "write_file",
        "with": {"path": "{{ inputs.naem }}.txt", "content": "x"},
    },
]
BASE = Snapshot(
    workspace_id="acme", workflow_id="w", version=1, definition={"name": "w", "steps": STEPS}
)


def replace(step, parameter, value):
    path = f"/steps/{step}/with/{parameter}"
    old = STEPS[step]["with"][parameter]
    return parse({"type": "replace_value", "path": path, "old": old, "value": value})


@pytest.mark.parametrize(
    ("step", "parameter", "value", "why"),
    [
        (2, "messages", "{{ customers }}", "they stay the same step's"),
        (2, "messages", "{{ customers.rows }}", "they stay the same step's"),
        (2, "message", "{{ customers }}", "they stay the same step's"),
        (2, "body", "Dear {{ inputs.api_token }}, {{ inputs.api_tokn }}", "something confidential"),
        (2, "rows", "{{ staff.password }}", "something confidential"),
        (3, "path", "customers.csv", "which file is written"),
        (3, "path", "../out.csv", "which file is written"),
        (4, "path", "{{ inputs.other_customer }}.txt", "only a misspelt name"),
    ],
    ids=[
        "rows of another step",
        "more of another step",
        "another step for a name that is none",
        "a token for a name",
        "a password for rows",
        "another file",
        "another folder",
        "another name",
    ],
)
def test_it_is_refused(step, parameter, value, why):
    with pytest.raises(InvalidFix, match=why):
        replace(step, parameter, value).apply(BASE)


@pytest.mark.parametrize(
    ("step", "parameter", "value"),
    [
        (2, "messages", "{{ staff.rows }}"),
        (2, "message", "{{ staff }}"),
        (2, "rows", "{{ staff.rows }}"),
        (2, "rows", "{{ customers.rows }}"),
        (2, "body", "Dear {{ inputs.who }}, {{ inputs.api_token }}"),
        (4, "path", "{{ inputs.name }}.txt"),
    ],
    ids=[
        "more of the same step",
        "a misspelt step",
        "a misspelt step of rows",
        "rows of another step",
        "a misspelt token",
        "a misspelt name",
    ],
)
def test_what_is_only_misspelt_is_put_right(step, parameter, value):
    changed = replace(step, parameter, value).apply(BASE)
    assert changed.definition["steps"][step]["with"][parameter] == value
