"""What a workspace has around a failure, and which of it may have been meant."""

import time

import pytest
from pydantic import JsonValue

from copilot.names import MissingName, candidates, is_slip
from copilot.pipeline.context import (
    available_templates,
    from_snapshot,
    integration_status,
    meant,
    most_used,
)
from copilot.ports import FieldSummary, TemplateSummary, WorkspaceContext
from copilot.snapshot import Snapshot
from copilot.types import ErrorRecord


@pytest.mark.parametrize(
    ("name", "available", "found"),
    [
        (
            "Outbound v3",
            ["Follow-up 1", "Outbound v1", "Outbound v2"],
            ["Outbound v2", "Outbound v1"],
        ),
        ("lead_score", ["Lead Score", "leadScore", "Score"], ["Lead Score", "leadScore", "Score"]),
        ("Emial", ["Name", "Email", "Phone"], ["Email"]),
        ("email", ["Email Address", "Phone"], ["Email Address"]),
        ("urgent", ["Urgent", "URGENT", "urgency"], ["Urgent", "URGENT", "urgency"]),
        ("UrgentEmails", ["DefinedRange"], []),
        ("Übersicht", ["uebersicht", "Übersichten"], ["Übersichten", "uebersicht"]),
        ("你好", ["你好吗", "再见"], ["你好吗"]),
        ("%%%", ["%%%", "###"], ["%%%"]),
        ("x", [], []),
        ("", ["", "a"], [""]),
    ],
)
def test_close_names_come_in_a_sensible_order(
    name: str, available: list[str], found: list[str]
) -> None:
    assert list(candidates(name, available)) == found


def test_no_list_of_names_makes_it_slow() -> None:
    started = time.perf_counter()
    candidates("ab" * 50_000, ["ba" * 500 + str(number) for number in range(5000)])
    assert time.perf_counter() - started < 5


def test_counting_on_is_no_slip() -> None:
    assert is_slip("Outbund v3", "Outbound v3")
    assert is_slip("outbound_v3", "Outbound v3")
    assert is_slip("naem", "name")
    assert not is_slip("email", "boss email")
    assert not is_slip("Outbound v3", "Outbound v2")
    assert not is_slip("UrgentEmails", "DefinedRange")


TEMPLATES = tuple(
    TemplateSummary(name=f"T{number:02}", usage_count=number % 7) for number in range(30)
)


def test_the_20_most_used_templates_are_shown_ties_by_name() -> None:
    context = WorkspaceContext(templates=TEMPLATES)
    names = available_templates(context)
    assert len(names) == 20
    assert names[:5] == ("T06", "T13", "T20", "T27", "T05")
    assert most_used(most_used(context)) == most_used(context)


def test_a_snapshot_has_a_context_too() -> None:
    snapshot = Snapshot(
        workspace_id="w",
        workflow_id="f",
        version=1,
        definition={},
        resources={
            "template": {
                "Rare": {"body": "x", "usage_count": 1},
                "Odd": {"body": "x", "usage_count": "many"},
                "Often": {"body": "x", "usage_count": 9, "description": "First contact"},
            },
            "custom_field": {"leadScore": {"label": "Lead score", "type": "number"}},
            "integration": {"Slack": {"connected": False}, "Gmail": {"type": "gmail"}},
        },
    )
    context = from_snapshot(snapshot)
    assert [template.name for template in context.templates] == ["Often", "Rare", "Odd"]
    assert context.templates[0].description == "First contact"
    assert context.custom_fields == (
        FieldSummary(key="leadScore", label="Lead score", type="number"),
    )
    assert integration_status(context) == {"Gmail": "connected", "Slack": "disconnected"}


def error(code: str | None = None, **details: JsonValue) -> ErrorRecord:
    return ErrorRecord(message="not found", code=code, details=details)


CONTEXT = WorkspaceContext(
    templates=(TemplateSummary(name="Outbound v2"), TemplateSummary(name="Welcome")),
    custom_fields=(FieldSummary(key="leadScore"),),
    integrations={"gmail": False},
)


@pytest.mark.parametrize(
    ("record", "question"),
    [
        (error("template_not_found", name="Outbound v3"), "Did you mean 'Outbound v2'?"),
        (error("field_not_found", name="lead score"), "Did you mean 'leadScore'?"),
        (error(kind="integration", name="Gmail"), "Did you mean 'gmail'?"),
        (
            error("resource_not_found", kind="range", name="Leads", available=["Leeds", "Leads 2"]),
            "Did you mean 'Leads 2' or 'Leeds'?",
        ),
        (
            error("variable_not_found", name="a.emials", near=["a.emails"], available=["emails"]),
            "Did you mean 'a.emails'?",
        ),
        (error("resource_not_found", kind="range", name="Urgent", available=["Defined"]), None),
    ],
)
def test_it_asks_what_was_meant(record: ErrorRecord, question: str | None) -> None:
    found = meant(record, CONTEXT)
    assert found is not None
    assert found.question == question


def test_an_error_that_names_nothing_missing_asks_nothing() -> None:
    assert meant(error("rate_limited", limit=5), CONTEXT) is None
    assert meant(error("template_not_found", name=5), CONTEXT) is None
    found = meant(error("template_not_found", name="X", available="Xy", near=[1, "Y", ""]), CONTEXT)
    assert found is not None
    assert found.missing == MissingName("template", "X", near=("Y",))
