"""A failure that was explained before somebody signed is fixed by itself when it comes again."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from copilot.bootstrap import open_app
from copilot.demo import URGENT_MAIL
from copilot.service.standing_fixes import StandingFixes
from copilot.settings import load
from copilot.types import ChangeState, Verdict
from tests.copilot.standing_bench import Held
from tests.copilot.test_service import Bench


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with open_app(load({}, data=tmp_path_factory.mktemp("again"))) as app:
        yield app


@pytest.fixture
def held(app):
    """A failure whose explanation is stored, and a signature that came after it."""
    held = Held(Bench(app))
    assert held.report.verdict is Verdict.CONFIRMED
    held.standing = held.sign()
    return held


def why_not(report, kind="replace_value"):
    """What the first fix of this type says of not having been applied."""
    return next(one.not_applied_because for one in report.suggested_fixes if one.type == kind)


def test_the_next_run_that_fails_so_is_fixed_for_nothing(held):
    spent = held.service.account.credits().spent
    report = held.bench.analyze(held.bench.run())
    assert report.served_from == held.report.analysis_id
    assert (report.receipt.credits, held.service.account.credits().spent) == (0, spent)
    (change,) = held.changes()
    assert (change.state, change.fix_type) == (ChangeState.APPLIED, held.type)
    done = report.already_fixed
    assert (done.change_id, done.standing_id) == (change.change_id, held.standing.standing_id)
    assert done.words.startswith("This was fixed by itself, in version 2: ")
    assert held.type not in {fix.type for fix in (*report.suggested_fixes, *report.actions)}
    assert not held.bench.run().status.is_failure


def test_the_run_that_was_explained_before_the_signature_is_fixed_when_it_is_asked_about(held):
    assert held.bench.analyze(held.failed).already_fixed.standing_id == held.standing.standing_id
    assert len(held.changes()) == 1


def test_the_same_run_and_others_before_the_fix_change_nothing_more(held):
    earlier, failed = held.bench.run(), held.bench.run()
    first = held.bench.analyze(failed).already_fixed
    for run in (failed, earlier, held.failed):
        again = held.bench.analyze(run)
        assert again.already_fixed.change_id == first.change_id
        assert again.already_fixed.standing_id == held.standing.standing_id
        assert again.already_fixed.words.startswith(
            "This has been fixed by itself since, in version 2 (the run had version 1): "
            f"replace_value was applied under the standing approval {held.standing.standing_id}, "
            "signed by owner. "
        )
        assert again.message.startswith(again.already_fixed.words)
    assert [one.change_id for one in held.changes()] == [first.change_id]
    assert held.service.standing.list()[0].uses == 1


def test_what_a_person_has_applied_is_not_told_as_done_by_itself(held):
    fix_id = held.bench.first_fix(held.report)
    held.service.fixes.apply(held.bench.approve(fix_id).approval_id)
    told = held.bench.analyze(held.failed).already_fixed
    assert told.words.startswith("This has been fixed since, in version 2 (the run had version 1).")
    assert told.standing_id is None


def test_analyses_at_once_apply_it_once_and_all_say_so(held):
    fixes, barrier = held.fixes(), Barrier(4)
    tried = fixes._parts.dry_run

    def all_at_once(*of):
        barrier.wait()
        return tried(*of)

    fixes = StandingFixes(dataclasses.replace(fixes._parts, dry_run=all_at_once))
    with ThreadPoolExecutor(4) as pool:
        asked = [
            pool.submit(fixes.answered, held.run(), held.report, float("inf")) for _ in range(4)
        ]
        told = [one.result(60) for one in asked]
    (change,) = held.changes()
    assert change.version == held.service.workflows.get(URGENT_MAIL).version == 2
    done = {one.already_fixed.change_id for one in told if one.already_fixed}
    assert done == {change.change_id}
    others = {why_not(one) for one in told if one.already_fixed is None}
    assert others <= {"another analysis is applying it at this moment"}
    assert held.service.standing.list()[0].uses == 1
    actions = [one.action for one in held.service.account.audit(limit=100).items]
    assert actions.count("apply_fix") == 6, "five by hand and one by itself"
    assert not {"refuse_standing", "abandon_fix"} & {*actions}


def test_a_fix_that_another_analysis_has_just_made_is_told_as_that(held):
    report = held.report
    change = held.look()
    late = held.fixes("not_possible").answered(held.run(), report, float("inf"))
    assert late.already_fixed.change_id == change.change_id
    held.service.fixes.undo(change.change_id)
    after = held.fixes("not_possible").answered(held.run(), report, float("inf"))
    assert after.already_fixed is None


def test_a_request_that_comes_again_has_the_answer_that_is_stored(held):
    held.bench.edit("Read the urgent mail", "Read what is urgent")  # nothing is known of it
    failed = held.bench.run()
    first = held.bench.analyze(failed, request_key="k")
    assert first.served_from is None
    (change,) = held.changes()
    spent = held.service.account.credits().spent
    again = held.bench.analyze(failed, request_key="k")
    assert (again.already_fixed, again.suggested_fixes) == (
        first.already_fixed,
        first.suggested_fixes,
    )
    assert [one.change_id for one in held.changes()] == [change.change_id]
    assert held.service.account.credits().spent == spent


def test_a_request_from_before_the_signature_applies_nothing_when_it_comes_again(app):
    held = Held(Bench(app))
    held.bench.edit("Read the urgent mail", "Read what is urgent")
    failed = held.bench.run()
    first = held.bench.analyze(failed, request_key="k")
    held.sign()
    assert held.bench.analyze(failed, request_key="k") == first
    assert held.changes() == ()


@pytest.mark.parametrize("way", ["undo", "revert"])
def test_what_a_person_took_back_is_not_applied_by_itself_again(held, way):
    change_id = held.bench.analyze(held.bench.run()).already_fixed.change_id
    getattr(held.service.fixes, way)(change_id)
    again = held.bench.analyze(held.bench.run())
    assert again.already_fixed is None
    assert why_not(again).startswith("exactly this fix was applied here before")
    held.bench.edit("Read the urgent mail", "Read what is urgent")
    anew = held.bench.analyze(held.bench.run())
    assert anew.served_from is None, "it is another suggestion of the same fix"
    assert why_not(anew).startswith("exactly this fix was applied here before")
    fixes = [one for one in held.changes() if one.kind == "fix"]
    assert [one.change_id for one in fixes] == [change_id]


def test_what_somebody_has_edited_away_is_not_applied_by_itself_again(held):
    change_id = held.bench.analyze(held.bench.run()).already_fixed.change_id
    held.bench.edit("Read the urgent mail", "Read what is urgent")  # without the fix
    again = held.bench.analyze(held.bench.run())
    assert "here before" in why_not(again)
    assert [one.change_id for one in held.changes()] == [change_id]


def test_what_has_failed_before_says_how_often(held):
    fixes = tuple(
        one.model_copy(update={"failed_before": 2}) for one in held.report.suggested_fixes
    )
    spoiled = held.report.model_copy(update={"suggested_fixes": fixes})
    told = held.fixes().answered(held.run(), spoiled, float("inf"))
    assert why_not(told) == "exactly this fix has failed here before (2 times)"
    assert (held.tried, held.changes()) == ([], ())


def test_it_is_tried_on_the_input_of_the_run_that_failed_now(held):
    failed = held.bench.run()
    held.failed = failed
    held.look("failed", report=held.report)
    assert [run for _, run in held.tried] == [failed.id]
    assert held.report.execution_id != failed.id


def test_where_the_dry_run_does_not_pass_it_is_told_again_with_the_reason(held):
    until = float("inf")
    told = held.fixes("failed").answered(held.run(), held.report, until)
    assert why_not(told) == "tried on the failed input, it still fails"
    assert held.changes() == ()


def test_the_nightly_pass_comes_to_the_same_door(held):
    held.bench.run()
    before = held.service.account.credits().spent
    digest = held.service.nights.run()
    (change,) = held.changes()
    assert change.state is ChangeState.APPLIED
    here = [one for one in digest.items if one.workflow_id == URGENT_MAIL]
    assert [one.analysis_id for one in here] == [held.report.analysis_id]
    assert here[0].fixes == ()
    assert held.service.account.credits().spent - before == digest.credits
    assert not held.bench.run().status.is_failure
    held.service.nights.run()
    assert len(held.changes()) == 1


def test_what_was_applied_by_itself_is_told_once_to_whom_the_workspace_names(held):
    held.service.account.set_settings({"notify_webhook": "https://hooks.example.com/T0/B0"})
    change_id = held.bench.analyze(held.bench.run()).already_fixed.change_id
    held.bench.analyze(held.failed)
    told = [one for one in held.service.notices.list().items if one.event == "fix_applied"]
    (one,) = told
    assert one.details == {"change_id": change_id, "standing_id": held.standing.standing_id}
    assert one.text == (
        f"A fix of your agent '{URGENT_MAIL}' was applied by itself, in version 2, under the standing "
        f"approval {held.standing.standing_id}, signed by owner. replace_value: In step 'Read the "
        "urgent mail': range becomes 'DefinedRange' instead of 'UrgentEmails'.\n"
        f"Take it back:\n  ask-copilot revert {change_id}"
    )


def test_what_a_person_has_applied_is_no_news(held):
    held.service.account.set_settings({"notify_webhook": "https://hooks.example.com/T0/B0"})
    fix_id = held.bench.first_fix(held.report)
    held.service.fixes.apply(held.bench.approve(fix_id).approval_id)
    held.bench.analyze(held.failed)
    held.bench.app.desk.outbox.look(held.bench.workspace)
    assert "fix_applied" not in {one.event for one in held.service.notices.list().items}
