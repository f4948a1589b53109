"""What is done with one case, stage by stage."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from copilot.fixes import ACTIONS
from copilot.pipeline.examine import examine
from copilot.snapshot import canonical_yaml
from copilot.sources import jsonl
from copilot.types import Change, Failure, Report, SuggestedFix

from .cases import CASES, RAW_LINES, Case, Expected, Goldens
from .product import Product, Run
from .servers import Mailbox, Web

#: What no text for people may hold: an unfilled slot, a value nobody turned into words.
UNFIT = re.compile(r"\[[^\]]*\||\{\w+\}|\bNone\b|\bnull\b|''|  ")
#: Where such values are spoken of.
SPOKEN_OF = "(None, null, undefined)"
#: In a workflow: where the cases' web server listens.
SERVED = ("http://linkedin.example", "http://service.example")


@dataclass(frozen=True)
class Stage:
    """A case with what it is carried out on. Its slug is its workspace and its workflow."""

    slug: str
    case: Case
    product: Product
    mailbox: Mailbox
    web: Web
    golden: Goldens


def explain_foreign(stage: Stage) -> None:
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
        check_report(report, stage.case.expect)
        assert not report.can_auto_fix, "nobody can change another system's workflow"


def explain_ours(stage: Stage) -> tuple[list[Run], Report]:
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
    check_report(report, stage.case.expect)
    again = product.analyze(slug, ended[-1].id)
    assert (again.message, again.receipt.credits) == (report.message, 0)
    return ended[::-1], report


def go_on(stage: Stage, failed: list[Run], report: Report) -> None:
    """What a person does then: apply a fix or put it right elsewhere, resume, wait for the proof."""
    wanted = stage.case.apply
    if wanted in ACTIONS:
        _act(stage, failed, report)
        return
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
    _meanwhile(stage)
    if change is not None or stage.case.meanwhile is not None:
        _resume(stage, failed)
    if change is not None:
        for _night in range(stage.product.verify_runs):  # as many as a verdict needs, one a day
            stage.web.new_day()
            stage.product.run(stage.slug)
        stage.mailbox.taken()
        _check_outcome(stage, change)


def _meanwhile(stage: Stage) -> None:
    match stage.case.meanwhile:
        case "a new day":
            stage.web.new_day()
        case "gmail connected":
            stage.product.connect(stage.slug, "Gmail")
        case "linkedin connected":
            stage.product.connect(stage.slug, "LinkedIn")
        case "the limit resets":
            stage.product.pass_time(stage.slug)
        case _:
            pass


def _act(stage: Stage, failed: list[Run], report: Report) -> None:
    """An action instead of a fix: what it does, that it is done, and how the run goes on."""
    offered = [*report.suggested_fixes, *report.actions]
    fix_id = next(one.fix_id for one in offered if one.type == stage.case.apply and one.fix_id)
    preview = stage.product.preview(stage.slug, fix_id)
    stage.golden.check_words("5_told.txt", preview.diff)
    if preview.kind == "hand_over":
        _hand_over(stage, fix_id)
        _resume(stage, failed)
        return
    change = stage.product.apply(stage.slug, stage.product.approve(stage.slug, preview))
    stage.golden.check_json("6_done.json", stage.product.standing(stage.slug))
    _meanwhile(stage)
    if change.fix_type == "resume_after_quota":
        _check_resumed(stage, [stage.product.ended(stage.slug, failed[0].id)])
    else:
        stage.product.revert(stage.slug, change)
        _resume(stage, failed)
    _check_outcome(stage, change)


def _hand_over(stage: Stage, fix_id: str) -> None:
    """A person does it, and we look before and after."""
    before = stage.product.recheck(stage.slug, fix_id)
    _meanwhile(stage)
    after = stage.product.recheck(stage.slug, fix_id)
    assert (before.done, after.done) == (False, True)
    found = {"before": before.model_dump(mode="json"), "after": after.model_dump(mode="json")}
    stage.golden.check_json("6_done.json", found)


def _apply(stage: Stage, fix: SuggestedFix) -> Change:
    assert fix.fix_id is not None
    preview = stage.product.preview(stage.slug, fix.fix_id)
    assert preview.diff == fix.preview
    change = stage.product.apply(stage.slug, stage.product.approve(stage.slug, preview))
    stage.golden.check("5_diff.patch", preview.diff)
    stage.golden.check("6_applied.yaml", _parts(stage.product.parts(stage.slug)))
    return change


def _resume(stage: Stage, failed: list[Run]) -> None:
    modes = zip(failed, stage.case.resume, strict=False)
    resumed = (stage.product.resume(stage.slug, run.id, mode=mode) for run, mode in modes)
    assert _check_resumed(stage, resumed) == len(stage.case.resume)


def _check_resumed(stage: Stage, resumed: Iterable[Run]) -> int:
    """How many there were."""
    shown: list[dict[str, Any]] = []
    for run in resumed:
        assert run.status == "succeeded"
        shown.append({**run.shown, "steps": run.steps, "mail_to": stage.mailbox.taken()})
    stage.golden.check_json("7_resumed.json", shown if len(shown) > 1 else shown[0])
    return len(shown)


def _check_outcome(stage: Stage, change: Change) -> None:
    outcome = stage.product.outcome(stage.slug, change)
    credits = stage.product.credits(stage.slug)
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
    definition = json.dumps(case.workflow)
    for address in SERVED:
        definition = definition.replace(address, f"http://127.0.0.1:{stage.web.port}")
    product.put_workflow(slug, json.loads(definition))


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


def check_report(report: Report, expected: Expected) -> None:
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
