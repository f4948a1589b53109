"""Every folder in fixtures/cases, carried through the whole pipeline and compared with its goldens.

Runs are real: the workflow is carried out by the engine, the fix is approved and applied, the run
resumed, and later runs tell whether the fix held. A run of another system is read from JSON Lines.
"""

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from copilot.pipeline.examine import examine
from copilot.snapshot import canonical_yaml
from copilot.sources import jsonl
from copilot.types import Change, Failure, Report, RootCause, SuggestedFix

from .cases import CASES, RAW_LINES, Case, Expected, Goldens, read_case, slugs, stable
from .conftest import LinkedIn, Mailbox
from .product import Product, Run

#: What no text for people may hold: an unfilled slot, a value nobody turned into words.
UNFIT = re.compile(r"\[[^\]]*\||\{\w+\}|\bNone\b|\bnull\b|''|  ")
#: Where such values are spoken of.
SPOKEN_OF = "(None, null, undefined)"
#: In a workflow: where the cases' LinkedIn listens.
LINKEDIN = "http://linkedin.example"


@dataclass(frozen=True)
class Stage:
    """A case with what it is carried out on. Its slug is its workspace and its workflow."""

    slug: str
    case: Case
    product: Product
    mailbox: Mailbox
    linkedin: LinkedIn
    golden: Goldens


@pytest.mark.parametrize("slug", slugs())
def test_case(
    slug: str,
    product: Product,
    mailbox: Mailbox,
    linkedin: LinkedIn,
    goldens: Callable[[str], Goldens],
) -> None:
    case = read_case(slug)
    stage = Stage(slug, case, product, mailbox, linkedin, goldens(slug))
    if case.workflow is None:
        _explain_foreign(stage)
    elif case.meanwhile == "mail server connected":
        product.start(smtp_host=None)
        failed, report = _explain_ours(stage)
        product.start()
        _go_on(stage, failed, report)
    else:
        failed, report = _explain_ours(stage)
        _go_on(stage, failed, report)
    stage.golden.finish()


def _explain_foreign(stage: Stage) -> None:
    lines = (CASES / stage.slug / RAW_LINES).read_text(encoding="utf-8").splitlines()
    runs = list(jsonl.read(lines, source=RAW_LINES, workspace_id=stage.slug))
    reports = [stage.product.analyze_foreign(stage.slug, run) for run in runs]
    failures = [_failure(examine(run)) for run in runs]
    shown = [report.model_dump(mode="json") for report in reports]
    last = stage.case.show == "last"
    stage.golden.check_json("2_failure.json", failures[-1] if last else failures)
    stage.golden.check_json("3_report.json", shown[-1] if last else shown)
    _check_message(stage, reports[-1:] if last else reports)
    for report in reports[-1:] if last else reports:
        _check_report(report, stage.case.expect)
        assert not report.can_auto_fix, "nobody can change another system's workflow"


def _explain_ours(stage: Stage) -> tuple[list[Run], Report]:
    """The failed runs, the last one first, and the report on the last."""
    _install(stage)
    product, slug = stage.product, stage.slug
    ended = [product.run(slug, test_mode=kind == "test") for kind in stage.case.runs]
    assert all(run.status == "failed" for run in ended), "every run of a case fails"
    assert stage.mailbox.taken() == [], "a failed run has sent nothing"
    record = product.record(slug, ended[-1].id)
    report = product.analyze(slug, ended[-1].id)
    stage.golden.check_json("1_raw.json", record.model_dump(mode="json", exclude_defaults=True))
    stage.golden.check_json("2_failure.json", _failure(examine(record)))
    stage.golden.check_json("3_report.json", report.model_dump(mode="json"))
    _check_message(stage, [report])
    _check_report(report, stage.case.expect)
    again = product.analyze(slug, ended[-1].id)
    assert (again.message, again.receipt.credits) == (report.message, 0)
    return ended[::-1], report


def _go_on(stage: Stage, failed: list[Run], report: Report) -> None:
    """What a person does then: apply a fix or put it right elsewhere, resume, wait for the proof."""
    wanted = stage.case.apply
    fix = next(
        (
            one
            for one in report.suggested_fixes
            if one.auto_fix_available and wanted in (None, one.type)
        ),
        None,
    )
    assert (fix is None) is (stage.case.expect.outcome is None)
    change = _apply(stage, fix) if fix is not None else None
    if stage.case.meanwhile == "a new day":
        stage.linkedin.new_day()
    elif stage.case.meanwhile == "gmail connected":
        stage.product.connect(stage.slug, "Gmail")
    if change is not None or stage.case.meanwhile is not None:
        _resume(stage, failed)
    if change is not None:
        _watch(stage, change)


def _apply(stage: Stage, fix: SuggestedFix) -> Change:
    assert fix.fix_id is not None
    preview = stage.product.preview(stage.slug, fix.fix_id)
    assert preview.diff == fix.preview
    change = stage.product.apply(stage.slug, stage.product.approve(stage.slug, preview))
    stage.golden.check("5_diff.patch", preview.diff)
    stage.golden.check("6_applied.yaml", _parts(stage.product.parts(stage.slug)))
    return change


def _resume(stage: Stage, failed: list[Run]) -> None:
    shown: list[dict[str, Any]] = []
    for run, mode in zip(failed, stage.case.resume, strict=False):
        resumed = stage.product.resume(stage.slug, run.id, mode=mode)
        assert resumed.status == "succeeded"
        mail_to = stage.mailbox.taken()
        shown.append({**resumed.shown, "steps": resumed.steps, "mail_to": mail_to})
    assert len(shown) == len(stage.case.resume)
    stage.golden.check_json("7_resumed.json", shown if len(shown) > 1 else shown[0])


def _watch(stage: Stage, change: Change) -> None:
    """As many later runs as a verdict needs, one a day."""
    product = stage.product
    for _night in range(product.verify_runs):
        stage.linkedin.new_day()
        product.run(stage.slug)
    stage.mailbox.taken()
    outcome = product.outcome(stage.slug, change)
    credits = product.credits(stage.slug)
    stage.golden.check_json(
        "8_outcome.json",
        {"outcome": outcome.model_dump(mode="json"), "credits": credits.model_dump(mode="json")},
    )
    assert outcome.state == stage.case.expect.outcome
    assert credits.problems == ()


def _install(stage: Stage) -> None:
    product, slug, case = stage.product, stage.slug, stage.case
    product.put_files(slug, {name: sheets.content() for name, sheets in case.files.items()})
    product.put_resources(slug, case.workspace)
    address = f"http://127.0.0.1:{stage.linkedin.port}"
    product.put_workflow(slug, json.loads(json.dumps(case.workflow).replace(LINKEDIN, address)))


def _check_message(stage: Stage, reports: list[Report]) -> None:
    """Word for word where the case says so; the same after a way through JSON."""
    stage.golden.check("4_message.txt", "\n----\n".join(f"{one.message}\n" for one in reports))
    expected = stage.case.expect.message
    if expected is not None:
        assert [one.message for one in reports] == [expected.rstrip("\n")]
    for report in reports:
        assert Report.model_validate_json(report.model_dump_json()) == report


def _failure(failure: Failure) -> dict[str, Any]:
    return failure.model_dump(mode="json", exclude={"workspace_id", "execution_id"})


def _parts(parts: dict[str, Any]) -> str:
    """The workflow and what its workspace has, one YAML document each."""
    return "".join(f"--- # {name}\n{canonical_yaml(part)}" for name, part in parts.items())


def _check_report(report: Report, expected: Expected) -> None:
    """What was written down beforehand, and what holds for every report."""
    assert report.root_cause == expected.root_cause
    assert report.verdict == expected.verdict
    assert report.failed_step.step_number == expected.step
    assert report.later_failures == expected.later_failures
    assert [fix.type for fix in report.suggested_fixes] == expected.fixes
    found = report.pattern_detected
    assert (found.failure_count if found.is_pattern else None) == expected.pattern
    texts = _texts(report)
    for words in expected.says:
        assert any(words in text for text in texts), f"nothing says {words!r}: {texts}"
    ours = [text.replace(report.failed_step.error, "…").replace(SPOKEN_OF, "…") for text in texts]
    assert not [text for text in ours if UNFIT.search(text)]
    descriptions = Counter(fix.description for fix in report.suggested_fixes)
    assert max(descriptions.values(), default=1) == 1, "a fix is suggested twice"
    by_itself = [fix.auto_fix_available for fix in report.suggested_fixes]
    assert by_itself == sorted(by_itself, reverse=True), "what is one click comes first"
    assert report.can_auto_fix is any(by_itself)


def _texts(report: Report) -> list[str]:
    found = report.pattern_detected
    texts = [
        report.headline,
        report.explanation,
        report.message,
        found.warning,
        found.recommendation,
    ]
    return [
        *(text for text in texts if text),
        *(fix.description for fix in report.suggested_fixes),
    ]


def test_every_root_cause_has_a_case() -> None:
    assert {read_case(slug).expect.root_cause for slug in slugs()} == set(RootCause)


def test_both_spellings_are_one_failure() -> None:
    first, second = json.loads((CASES / "both-spellings" / "2_failure.json").read_text("utf-8"))
    assert first.pop("occurred_at") < second.pop("occurred_at")
    assert first == second


def test_a_golden_that_differs_or_is_missing_fails_with_a_diff(tmp_path: Path) -> None:
    (tmp_path / "4_diff.patch").write_text("same\nold\n", encoding="utf-8")
    (tmp_path / "9_left.json").touch()
    golden = Goldens(tmp_path, since=datetime.now(UTC), updating=False)
    golden.check("4_diff.patch", "same\nnew\n")
    golden.check_json("5_new.json", {"at": 1})
    with pytest.raises(AssertionError) as failed:
        golden.finish()
    for words in ("-old\n+new", "5_new.json is missing", '"at": 1', "9_left.json is made by no"):
        assert words in str(failed.value)
    assert not (tmp_path / "5_new.json").exists()


def test_an_update_writes_what_is_compared_and_removes_the_rest(tmp_path: Path) -> None:
    (tmp_path / "9_left.json").touch()
    for updating in (True, False):
        golden = Goldens(tmp_path, since=datetime.now(UTC), updating=updating)
        golden.check("4_diff.patch", "new\n")
        golden.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["4_diff.patch"]


def test_only_what_changes_from_run_to_run_is_marked() -> None:
    since = datetime(2026, 3, 1, tzinfo=UTC)
    run = "0123456789abcdef" * 2
    given = {
        "at": ["2026-02-28T23:59:59Z", "2026-03-01T00:00:00.5+00:00"],
        "text": f"In run {run} fix_{run} was n1:9bbb39aaab907ce3cc77",
        "traceback": "File x.py, line 3",
    }
    assert stable(given, since) == {
        "at": ["2026-02-28T23:59:59Z", "<now>"],
        "text": "In run <run> <fix> was n1:9bbb39aaab907ce3cc77",
        "traceback": "<traceback>",
    }
