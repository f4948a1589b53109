"""A workflow of three steps for fixes to change."""

from typing import Any

from copilot.snapshot import Snapshot

PARAMETERS: dict[str, Any] = {
    "file": "mail.xlsx",
    "range": "UrgentEmails",
    "max_rows": 1,
    "exact": True,
    "url": "https://acme.example/x",
    "headers": {"Accept": "json"},
    "api-key": "k",
    "baseurl": "/v1",
    "to": "{{ first.emial }}",
    "cc": ["boss", "{Name} <{Emial}>"],
    "text": "Dear {{ first.naem }}, see https://acme.example",
    "columns": ["Name", "Emial"],
}


def workflow(*, instructions: str = "", agent: bool = True, **parameters: Any) -> Snapshot:
    steps: list[Any] = [
        {"id": "first", "action": "read_sheet", "with": {"file": "a.csv"}},
        {"id": "second", "action": "write_file", "with": {**PARAMETERS, **parameters}},
    ]
    if agent:
        steps.append({"id": "third", "prompt": "Sort {{ first.rows }}"})
    return Snapshot(
        workspace_id="w",
        workflow_id="f",
        version=1,
        definition={"name": "F", "instructions": instructions, "steps": steps},
        resources={"template": {"Outbound v2": {"body": "Hi"}}, "integration": {"Gmail": {}}},
    )
