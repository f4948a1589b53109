"""Which run of a kind a pass analyses, and what it tells of those that need no analysis."""

from decimal import Decimal

import pytest

from copilot.errors import NotAnalysable
from copilot.testing import SimulatedCrash
from copilot.types import RunStatus
from tests.copilot.nightly_builders import answers as answers
from tests.copilot.nightly_builders import fail, left_out
from tests.copilot.nightly_builders import nightly as nightly
from tests.copilot.nightly_builders import policy as policy
from tests.copilot.nightly_builders import statuses as statuses
from tests.copilot.storage_builders import START, a_failure, a_finished_analysis


def analysed_before(store, execution_id, signature, analysis_id):
    """Somebody asked about this run: stored, and paid with one credit."""
    store.ledger.reserve("acme", f"key-{analysis_id}", price=1)
    failure = a_failure(execution_id, signature=signature)
    store.analyses.finish(
        a_finished_analysis(
            failure,
            key=f"key-{analysis_id}",
            analysis_id=analysis_id,
            fix_ids=(),
            credits=1,
        )
    )


def test_the_newest_that_is_still_failed_stands_for_its_kind(store, nightly, answers, statuses):
    fail(store, "a", 4)
    statuses |= {"a-3": RunStatus.SUCCEEDED, "a-2": RunStatus.CANCELLED}
    digest = nightly.run("acme")
    assert answers.asked == ["a-1"]
    (item,) = digest.items
    assert (item.execution_id, item.failures, item.not_analysed) == ("a-1", 4, None)


def test_merged_kinds_are_looked_through_together(store, nightly, answers, statuses):
    fail(store, "a", 2)
    fail(store, "b", 2, start=10)
    store.failures.merge("acme", "n1:a", "n1:b", reason="same")
    statuses |= {"b-1": RunStatus.RUNNING, "b-0": RunStatus.PAUSED}
    assert nightly.run("acme").items[0].execution_id == "a-1"
    assert answers.asked == ["a-1"]


def test_of_runs_before_the_pass_and_in_other_workflows_none_stands_in(
    store, nightly, answers, statuses, clock
):
    fail(store, "a")
    nightly.run("acme")
    clock.advance(days=1)
    store.failures.record(a_failure("a-new", signature="n1:a", at=clock()))
    store.failures.record(a_failure("o", signature="n1:a", at=clock(), workflow_id="other"))
    store.failures.record(a_failure("t", signature="n1:a", at=clock(), test_mode=True))
    statuses["a-new"] = RunStatus.SUCCEEDED
    told = {item.workflow_id: item.not_analysed for item in nightly.run("acme").items}
    assert told == {"outreach": "not_a_failed_execution", "other": None}
    assert answers.asked == ["a-0", "o"]


def test_a_kind_of_which_all_were_resumed_is_told_as_that_and_costs_nothing(
    store, nightly, answers, statuses
):
    fail(store, "a", 2)
    fail(store, "b")
    statuses |= {"a-0": RunStatus.SUCCEEDED, "a-1": RunStatus.CANCELLED}
    digest = nightly.run("acme")
    assert left_out(digest) == ["not_a_failed_execution", None]
    assert (answers.asked, digest.credits) == (["b-0"], 1)


def test_one_that_is_resumed_at_the_last_moment_leaves_its_place_to_the_next(
    store, nightly, answers
):
    fail(store, "a", 2)
    answers.raises = {"a-1": NotAnalysable("running")}
    assert nightly.run("acme").items[0].execution_id == "a-0"


def test_a_run_of_another_system_is_told_with_the_analysis_it_has(
    store, nightly, answers, statuses
):
    fail(store, "x", 3)
    statuses |= {"x-0": None, "x-1": None, "x-2": None}
    analysed_before(store, "x-1", "n1:x", "analysis-x")
    digest = nightly.run("acme")
    (item,) = digest.items
    assert (item.analysis_id, item.execution_id) == ("analysis-x", "x-1")
    assert (item.headline, item.not_analysed) == ("Template 'xyz' is missing", None)
    assert (answers.asked, digest.credits, digest.cost_usd) == ([], 0, Decimal(0))
    assert digest.analysed == 1
    assert store.ledger.used("acme", since=START) == 1


def test_the_analysis_of_another_kind_workflow_or_workspace_is_not_told(store, nightly, statuses):
    for number, elsewhere in enumerate(
        ({"signature": "n1:other"}, {"workflow_id": "other"}, {"workspace_id": "rival"})
    ):
        failure = a_failure(f"e-{number}", **{"signature": "n1:x", **elsewhere})
        workspace, key = failure.workspace_id, f"key-{number}"
        store.ledger.reserve(workspace, key, price=1)
        store.analyses.finish(
            a_finished_analysis(failure, key=key, analysis_id=f"analysis-{number}", fix_ids=())
        )
    fail(store, "x")
    statuses["x-0"] = None
    told = {(item.workflow_id, item.signature): item for item in nightly.run("acme").items}
    assert told["outreach", "n1:x"].not_analysed == "not_found"
    assert told["outreach", "n1:x"].analysis_id is None


def test_one_of_ours_is_analysed_though_the_newest_of_its_kind_came_from_elsewhere(
    store, nightly, answers, statuses
):
    fail(store, "a", 3)
    statuses |= {"a-2": None, "a-1": None}
    assert nightly.run("acme").items[0].execution_id == "a-0"
    assert answers.asked == ["a-0"]


@pytest.mark.parametrize("cap", [0, 1])
def test_what_needs_no_analysis_is_told_beyond_the_caps(store, nightly, policy, statuses, cap):
    fail(store, "a", 5)
    fail(store, "b", 4)
    fail(store, "x", 3)
    fail(store, "r", 2)
    statuses |= {"x-0": None, "x-1": None, "x-2": None, "b-3": RunStatus.SUCCEEDED}
    statuses |= {"r-0": RunStatus.SUCCEEDED, "r-1": RunStatus.SUCCEEDED}
    analysed_before(store, "x-2", "n1:x", "analysis-x")
    policy["nightly_credit_cap"] = cap
    digest = nightly.run("acme")
    assert left_out(digest) == [
        "credit_cap" if cap == 0 else None,
        "credit_cap",
        None,
        "not_a_failed_execution",
    ]
    assert digest.items[1].execution_id == "b-2"
    assert digest.items[2].analysis_id == "analysis-x"
    assert digest.credits == cap
    assert nightly.latest("acme") == digest


def test_what_was_paid_before_a_kill_is_told_though_the_run_was_resumed_since(
    store, nightly, answers, statuses, monkeypatch
):
    fail(store, "a")

    def die(*_):
        raise SimulatedCrash

    with monkeypatch.context() as patch:
        patch.setattr(nightly._nights, "settle", die)
        with pytest.raises(SimulatedCrash):
            nightly.run("acme")
    statuses["a-0"] = RunStatus.SUCCEEDED
    digest = nightly.run("acme")
    assert (digest.items[0].analysis_id, digest.credits) == ("analysis-of-a-0", 1)
    assert answers.asked == ["a-0"]
