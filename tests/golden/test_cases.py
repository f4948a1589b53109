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

from copilot.bootstrap import App, Execution
from copilot.pipeline.analyze import examine
from copilot.snapshot import Snapshot, canonical_yaml
from copilot.sources import jsonl
from copilot.sources.engine import EngineSource
from copilot.targets.engine import EngineTarget
from copilot.types import Change, Failure, Report, SuggestedFix
from engine.actions import parameter_models
from engine.definition import parse_workflow

from .cases import CASES, RAW_LINES, Case, Expected, Goldens, read_case, slugs, stable
from .conftest import Mailbox

PATIENCE = 30.0
#: What no text for people may hold: an unfilled slot, a value nobody turned into words.
UNFIT = re.compile(r"\[[^\]]*\||\{\w+\}|\bNone\b|\bnull\b|''|  ")


@dataclass(frozen=True)
class Stage:
    """A case with what it is carried out on. Its slug is its workspace and its workflow."""

    slug: str
    case: Case
    app: App
    mailbox: Mailbox
    golden: Goldens

    def run(self, *, test_mode: bool = False) -> Execution:
        engine = self.app.engine
        started = engine.submit(self.slug, self.slug, trigger="schedule", test_mode=test_mode)
        return engine.wait(self.slug, started.id, PATIENCE)


@pytest.mark.parametrize("slug", slugs())
def test_case(slug: str, app: App, mailbox: Mailbox, goldens: Callable[[str], Goldens]) -> None:
    stage = Stage(slug, read_case(slug), app, mailbox, goldens(slug))
    if stage.case.workflow is None:
        _explain_foreign(stage)
    else:
        _install(stage)
        failed, report = _explain_ours(stage)
        fix = next((fix for fix in report.suggested_fixes if fix.fix_id), None)
        assert (fix is None) is (stage.case.expect.outcome is None)
        if fix is not None:
            change = _apply(stage, fix)
            _resume(stage, failed)
            _watch(stage, change)
    stage.golden.finish()


def _explain_foreign(stage: Stage) -> None:
    lines = (CASES / stage.slug / RAW_LINES).read_text(encoding="utf-8").splitlines()
    runs = list(jsonl.read(lines, source=RAW_LINES, workspace_id=stage.slug))
    reports = [stage.app.copilot.analyze_foreign(run) for run in runs]
    failures = [_failure(examine(run)) for run in runs]
    shown = [report.model_dump(mode="json") for report in reports]
    last = stage.case.show == "last"
    stage.golden.check_json("2_failure.json", failures[-1] if last else failures)
    stage.golden.check_json("3_report.json", shown[-1] if last else shown)
    for report in reports[-1:] if last else reports:
        _check_report(report, stage.case.expect)
        assert not report.can_auto_fix, "nobody can change another system's workflow"


def _explain_ours(stage: Stage) -> tuple[Execution, Report]:
    ended = [stage.run(test_mode=kind == "test") for kind in stage.case.runs]
    assert all(run.status.is_failure for run in ended), "every run of a case fails"
    assert stage.mailbox.taken() == [], "a failed run has sent nothing"
    failed = ended[-1]
    record = EngineSource(stage.app.engine).run(stage.slug, failed.id)
    report = stage.app.copilot.analyze(stage.slug, failed.id)
    stage.golden.check_json("1_raw.json", record.model_dump(mode="json", exclude_defaults=True))
    stage.golden.check_json("2_failure.json", _failure(examine(record)))
    stage.golden.check_json("3_report.json", report.model_dump(mode="json"))
    _check_report(report, stage.case.expect)
    return failed, report


def _apply(stage: Stage, fix: SuggestedFix) -> Change:
    copilot, workspace = stage.app.copilot, stage.slug
    assert fix.fix_id is not None
    preview = copilot.preview(workspace, fix.fix_id)
    assert preview.diff == fix.preview
    approval = copilot.approve(
        workspace, fix.fix_id, digest=preview.digest, version=preview.base_version, actor="anna"
    )
    change = copilot.apply(workspace, approval.approval_id)
    stage.golden.check("4_diff.patch", preview.diff)
    snapshot = EngineTarget(stage.app.engine).snapshot(workspace, stage.slug)
    stage.golden.check("5_applied.yaml", _parts(snapshot))
    return change


def _resume(stage: Stage, failed: Execution) -> None:
    engine = stage.app.engine
    engine.resume(stage.slug, failed.id, mode=stage.case.resume)
    run = engine.wait(stage.slug, failed.id, PATIENCE)
    shown = {"number", "step_id", "status", "restored", "item_count"}
    steps = engine.steps(stage.slug, run.id)
    stage.golden.check_json(
        "6_resumed.json",
        {
            **run.model_dump(
                mode="json", include={"status", "round", "resume_mode", "workflow_version"}
            ),
            "steps": [step.model_dump(mode="json", include=shown) for step in steps],
            "mail_to": stage.mailbox.taken(),
        },
    )
    assert run.status.value == "succeeded"


def _watch(stage: Stage, change: Change) -> None:
    """As many later runs as a verdict needs."""
    copilot = stage.app.copilot
    for _night in range(stage.app.settings.verify_runs):
        stage.run()
    stage.mailbox.taken()
    outcome = copilot.outcome(stage.slug, change.change_id)
    credits = copilot.credits(stage.slug)
    stage.golden.check_json(
        "7_outcome.json",
        {"outcome": outcome.model_dump(mode="json"), "credits": credits.model_dump(mode="json")},
    )
    assert outcome.state == stage.case.expect.outcome
    assert credits.problems == ()


def _install(stage: Stage) -> None:
    folder = stage.app.settings.files / stage.slug
    folder.mkdir(parents=True)
    for name, sheets in stage.case.files.items():
        (folder / name).write_bytes(sheets.content())
    engine = stage.app.engine
    for kind, named in stage.case.workspace.items():
        for name, content in named.items():
            engine.put_resource(stage.slug, kind, name, content)
    definition = stage.case.workflow or {}
    workflow = parse_workflow(definition, source="0_case.yaml", actions=parameter_models())
    engine.put_workflow(stage.slug, workflow, workflow_id=stage.slug, expected_version=0)


def _failure(failure: Failure) -> dict[str, Any]:
    return failure.model_dump(mode="json", exclude={"workspace_id", "execution_id"})


def _parts(snapshot: Snapshot) -> str:
    """The workflow and what it names, one YAML document each."""
    return "".join(
        f"--- # {name}\n{canonical_yaml(part)}" for name, part in snapshot.parts().items()
    )


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
    assert not [text for text in texts if UNFIT.search(text)]
    descriptions = Counter(fix.description for fix in report.suggested_fixes)
    assert max(descriptions.values(), default=1) == 1, "a fix is suggested twice"
    by_itself = [fix.auto_fix_available for fix in report.suggested_fixes]
    assert by_itself == sorted(by_itself, reverse=True), "what is one click comes first"
    assert report.can_auto_fix is any(by_itself)


def _texts(report: Report) -> list[str]:
    found = report.pattern_detected
    texts = [report.headline, report.explanation, found.warning, found.recommendation]
    return [
        *(text for text in texts if text),
        *(fix.description for fix in report.suggested_fixes),
    ]


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
