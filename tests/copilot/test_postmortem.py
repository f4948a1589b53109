"""A report as a document: all of it there, the facts true, and nothing of a run read as Markdown."""

import re
from datetime import UTC, datetime

import pytest
from markdown_it import MarkdownIt

from copilot.markdown import code_block, code_span, prose
from copilot.postmortem import Priority, as_markdown, priority
from copilot.types import Evidence, Pattern, Receipt, Report, RootCause, SuggestedFix, Verdict
from copilot.types.diagnosis import Alternative
from copilot.types.report import FailedStep, GreenRun

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ONCE = Pattern(is_pattern=False, error_message="", failure_count=1, window=1)
AGAIN = Pattern(
    is_pattern=True,
    error_message="Template not found",
    failure_count=6,
    window=10,
    first_occurred=NOON,
    shared_entities=("Outbound v3",),
    recommendation="Pause this agent until template is created",
)


def report(**changes):
    values = {
        "analysis_id": "analysis_1",
        "execution_id": "run-1",
        "workflow_id": "outbound",
        "headline": "Step 3 failed",
        "explanation": "Your agent asked for the template 'Outbound v3' that does not exist.",
        "root_cause": RootCause.MISSING_TEMPLATE,
        "verdict": Verdict.CONFIRMED,
        "grounds": "The engine's own code names the cause.",
        "evidence": (
            Evidence(
                source="message", text="not found", step="/step3", field="message", start=9, end=18
            ),
        ),
        "failed_step": FailedStep(
            step_number=3, action="send_email", error="Template not found", timestamp=NOON
        ),
        "suggested_fixes": (
            SuggestedFix(type="update_instructions", description="Use another", action="x"),
            SuggestedFix(
                type="create_template",
                description="Create the template",
                action="x",
                tier="best",
                fix_id="fix_1",
                preview="--- a\n+++ b\n+x\n",
            ),
        ),
        "can_auto_fix": True,
        "pattern_detected": ONCE,
        "retry_helps": False,
        "signature": "n1:0",
        "label": "Template not found",
        "created_at": NOON,
        "receipt": Receipt(credits=1, balance=None, reason=""),
    }
    return Report.model_validate(values | changes)


def test_it_has_pattern_evidence_root_cause_and_the_fix_at_the_root_first():
    told = as_markdown(
        report(
            pattern_detected=AGAIN,
            last_green_run=GreenRun(
                execution_id="run-0",
                workflow_version=2,
                finished_at=NOON,
                ago="2 hours before this failure",
            ),
            changes_since=("Step 3's template changed from 'A' to 'B' in version 3",),
            alternatives=(
                Alternative(
                    root_cause=RootCause.MISSING_RESOURCE,
                    entry="missing_resource",
                    evidence=Evidence(source="message", text="not found"),
                    why_not="it is a general kind, and a more exact one fits",
                ),
            ),
        )
    )
    headings = [line[3:] for line in told.splitlines() if line.startswith("## ")]
    assert headings == [
        "Problem",
        "Evidence",
        "Root cause",
        "What changed since it last worked",
        "Fix",
    ]
    assert "`Template not found` in 6 of the last 10 failed runs" in told
    assert "All of them name `Outbound v3`." in told
    assert "- message of `/step3`, characters 9 to 18: `not found`" in told
    assert "Not missing resource: it is a general kind" in told
    assert "It last worked in run `run-0`, version 2, 2 hours before this failure." in told
    assert told.index("At the root: Create the template") < told.index("Or: Use another")
    assert "ask-copilot fix preview fix_1" in told
    assert "```diff\n--- a" in told


def test_what_nothing_is_known_of_has_no_heading():
    told = as_markdown(report(suggested_fixes=(), evidence=()))
    assert "## Fix" not in told
    assert "## Evidence" not in told
    assert "## What changed" not in told


@pytest.mark.parametrize(
    ("changes", "expected", "because"),
    [
        ({"pattern_detected": AGAIN}, Priority.HIGH, "6 of the last 10"),
        ({"auto_resume_at": NOON}, Priority.LOW, "goes on by itself"),
        ({"retry_helps": True}, Priority.LOW, "running again"),
        ({"verdict": Verdict.INCONCLUSIVE}, Priority.MEDIUM, "not known"),
        ({}, Priority.MEDIUM, "until something is changed"),
    ],
    ids=["repeats", "resumes", "passes", "unknown", "stays"],
)
def test_how_urgent_it_is_and_why(changes, expected, because):
    how, why = priority(report(**changes))
    assert how is expected
    assert because in why
    assert f"- Priority: **{how}** ({why})" in as_markdown(report(**changes))


HOSTILE = "``` \n# Owned\n<img src=x> [a](https://evil.example) @everyone ![](x)"


def test_nothing_of_a_run_is_read_as_markdown():
    told = as_markdown(
        report(
            workflow_id=HOSTILE,
            explanation=HOSTILE,
            changes_since=(HOSTILE,),
            failed_step=FailedStep(step_number=1, action="a", error=HOSTILE, timestamp=NOON),
            suggested_fixes=(SuggestedFix(type="manual", description=HOSTILE, action="x"),),
        )
    )
    page = MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(told)
    assert "<img" not in page
    assert "<a " not in page
    assert page.count("<h1>") == 1
    outside = re.sub(r"`+[^`]*`+", "", told.split("## Root cause")[1])
    assert "@everyone" not in outside
    assert "&#64;everyone" in outside


@pytest.mark.parametrize("text", ["a`b", "``", "`", "", "a```b````c"], ids=range(5))
def test_backticks_close_neither_span_nor_block(text):
    fence = code_span(text)
    ticks = len(fence) - len(fence.lstrip("`"))
    assert "`" * ticks not in fence[ticks:-ticks].strip()
    assert code_block(text).count("\n") >= 2


def test_prose_stays_readable():
    assert prose("Your agent's step failed: 3 of 4.") == "Your agent's step failed: 3 of 4."
