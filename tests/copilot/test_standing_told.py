"""What was applied by itself shows what it changed; what was not says why, whole, wherever it is told."""

import dataclasses
from io import StringIO

import pytest
from rich.console import Console

from copilot.bootstrap import open_app
from copilot.demo import URGENT_MAIL, workflow_text
from copilot.postmortem import as_markdown
from copilot.service.standing_fixes import StandingFixes
from copilot.settings import load
from copilot.surfaces.chat.arguments import OfExecution
from copilot.surfaces.chat.explaining import analyze_execution
from copilot.surfaces.cli._learned import show_levels
from copilot.surfaces.cli._render import show_report
from copilot.types import Report
from copilot.types.learning import Level
from engine.actions import parameter_models
from engine.definition import load_workflow
from tests.copilot.standing_bench import Held
from tests.copilot.test_service import Bench
from tests.copilot.test_standing_again import why_not

CHANGED = "range becomes 'DefinedRange' instead of 'UrgentEmails'."
FOREVER = float("inf")
USED_UP = "every standing approval for it is used up"


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with open_app(load({}, data=tmp_path_factory.mktemp("told"))) as app:
        yield app


@pytest.fixture
def held(app):
    return Held(Bench(app))


def printed(show, what):
    out = StringIO()
    show(Console(file=out, width=4000), what)
    return out.getvalue()


def everywhere(held, report):
    """The same answer as a message, in a terminal, as a document and in a chat."""
    chat = analyze_execution(held.service, OfExecution(execution_id=report.execution_id))
    return {
        "message": report.message,
        "terminal": printed(show_report, report),
        "document": as_markdown(report).replace("\\", ""),
        "chat": chat.message_text,
    }


def test_what_was_applied_by_itself_is_shown_with_how_to_see_and_undo_it(held) -> None:
    held.sign()
    report = held.bench.analyze(held.bench.run())
    done = report.already_fixed
    assert (len(done.changed), done.changed[0].endswith(CHANGED)) == (1, True)
    assert "-    range: UrgentEmails\n+    range: DefinedRange\n" in done.diff
    assert f" Changed: {done.changed[0]} No run that counts has ended since." in done.words
    for name, text in everywhere(held, report).items():
        assert CHANGED in text, name
        assert f"ask-copilot outcome {done.change_id}" in text, name
        assert f"ask-copilot revert {done.change_id}" in text, name
        assert ("+    range: DefinedRange" in text) is (name in {"terminal", "document"}), name


def test_it_is_shown_again_with_earlier_runs_and_stored_reports(held) -> None:
    held.sign()
    first = held.bench.analyze(held.bench.run())
    again = held.bench.analyze(held.failed)
    stored = held.service.analyses.report(first.analysis_id)
    for told in (again, stored):
        assert CHANGED in told.already_fixed.words
        assert told.already_fixed.diff == first.already_fixed.diff
    assert Report.model_validate_json(again.model_dump_json()) == again


def test_what_a_person_has_applied_shows_no_diff_again(held) -> None:
    fix_id = held.bench.first_fix(held.report)
    held.service.fixes.apply(held.bench.approve(fix_id).approval_id)
    told = held.bench.analyze(held.failed)
    assert (told.already_fixed.changed, told.already_fixed.diff) == ((), None)
    assert "ask-copilot outcome" not in told.message
    assert not {"changed", "diff"} & told.already_fixed.model_dump().keys()


def test_a_long_reason_is_told_whole_on_its_own_line_everywhere(app) -> None:
    held = Held(Bench(app), held=0)
    held.service.account.set_settings({"standing_floor": 0.8})
    held.service.learning.set_level(held.type, Level.APPROVE)
    missing = held.sign().missing
    report = held.bench.analyze(held.bench.run())
    why = why_not(report)
    assert (why, len(why) > 200) == ("; ".join(missing), True)
    assert all("by itself" not in one.description for one in report.suggested_fixes)
    for name, text in everywhere(held, report).items():
        assert any(f"Not applied by itself: {why}." in one for one in text.splitlines()), name
    chat = analyze_execution(held.service, OfExecution(execution_id=report.execution_id))
    assert [one.not_applied_because_text for one in chat.fixes if one.not_applied_because_text] == [
        why
    ]
    item = next(one for one in held.service.nights.run().items if one.workflow_id == URGENT_MAIL)
    assert item.not_applied_because == why


def test_without_a_signature_there_is_no_such_line_and_no_such_member(held) -> None:
    assert "Not applied" not in "".join(everywhere(held, held.report).values())
    assert "not_applied_because" not in held.report.model_dump_json()


def elsewhere(held):
    """The same failure in another workflow, and what is said of it."""
    made = load_workflow(workflow_text(URGENT_MAIL), source="x", actions=parameter_models())
    held.bench.engine.put_workflow(held.bench.workspace, made, workflow_id="elsewhere")
    return held.bench.analyze(held.bench.run("elsewhere"))


def test_one_that_is_used_up_says_so_with_the_next_fix(held) -> None:
    held.sign(max_uses=1)
    assert held.bench.analyze(held.bench.run()).already_fixed
    assert why_not(elsewhere(held)) == USED_UP
    held.sign()
    assert elsewhere(held).already_fixed


def while_it_is_tried(held, do):
    """What is said of the fix, where *do* happens while it is tried."""
    fixes = held.fixes()

    def dry_run(*_):
        do()
        return "passed"

    parts = dataclasses.replace(fixes._parts, dry_run=dry_run)
    return why_not(StandingFixes(parts).answered(held.run(), held.report, FOREVER))


def test_the_last_use_that_went_to_another_fix_meanwhile_is_told_as_that(held) -> None:
    held.sign(max_uses=1)
    assert while_it_is_tried(held, lambda: elsewhere(held)) == USED_UP
    assert held.changes() == ()


def test_one_that_was_revoked_meanwhile_is_told_as_that(held) -> None:
    signed = held.sign()
    said = while_it_is_tried(held, lambda: held.service.standing.revoke(signed.standing_id))
    assert said == "the standing approval for it was revoked or has expired at this moment"
    assert held.changes() == ()


def test_a_level_says_that_it_is_too_low_for_what_somebody_has_signed(held) -> None:
    held.service.learning.set_level(held.type, Level.APPROVE)
    assert "signed for" not in printed(show_levels, held.service.learning.levels())
    signed = held.sign()
    text = printed(show_levels, held.service.learning.levels())
    assert (
        "replace_value is signed for by a standing approval, which does not act yet: the autonomy of "
        "replace_value is 'approve': an owner can raise it (`ask-copilot autonomy replace_value "
        "standing`)." in text
    )
    held.service.standing.revoke(signed.standing_id)
    assert "signed for" not in printed(show_levels, held.service.learning.levels())
