"""What is said of a fix that does not fit any more, and of one that is taken back though it held."""

import pytest

from copilot.errors import ApprovalRefused, InvalidFix
from tests.copilot.test_service import Bench
from tests.copilot.test_service import app as app

BY_HAND = "range: DefinedRange"
WRITTEN = "Not applied: the workflow has what this fix would write already."


@pytest.fixture
def bench(app):
    return Bench(app)


@pytest.fixture
def fix_id(bench):
    return bench.first_fix(bench.analyze(bench.run()))


def refused(bench, fix_id):
    with pytest.raises((ApprovalRefused, InvalidFix)) as error:
        bench.service.fixes.preview(fix_id)
    return error.value.code, str(error.value)


def test_a_fix_that_stands_names_the_change_that_made_it(bench, fix_id):
    change = bench.service.fixes.apply(bench.approve(fix_id).approval_id)
    said = f"Not applied: this fix is in place already, by {change.change_id}, since version 2."
    assert refused(bench, fix_id) == ("approval_refused", said)


def test_an_edit_elsewhere_leaves_it_in_place(bench, fix_id):
    bench.service.fixes.apply(bench.approve(fix_id).approval_id)
    bench.edit("range: UrgentEmails", f"{BY_HAND}\n    timeout_seconds: 50")
    assert "in place already" in refused(bench, fix_id)[1]


def test_what_somebody_has_written_by_hand_is_not_called_applied(bench, fix_id):
    bench.edit("range: UrgentEmails", BY_HAND)
    assert refused(bench, fix_id) == ("approval_refused", WRITTEN)


def test_nor_after_the_fix_was_taken_back(bench, fix_id):
    change = bench.service.fixes.apply(bench.approve(fix_id).approval_id)
    bench.service.fixes.revert(change.change_id)
    bench.edit("range: UrgentEmails", BY_HAND)
    assert refused(bench, fix_id) == ("approval_refused", WRITTEN)


@pytest.mark.parametrize("applied", [True, False], ids=["applied", "only suggested"])
def test_an_edit_that_makes_it_unfit_is_told_as_what_is_in_the_way(bench, fix_id, applied):
    if applied:
        bench.service.fixes.apply(bench.approve(fix_id).approval_id)
    bench.edit("range: UrgentEmails", "range: AnotherRange")
    assert refused(bench, fix_id) == (
        "invalid_fix",
        "The fix replace_value can't be applied: 'UrgentEmails' does not stand at "
        "/steps/1/with/range any more.",
    )


def test_going_back_from_a_fix_that_has_held_says_so(bench, fix_id):
    change = bench.service.fixes.apply(bench.approve(fix_id).approval_id)
    for _ in range(3):
        bench.run()
    bench.service.fixes.outcome(change.change_id)
    done = bench.service.fixes.revert(change.change_id)
    assert (done.change.state, done.runs_started) == ("applied", 3)
    assert done.notice == (
        "This fix has held in 3 runs; going back brings the failure back. 3 runs have already "
        "started with the fix; this does not stop or repeat them."
    )


def test_of_one_that_is_not_judged_yet_only_the_runs_are_told(bench, fix_id):
    change = bench.service.fixes.apply(bench.approve(fix_id).approval_id)
    bench.run()
    bench.service.fixes.outcome(change.change_id)
    done = bench.service.fixes.revert(change.change_id)
    assert done.notice == (
        "1 run has already started with the fix; this does not stop or repeat it."
    )
