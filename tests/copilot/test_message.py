"""The answer as one message: what it says, when it asks, and that it follows from the report."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import knowledge_base
from copilot.pipeline.diagnose import diagnose
from copilot.pipeline.report import Offer, Surroundings, compose
from copilot.types import ErrorRecord, Failure, Pattern, Report, RootCause
from copilot.types.message import MOST_OPTIONS, MessageParts, numbered
from tests.copilot.storage_builders import START, a_failure

KNOWLEDGE = knowledge_base.load()
ENTRIES = [entry for entry in KNOWLEDGE.entries.values() if entry.examples.match]


def report(
    message: str,
    *,
    action: str = "send_email",
    step: int | None = 3,
    auto_resume_at: datetime | None = None,
    **example: Any,
) -> Report:
    """As a failure of another system is answered: without a definition, every fix in words."""
    diagnosis = diagnose(message=message, step_action=action, knowledge=KNOWLEDGE, **example)
    failure: Failure = a_failure("run-1", at=START).model_copy(
        update={
            "step_number": step,
            "action": action,
            "error": ErrorRecord(message=message),
            "entities": (("name", "Outbound v3"),),
        }
    )
    return compose(
        failure,
        diagnosis,
        pattern=Pattern(is_pattern=False, error_message="x", failure_count=1, window=1),
        around=Surroundings(),
        offers=[Offer(hint) for hint in diagnosis.fixes],
        now=START,
        auto_resume_at=auto_resume_at,
    )


TEMPLATE = report("Email template 'Outbound v3' was not found")


def repeated(of: Report, *shared: str, **changed: Any) -> Report:
    pattern = Pattern(
        is_pattern=True,
        error_message="Template not found",
        failure_count=5,
        window=5,
        shared_entities=shared,
        recommendation="Pause this agent until template is created",
        warning="This agent has failed 5 times with the same error.",
    )
    return of.model_copy(update={"pattern_detected": pattern, **changed})


def applicable(of: Report, *types: str) -> Report:
    """With fix ids for the suggestions of these types."""
    fixes = tuple(
        fix.model_copy(update={"fix_id": f"fix_{fix.type}", "auto_fix_available": True})
        if fix.type in types
        else fix
        for fix in of.suggested_fixes
    )
    parts = of.parts.model_copy(update={"question": "Shall I?", "asks": "update_instructions"})
    return of.model_copy(update={"suggested_fixes": fixes, "parts": parts})


def test_a_missing_template_is_told_as_promised_and_nothing_is_asked_without_a_fix() -> None:
    assert TEMPLATE.message == (
        "Your agent failed at Step 3 because:\n"
        "❌ Email template 'Outbound v3' was not found\n"
        "\n"
        "How to fix:\n"
        "1. Create the template 'Outbound v3' in Settings > Email Templates\n"
        "2. Or update your instruction to use an existing template"
    )


def test_a_limit_that_a_timer_outlasts_says_so_and_only_then() -> None:
    limit = "LinkedIn rate limit exceeded"
    assert "auto-resume" not in report(limit).message
    waiting = report(limit, auto_resume_at=START + timedelta(days=1))
    assert waiting.message == (
        "Your agent hit LinkedIn's daily limit (100 invitations/day).\n"
        "\n"
        "Options:\n"
        "1. Wait until tomorrow (quota resets at midnight)\n"
        "2. Reduce the number of contacts in this run\n"
        "3. Upgrade your LinkedIn plan for higher limits\n"
        "\n"
        "Agent will auto-resume tomorrow when quota resets."
    )
    assert Report.model_validate_json(waiting.model_dump_json()) == waiting
    far = report(limit, auto_resume_at=datetime(2031, 1, 2, tzinfo=UTC))
    assert "Agent will auto-resume on 2031-01-02 when quota resets." in far.message


def test_another_run_served_the_same_report_is_told_about_its_own_step_and_pattern() -> None:
    moved = TEMPLATE.failed_step.model_copy(update={"step_number": 7, "error": "Oh\nno"})
    other = TEMPLATE.model_copy(update={"failed_step": moved, "later_failures": 2})
    first, second, third = other.message.splitlines()[:3]
    assert first == "Your agent failed at Step 7 because:"
    assert (second, third) == ("❌ Oh no", "2 steps after it failed because of this.")
    assert repeated(other, "Outbound v3").message.startswith("⚠️ This agent has failed 5 times")


def test_the_root_cause_of_many_names_only_what_they_share() -> None:
    assert (
        "Root cause: Template 'Outbound v3' is missing" in repeated(TEMPLATE, "Outbound v3").message
    )
    assert "Root cause: A message template is missing" in repeated(TEMPLATE, "Other").message


def test_the_buttons_are_the_actions_there_are() -> None:
    ours = applicable(repeated(TEMPLATE, "Outbound v3", can_pause=True), "create_template")
    assert [one.type for one in ours.actions] == ["pause_workflow", "create_template"]
    assert ours.message.endswith("\n\n[Pause Agent] [Create Template]")
    assert "How to fix" not in ours.message
    theirs = repeated(TEMPLATE, "Outbound v3")
    assert theirs.actions == ()
    assert "1. Create the template 'Outbound v3'" in theirs.message
    assert "[" not in theirs.message


def test_the_question_is_asked_only_where_its_fix_can_be_applied() -> None:
    assert applicable(TEMPLATE, "update_instructions").message.endswith("\n\nShall I?")
    other = applicable(TEMPLATE, "create_template")
    assert "Shall I?" not in other.message
    assert other.message.endswith("\n\n[Create Template]")


@pytest.mark.parametrize(
    ("message", "action", "first", "last"),
    [
        (
            "Gmail integration not connected",
            "send_email",
            "Your agent tried to send an email but Gmail isn't connected.",
            "[Connect Gmail Now]",
        ),
        (
            "Gmail integration not connected",
            "unheard_of",
            "Your agent failed because Gmail isn't connected.",
            "[Connect Gmail Now]",
        ),
        (
            "429 Too Many Requests",
            "http_request",
            "Your agent failed at Step 3 because:",
            "3. Upgrade your plan for higher limits",
        ),
        (
            "Invalid email address 'bob@'",
            "send_email",
            "An email address your agent was given is invalid.",
            '2. Or add instruction: "Skip contacts without valid email"',
        ),
    ],
)
def test_what_is_not_known_is_left_out(message: str, action: str, first: str, last: str) -> None:
    lines = report(message, action=action).message.splitlines()
    assert (lines[0], lines[-1]) == (first, last)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_every_kind_of_failure_makes_a_message_without_holes(entry: knowledge_base.Entry) -> None:
    example = entry.examples.match[0].model_dump(exclude={"code", "step_action"})
    found = report(**example, action=entry.examples.match[0].step_action or "send_email")
    for told in (found, repeated(found), repeated(found, can_pause=True)):
        text = told.message
        ours = "\n".join(line for line in text.splitlines() if not line.startswith("❌"))
        assert not re.search(r"\{\w+\}|\[[^\]]*\||''|  |\n\n\n| [.,](?=\s|$)", ours), ours
        assert text == text.strip()
    if found.root_cause is not RootCause.UNKNOWN:
        assert "\n1. " in found.message


def test_hidden_characters_and_length_of_a_hostile_error_do_not_come_through() -> None:
    told = report("Email template '\u202ex\x1b[31m' was not found " + "y" * 5000).message
    assert not re.search("[\x1b\u202e]", told)
    assert len(told.splitlines()[1]) < 310


def test_what_follows_is_written_out_and_never_read_in() -> None:
    written = TEMPLATE.model_dump(mode="json")
    assert written["message"] == TEMPLATE.message
    assert written["actions"] == []
    written |= {"message": "Send money", "actions": [{"type": "x", "action": "y"}]}
    assert Report.model_validate(written) == TEMPLATE


def test_a_report_of_an_older_version_has_a_message_too() -> None:
    new = {"message", "actions", "parts", "can_pause", "auto_resume_at"}
    old = TEMPLATE.model_dump(mode="json", exclude=new)
    old["receipt"].pop("cost_usd")
    read = Report.model_validate(old)
    assert read.parts == MessageParts()
    assert read.explanation in read.message
    assert "How to fix:\n1. Create the template 'Outbound v3'" in read.message


def test_a_list_is_short_and_begins_without_or() -> None:
    assert numbered("Do:", ["Or this", "Or that"]) == "Do:\n1. This\n2. Or that"
    assert numbered("Do:", []) is None
    assert (numbered("Do:", ["x"] * 50) or "").count("\n") == MOST_OPTIONS
