"""The rules' hints made concrete: every fix fits, and every name in it was there before."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.definitions import leaves
from copilot.ports import TemplateSummary, WorkspaceContext
from copilot.runtimes.offline import Suggestion, propose
from copilot.snapshot import Snapshot
from copilot.types import Diagnosis, ErrorRecord, Failure, FixHint, RootCause, Verdict

KNOWN = TemplateSummary(name="Outbound v2")
TEMPLATE = {"subject": "Hello", "body": "Hello {Name}"}


def snapshot(*, instructions: str = "", templates: Sequence[str] = ("Outbound v2",)) -> Snapshot:
    steps: list[Any] = [
        {
            "id": "read",
            "action": "read_sheet",
            "with": {"file": "mail.xlsx", "range": "UrgentEmails"},
        },
        {"id": "sort", "prompt": "Sort {{ read.emials }} and {{ read.emialsx }}"},
        {
            "id": "fill",
            "name": "Fill in",
            "action": "render_template",
            "with": {"template": "Outbound v3", "rows": "{{ read }}", "to": "{Name} <{Email}>"},
        },
        {"id": "send", "action": "send_email", "with": {"messages": "{{ fill }}"}},
        {"id": "note", "action": "send_email", "with": {"to": "{{ sort }}", "body": "x"}},
    ]
    return Snapshot(
        workspace_id="w",
        workflow_id="f",
        version=1,
        definition={"name": "F", "instructions": instructions, "steps": steps},
        resources={"template": {name: dict(TEMPLATE) for name in templates}},
    )


def proposals(
    cause: str,
    step: str | None,
    *,
    base: Snapshot | None = None,
    code: str | None = None,
    message: str = "failed",
    hints: Sequence[FixHint] = (),
    captures: Mapping[str, str] | None = None,
    outputs: Mapping[str, Sequence[str]] | None = None,
    known: TemplateSummary | None = KNOWN,
    **details: Any,
) -> tuple[Suggestion, ...]:
    failure = Failure(
        workspace_id="w",
        workflow_id="f",
        workflow_version=1,
        execution_id="e",
        test_mode=False,
        step_path=step,
        step_number=1,
        action="x",
        error=ErrorRecord(message=message, code=code, details=details),
        occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
        signature="n1:0",
        key="k",
        label="l",
    )
    diagnosis = Diagnosis(
        root_cause=RootCause(cause),
        verdict=Verdict.LIKELY,
        explanation="x",
        captures=dict(captures or {}),
        fixes=tuple(hints),
    )
    return propose(
        diagnosis,
        failure,
        snapshot=base or snapshot(),
        context=WorkspaceContext(templates=(known,) if known else ()),
        output_names=outputs or {},
    )


def described(found: Sequence[Suggestion]) -> list[tuple[str, bool, str]]:
    return [(one.hint.type, one.fix is not None, one.hint.description) for one in found]


def test_a_missing_range_is_replaced_by_the_only_one_there_is() -> None:
    found = proposals(
        "missing_resource",
        "/read",
        kind="range",
        name="UrgentEmails",
        available=["DefinedRange"],
        hints=[
            FixHint(type="replace_value", description="Replace the range"),
            FixHint(type="manual", description="Or create it"),
        ],
    )
    assert described(found) == [
        (
            "replace_value",
            True,
            "Replace the range 'UrgentEmails' with 'DefinedRange', the only named range in mail.xlsx",
        ),
        ("manual", False, "Or create it"),
    ]
    assert found[0].hint.parameters == {
        "path": "/steps/0/with/range",
        "old": "UrgentEmails",
        "value": "DefinedRange",
    }
    assert found[0].hint.tier == "best"


def test_several_names_are_several_fixes_but_many_unlike_ones_are_none() -> None:
    details: dict[str, Any] = {"kind": "range", "name": "UrgentEmails"}
    three = proposals("missing_resource", "/read", **details, available=["A", "B", "C"])
    assert [one.hint.description for one in three] == [
        f"Replace the range 'UrgentEmails' with '{name}', one of 3 named ranges in mail.xlsx"
        for name in "ABC"
    ]
    assert proposals("missing_resource", "/read", **details, available=list("ABCD")) == ()
    close = proposals(
        "missing_resource", "/read", **details, available=["Urgent Emails", "Emails", "A", "B"]
    )
    assert [one.hint.parameters["value"] for one in close] == ["Urgent Emails"]
    assert close[0].hint.description.endswith(", which is spelled almost the same")


def test_a_name_that_does_not_stand_in_the_step_is_not_replaced() -> None:
    hint = FixHint(type="replace_value", description="Correct it")
    found = proposals(
        "missing_resource", "/read", kind="range", name="Other", available=["A"], hints=[hint]
    )
    assert described(found) == [("replace_value", False, "Correct it")]
    assert proposals("missing_resource", None, kind="range", name="Other", available=["A"]) == ()


def test_a_missing_template_is_created_or_an_existing_one_is_used() -> None:
    found = proposals(
        "missing_template",
        "/fill",
        code="template_not_found",
        name="Outbound v3",
        hints=[FixHint(type="suggest_template", description="Create it")],
    )
    assert described(found) == [
        ("create_template", True, "Create the template 'Outbound v3', as a copy of 'Outbound v2'"),
        (
            "replace_value",
            True,
            "Replace the template 'Outbound v3' with 'Outbound v2', the only template in this"
            " workspace",
        ),
    ]
    assert found[0].hint.parameters == {"name": "Outbound v3", **TEMPLATE}


def test_a_misspelt_template_is_corrected_first() -> None:
    found = proposals(
        "missing_template",
        "/fill",
        base=snapshot(templates=["outbound_v3"]),
        captures={"template": "Outbound v3"},
    )
    assert [one.hint.parameters.get("value") for one in found] == ["outbound_v3"]
    other = proposals(
        "missing_template",
        "/fill",
        base=snapshot(templates=["Outbond v3"]),
        captures={"template": "Outbound v3"},
    )
    assert [one.hint.type for one in other] == ["replace_value"]
    assert found[0].hint.description.endswith(", which is spelled almost the same")


def test_the_copy_may_be_of_a_template_the_workflow_does_not_name() -> None:
    found, _ = proposals(
        "missing_template",
        "/fill",
        base=snapshot(templates=[]),
        known=TemplateSummary(name="Outbound v2", **TEMPLATE),
        captures={"template": "Outbound v3"},
    )
    assert found.hint.description.endswith(", as a copy of 'Outbound v2'")
    assert found.hint.parameters == {"name": "Outbound v3", **TEMPLATE}


def test_a_slip_that_is_corrected_needs_no_other_remedy_but_a_person_s() -> None:
    details: dict[str, Any] = {"kind": "range", "name": "UrgentEmails"}
    hints = [
        FixHint(type="create_field", description="Create it"),
        FixHint(type="map_input", description="Take another"),
        FixHint(type="manual", description="Or define it in the workbook"),
    ]
    slip = proposals("missing_resource", "/read", **details, available=["UrgentEmail"], hints=hints)
    assert [one.hint.type for one in slip] == ["replace_value", "manual"]
    guess = proposals("missing_resource", "/read", **details, available=["Inbox"], hints=hints)
    assert [one.hint.type for one in guess] == [
        "replace_value",
        "create_field",
        "map_input",
        "manual",
    ]


def test_words_for_what_a_fix_already_does_are_left_out() -> None:
    named = {"old": "UrgentEmails"}
    found = proposals(
        "missing_resource", "/read", kind="range", name="UrgentEmails", available=["Inbox"],
        hints=[
            FixHint(type="update_instructions", description="Name another", parameters=named),
            FixHint(type="update_instructions", description="Ask first"),
        ],
    )  # fmt: skip
    assert [one.hint.description for one in found[1:]] == ["Ask first"]


def test_nobody_is_told_to_take_another_template_where_there_is_none() -> None:
    hint = FixHint(type="update_instructions", description="Other", parameters={"old": "X 1"})
    details: dict[str, Any] = {"code": "template_not_found", "name": "X 1", "hints": [hint]}
    base = snapshot(templates=[])
    none = proposals("missing_template", "/fill", base=base, known=None, **details)
    assert "Other" not in [one.hint.description for one in none]
    one = proposals("missing_template", "/fill", base=base, **details)
    assert "Other" in [suggestion.hint.description for suggestion in one]


def test_no_quick_retry_against_an_allowance_of_a_day() -> None:
    hints = [FixHint(type="retry_policy", description="Again")]
    daily = proposals("rate_limit", None, hints=hints, captures={"resets": "tomorrow"})
    short = proposals("rate_limit", None, hints=hints)
    assert (len(daily), len(short)) == (0, 1)


def test_a_first_wording_uses_what_the_step_knows() -> None:
    found, _ = proposals(
        "missing_template",
        "/fill",
        base=snapshot(templates=[]),
        captures={"template": "Outbound v3"},
    )
    assert found.hint.description.endswith("with a first wording, to be read and reworded")
    assert found.hint.parameters["body"] == (
        "Hello {Name},\n\nthis message is for you.\n\nKind regards\n"
    )


def test_a_template_in_the_instructions_is_swapped_there_when_an_agent_decides() -> None:
    base = snapshot(instructions="Use 'Outbound v3'.")
    details = {"code": "template_not_found", "name": "Outbound v3"}
    found = proposals("missing_template", "/note", base=base, **details)
    assert [one.hint.type for one in found] == [
        "create_template",
        "update_instructions",
        "update_instructions",
    ]
    assert found[2].hint.parameters == {
        "add": "If the template 'Outbound v3' is missing, use the template 'Outbound v2'."
    }
    tool = proposals("missing_template", "/fill", base=base, **details)
    assert "update_instructions" not in [one.hint.type for one in tool]


def test_a_reference_is_pointed_at_the_output_that_is_there() -> None:
    details = {"code": "variable_not_found", "name": "read.emials"}
    expected = "Sort {{ read.emails }} and {{ read.emialsx }}"
    by_engine = proposals("missing_step_output", "/sort", **details, near=["read.emails"])
    by_names = proposals("missing_step_output", "/sort", **details, available=["emails", "count"])
    by_outputs = proposals(
        "missing_step_output",
        "/sort",
        captures={"variable": "read.emials"},
        outputs={"read": ["emails", "count"]},
    )
    for found in (by_engine, by_names, by_outputs):
        assert found[0].hint.parameters["value"] == expected
        assert found[0].hint.description == (
            "Read 'read.emails' instead of 'read.emials' in step 'sort'"
        )


def test_a_misspelt_column_is_corrected_where_the_step_uses_it() -> None:
    base = snapshot()
    steps: Any = base.definition["steps"]
    steps[2]["with"]["to"] = "{Name} <{Emial}>"
    found = proposals(
        "missing_field", "/fill", base=base, code="field_not_found", name="Emial",
        available=["Name", "Email"],
    )  # fmt: skip
    assert described(found) == [
        ("replace_value", True, "Take the field 'Email' instead of 'Emial' in 'to'")
    ]
    assert found[0].hint.parameters["value"] == "{Name} <{Email}>"


def test_invalid_addresses_are_skipped_before_the_step() -> None:
    found = proposals(
        "invalid_data",
        "/send",
        field="to",
        hints=[
            FixHint(type="manual", description="Update the contact"),
            FixHint(type="skip_invalid", description="Skip", parameters={"field": "email"}),
        ],
    )
    assert described(found) == [
        (
            "skip_invalid",
            True,
            "Skip rows without a valid e-mail address before step 'send', and go on with the rest",
        ),
        ("manual", False, "Update the contact"),
    ]


def test_an_agent_is_told_to_skip_them() -> None:
    found = proposals("invalid_data", "/note", field="to", message="Invalid email address")
    assert found[0].hint.type == "update_instructions"
    assert "Skip every contact" in found[0].hint.description


def test_other_causes_keep_their_words() -> None:
    hint = FixHint(type="manual", description="Wait until tomorrow")
    assert described(proposals("rate_limit", "/send", hints=[hint])) == [
        ("manual", False, "Wait until tomorrow")
    ]


@pytest.mark.parametrize("path", ["/loop/fill", "fill", "/other", None])
def test_a_path_that_leads_nowhere_is_no_crash(path: str | None) -> None:
    found = proposals("missing_template", path, code="template_not_found", name="Outbound v3")
    assert all(one.fix is None or one.fix.has_effect(snapshot()) for one in found)


names = st.one_of(
    st.sampled_from(["UrgentEmails", "Outbound v3", "read.emials", "evil {{ x }}", "a\u202eb", ""]),
    st.text(max_size=20),
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    cause=st.sampled_from(["missing_template", "missing_resource", "missing_field"])
    | st.sampled_from(["missing_step_output", "invalid_data"]),
    step=st.sampled_from(["/read", "/sort", "/fill", "/send", "/note"]),
    name=names,
    available=st.lists(names, max_size=4),
    near=st.lists(names, max_size=3),
    kind=st.sampled_from(["range", "template", "field", "variable"]) | names,
)
def test_whatever_the_error_says_every_fix_fits_and_invents_no_name(
    cause: str, step: str, name: str, available: list[str], near: list[str], kind: str
) -> None:
    base = snapshot(instructions="Use 'Outbound v3'.")
    details = {"kind": kind, "name": name, "field": name, "available": available, "near": near}
    found = proposals(cause, step, base=base, message="empty", **details)
    known = {name, *available, *near, "Outbound v2"}
    texts = {value for _, value in leaves(base.definition) if isinstance(value, str)}
    for fix, hint, _ in found:
        assert fix is not None
        assert fix.has_effect(base)
        assert len(hint.description) < 1000
        if hint.type == "replace_value":
            value = str(hint.parameters["value"])
            assert value in known or any(
                text.replace(name, other) == value for text in texts for other in known if name
            )
