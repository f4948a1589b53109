"""What was done about a failure before is known before anything is spent on it again."""

import pytest

from copilot.bootstrap import open_app
from copilot.demo import copy_workbook
from copilot.settings import load
from copilot.surfaces.chat.arguments import OfExecution
from copilot.surfaces.chat.explaining import analyze_execution
from copilot.types import OutcomeState
from tests.copilot.lost_range import lose_the_range
from tests.copilot.test_service import Bench


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with open_app(load({}, data=tmp_path_factory.mktemp("fixed"))) as app:
        yield app


@pytest.fixture
def bench(app):
    return Bench(app)


def two_failures_and_a_fix_for_one(bench):
    first, second = bench.run(), bench.run()
    change = bench.service.fixes.apply(
        bench.approve(bench.first_fix(bench.analyze(first))).approval_id
    )
    return second, change


def test_a_run_that_failed_before_the_fix_is_told_so_for_nothing(bench):
    failed, change = two_failures_and_a_fix_for_one(bench)
    report = bench.analyze(failed)
    fixed = report.already_fixed
    assert (fixed.change_id, fixed.version) == (change.change_id, change.version)
    assert (fixed.fix_type, fixed.state) == (change.fix_type, OutcomeState.NOT_EXERCISED)
    assert fixed.words.startswith(
        "This has been fixed since, in version 2 (the run had version 1)."
    )
    assert report.message.startswith(fixed.words)
    assert (report.receipt.credits, report.receipt.reason) == (0, "fixed already")
    assert bench.service.account.credits().spent == 1


def test_in_a_chat_nobody_is_told_to_do_by_hand_what_is_done(bench):
    failed, _ = two_failures_and_a_fix_for_one(bench)
    told = analyze_execution(bench.service, OfExecution(execution_id=failed.id))
    assert "fixed already" in told.next
    assert "by hand" not in told.next


def test_nobody_is_asked_to_pause_what_is_fixed(bench):
    runs = [bench.run() for _ in range(5)]
    first = bench.analyze(runs[0])
    assert "[Pause Agent]" in first.message
    bench.service.fixes.apply(bench.approve(bench.first_fix(first)).approval_id)
    told = bench.analyze(runs[4])
    assert told.already_fixed is not None
    assert "Pause Agent" not in told.message
    assert told.pause_fix_id is None


def test_it_costs_nothing_even_where_no_credit_is_left(bench):
    failed, _ = two_failures_and_a_fix_for_one(bench)
    bench.service.account.grant(0)
    assert bench.analyze(failed).already_fixed is not None


def test_how_the_fix_stands_by_now_is_told_each_time(bench):
    failed, _ = two_failures_and_a_fix_for_one(bench)
    for _ in range(3):
        assert not bench.run().status.is_failure
    assert bench.analyze(failed).already_fixed.state is OutcomeState.VERIFIED


def test_a_fix_that_was_taken_back_has_fixed_nothing(bench):
    failed, change = two_failures_and_a_fix_for_one(bench)
    bench.service.fixes.revert(change.change_id)
    assert bench.analyze(failed).already_fixed is None


def test_a_fix_that_was_taken_back_before_it_was_judged_is_not_under_watch(bench):
    _, change = two_failures_and_a_fix_for_one(bench)
    (watched,) = bench.service.learning.summary().fix_types
    assert (watched.under_watch, watched.taken_back) == (1, 0)
    bench.service.fixes.revert(change.change_id)
    (gone,) = bench.service.learning.summary().fix_types
    assert (gone.judged, gone.under_watch, gone.taken_back) == (0, 0, 1)


def test_what_was_judged_before_it_was_taken_back_stays_judged(bench):
    _, change = two_failures_and_a_fix_for_one(bench)
    for _ in range(3):
        bench.run()
    assert bench.service.fixes.outcome(change.change_id).state is OutcomeState.VERIFIED
    bench.service.fixes.revert(change.change_id)
    (rate,) = bench.service.learning.summary().fix_types
    assert (rate.verified, rate.under_watch, rate.taken_back) == (1, 0, 0)


def test_a_failure_of_the_version_with_the_fix_is_not_fixed_already(bench):
    _, change = two_failures_and_a_fix_for_one(bench)
    lose_the_range(bench.app.settings.files / bench.workspace)
    report = bench.analyze(bench.run())
    assert report.already_fixed is None
    assert bench.service.fixes.outcome(change.change_id).state is OutcomeState.REGRESSED


def test_a_fix_that_failed_here_before_says_so_when_it_is_offered_again(bench):
    _, change = two_failures_and_a_fix_for_one(bench)
    folder = bench.app.settings.files / bench.workspace
    lose_the_range(folder)
    bench.run()
    copy_workbook(folder)
    bench.edit("Read the urgent mail", "Read what is urgent")  # without the fix
    report = bench.analyze(bench.run())
    (again,) = [fix for fix in report.suggested_fixes if fix.failed_before]
    assert (again.type, again.failed_before) == (change.fix_type, 1)
    fixes = [fix for fix in report.suggested_fixes if fix.fix_id]
    assert fixes[-1] == again, "the others come first"


def test_a_fix_for_one_name_says_nothing_of_another(bench):
    bench.edit("UrgentEmails", "OldEmails")
    other = bench.run()
    bench.edit("OldEmails", "UrgentEmails")
    failed, _ = two_failures_and_a_fix_for_one(bench)
    report = bench.analyze(other)
    assert report.signature == bench.analyze(failed).signature, "they are one group"
    assert report.already_fixed is None
    assert report.receipt.credits == 1
