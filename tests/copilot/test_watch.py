"""Whether a fix held is judged on its step and its failure, over several runs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine

from copilot.errors import NotFound
from copilot.pipeline.apply import Applier
from copilot.pipeline.preview import unified_diff
from copilot.pipeline.watch import conclude, judge, observe, outcome_of
from copilot.policy import Policy
from copilot.storage.findings import Finding
from copilot.storage.outcomes import Watch
from copilot.storage.store import Store
from copilot.testing import ManualClock, MemoryTarget
from copilot.types import (
    Change,
    ErrorRecord,
    Failure,
    Outcome,
    OutcomeState,
    RunRecord,
    RunStatus,
    StepRecord,
    StepStatus,
)
from tests.copilot.storage_builders import (
    a_failure,
    a_finished_analysis,
    a_run,
    a_snapshot,
    adding_a_template,
)

WATCH = Watch(
    change_id="change-1",
    workspace_id="acme",
    workflow_id="outreach",
    fix_type="create_template",
    version=2,
    base_version=1,
    step_path="/step3",
    signature="n1:template",
    needed=3,
    state=OutcomeState.NOT_EXERCISED,
)
FAILED = {"step": StepStatus.FAILED, "status": RunStatus.FAILED}


def itself(signature: str) -> str:
    return signature


@pytest.mark.parametrize(
    ("run", "failures", "finding"),
    [
        (a_run(), [], Finding.PASSED),
        (a_run(version=3), [], Finding.PASSED),
        (a_run(status=RunStatus.FAILED), [a_failure(step_path="/step4")], Finding.PASSED),
        (a_run(**FAILED), [a_failure()], Finding.REGRESSED),
        (a_run(**FAILED), [a_failure(signature="n1:timeout")], Finding.UNDECIDED),
        (a_run(step=None), [], Finding.UNREACHED),
        (a_run(step=StepStatus.SKIPPED), [], Finding.UNREACHED),
        (
            a_run(step=None, status=RunStatus.FAILED),
            [a_failure(step_path="/step1")],
            Finding.UNREACHED,
        ),
        (a_run(step=None, status=RunStatus.CANCELLED), [], None),
        (a_run(step=None, status=RunStatus.RUNNING), [], None),
        (a_run(test_mode=True), [], None),
        (a_run(test_mode=True, **FAILED), [a_failure(test_mode=True)], None),
        (a_run(version=1), [], None),
        (a_run(version=1, **FAILED), [a_failure()], None),
        (a_run(version=None), [], None),
        (a_run(workflow_id="other"), [], None),
        (a_run(workspace_id="rival"), [], None),
    ],
)
def test_what_one_run_says(
    run: RunRecord, failures: Sequence[Failure], finding: Finding | None
) -> None:
    assert judge(WATCH, run, failures, root_of=itself) == finding


def over_budget(**facts: Any) -> Failure:
    error = ErrorRecord(message="Token limit of 50 exceeded", details={"limit": 50, **facts})
    return a_failure().model_copy(update={"error": error})


@pytest.mark.parametrize(
    ("facts", "finding"),
    [
        ({"used": 60, "put_aside": 10}, Finding.CARRIED),
        ({"used": 61, "put_aside": 10}, Finding.REGRESSED),
        ({"used": "60", "put_aside": "10", "limit": "50"}, Finding.CARRIED),
        ({"used": 60}, Finding.REGRESSED),
        ({"used": 60, "put_aside": 0, "limit": 60}, Finding.REGRESSED),
        ({"used": 60, "put_aside": "a lot"}, Finding.REGRESSED),
        ({"used": 60, "put_aside": 10, "limit": None}, Finding.REGRESSED),
    ],
    ids=["carried", "not only", "money", "one round", "nothing", "no number", "no limit"],
)
def test_a_limit_that_is_met_only_by_what_was_used_before_is_no_word_against_the_fix(
    facts: dict[str, Any], finding: Finding
) -> None:
    run = a_run(**FAILED)
    assert judge(WATCH, run, [over_budget(**facts)], root_of=itself) is finding
    assert judge(WATCH, run, [over_budget(**facts), a_failure()], root_of=itself) is (
        Finding.REGRESSED
    )


def test_the_same_failure_means_the_same_group_root() -> None:
    merged = {"n1:template": "root", "n1:reworded": "root"}
    run, failure = a_run(**FAILED), a_failure(signature="n1:reworded")
    assert judge(WATCH, run, [failure], root_of=itself) is Finding.UNDECIDED
    assert judge(WATCH, run, [failure], root_of=merged.__getitem__) is Finding.REGRESSED


def test_a_fix_for_a_failure_outside_every_step_is_judged_on_the_run() -> None:
    watch = Watch(**{name: getattr(WATCH, name) for name in Watch.__slots__} | {"step_path": None})
    failed = a_run(step=None, status=RunStatus.FAILED)
    assert judge(watch, a_run(), [], root_of=itself) is Finding.PASSED
    assert judge(watch, failed, [a_failure(step_path=None)], root_of=itself) is Finding.REGRESSED
    assert judge(watch, failed, [a_failure()], root_of=itself) is Finding.UNDECIDED


@pytest.mark.parametrize(
    ("path", "status", "failed_at", "finding"),
    [
        ("/all/2/take", StepStatus.SUCCEEDED, None, Finding.PASSED),
        ("/all/2/take", StepStatus.FAILED, "/all/2/take", Finding.REGRESSED),
        ("/all/2/take", StepStatus.FAILED, "/other/2/take", Finding.UNDECIDED),
        ("/all/2/give", StepStatus.SUCCEEDED, None, Finding.UNREACHED),
        ("/other/2/take", StepStatus.SUCCEEDED, None, Finding.UNREACHED),
    ],
)
def test_a_step_in_a_loop_is_the_same_in_every_iteration(
    path: str, status: StepStatus, failed_at: str | None, finding: Finding
) -> None:
    watch = replace(WATCH, step_path="/all/7/take")
    step = StepRecord(number=1, path=path, action="read", status=status)
    run = a_run().model_copy(update={"steps": (step,)})
    failures = [] if failed_at is None else [a_failure(step_path=failed_at)]
    assert judge(watch, run, failures, root_of=itself) is finding


@pytest.fixture
def change(store: Store, clock: ManualClock) -> Change:
    """An applied fix with a watch of its own."""
    store.ledger.reserve("acme", "key-1", price=1)
    store.analyses.finish(a_finished_analysis(a_failure()))
    target = MemoryTarget(a_snapshot())
    applier = Applier(
        store.approvals,
        store.changes,
        target,
        diff=unified_diff,
        policy=lambda _: Policy(),
        clock=clock,
    )
    fresh, _ = adding_a_template(target.snapshot("acme", "outreach"))
    approval = applier.approve(
        fresh,
        workspace_id="acme",
        seen_digest=fresh.digest,
        seen_version=1,
        actor="ana",
        actor_kind="person",
    )
    return applier.apply(
        approval.approval_id,
        workspace_id="acme",
        workflow_id="outreach",
        propose=adding_a_template,
    )


def see(store: Store, run: RunRecord, *failures: Failure) -> tuple[Outcome, ...]:
    with store.database.write() as connection:
        return observe(connection, "acme", [(run, failures)], now=store.database.now())


def outcome(store: Store, change: Change) -> Outcome:
    return outcome_of(store.outcomes.get("acme", change.change_id))


def test_three_passing_runs_verify_a_fix_and_one_does_not(store: Store, change: Change) -> None:
    assert outcome(store, change).state is OutcomeState.NOT_EXERCISED
    assert outcome(store, change).explanation == "No run that counts has ended since the fix."
    see(store, a_run("later-1"))
    see(store, a_run("later-2"))
    watching = outcome(store, change)
    assert (watching.state, watching.passes, watching.needed) == (OutcomeState.WATCHING, 2, 3)
    assert watching.explanation == (
        "Since the fix, step 'step3' has passed in 2 runs; 3 are needed."
    )
    (verified,) = see(store, a_run("later-3"))
    assert verified.state is OutcomeState.VERIFIED
    assert verified.explanation == (
        "Verified: step 'step3' has passed in 3 runs since the fix, and the error did not come back."
    )
    assert not verified.rollback_proposed


def test_the_same_run_delivered_again_counts_once(store: Store, change: Change) -> None:
    for _ in range(4):
        see(store, a_run("later-1"))
    assert outcome(store, change).passes == 1


def test_a_run_that_passes_the_step_after_a_resume_replaces_what_it_said(
    store: Store, change: Change
) -> None:
    see(store, a_run("later-1", step=None, status=RunStatus.FAILED), a_failure(step_path="/step1"))
    assert outcome(store, change).explanation == (
        "1 run ended since the fix, and none reached step 'step3'."
    )
    see(store, a_run("later-1"))
    assert outcome(store, change).passes == 1


def test_the_return_of_the_failure_is_final_and_proposes_the_version_before(
    store: Store, change: Change
) -> None:
    see(store, a_run("later-1"))
    (regressed,) = see(store, a_run("later-2", **FAILED), a_failure("later-2"))
    assert (regressed.state, regressed.rollback_proposed) == (OutcomeState.REGRESSED, True)
    assert regressed.explanation == (
        "The same error came back in step 'step3', in run later-2; before that it had passed in 1 run. "
        "Going back to version 1 is proposed."
    )
    assert see(store, a_run("later-3")) == ()
    assert outcome(store, change).state is OutcomeState.REGRESSED


def test_a_verified_fix_still_regresses_when_the_failure_returns(
    store: Store, change: Change
) -> None:
    for number in range(3):
        see(store, a_run(f"later-{number}"))
    assert see(store, a_run("later-4")) == ()
    (regressed,) = see(store, a_run("later-5", **FAILED), a_failure("later-5"))
    assert regressed.state is OutcomeState.REGRESSED


def test_another_error_in_the_step_neither_verifies_nor_regresses(
    store: Store, change: Change
) -> None:
    (after,) = see(store, a_run(**FAILED), a_failure(signature="n1:timeout"))
    assert (after.state, after.passes) == (OutcomeState.WATCHING, 0)
    assert after.explanation == (
        "Since the fix, step 'step3' has passed in no run; 3 are needed. "
        "It failed with another error in 1 run."
    )


def test_a_resumed_run_over_its_budget_leaves_the_watch_open_and_is_told(
    store: Store, change: Change
) -> None:
    carried = over_budget(used=60, put_aside=30)
    (after,) = see(store, a_run("later-1", **FAILED), carried)
    assert after.state is OutcomeState.NOT_EXERCISED
    assert after.explanation == (
        "No run that counts has ended since the fix. 1 run met the limit again after being "
        "resumed, only because of what had been used before: that counts for the whole run. It "
        "says nothing of a new run."
    )
    assert outcome(store, change) == after
    assert store.past_fixes.of("acme", "outreach")[0].watch.carried == 1
    for number in range(3):
        see(store, a_run(f"new-{number}"))
    assert outcome(store, change).state is OutcomeState.VERIFIED


def test_words_of_a_change_that_was_made_for_no_failure_speak_of_none() -> None:
    advised = replace(WATCH, signature="", step_path=None, passed=1)
    assert outcome_of(advised).explanation == "No run that counts has ended since the change."
    watching = replace(advised, state=OutcomeState.WATCHING, undecided=2)
    assert outcome_of(watching).explanation == (
        "Since the change, your agent has passed in 1 run; 3 are needed. It failed in 2 runs."
    )
    verified = replace(advised, state=OutcomeState.VERIFIED, passed=3)
    assert outcome_of(verified).explanation == (
        "Verified: your agent has passed in 3 runs since the change."
    )


def test_the_watch_goes_on_after_a_restart(store: Store, change: Change, engine: Engine) -> None:
    see(store, a_run("later-1"))
    engine.dispose()
    reopened = Store.open(engine)
    see(reopened, a_run("later-2"))
    (verified,) = see(reopened, a_run("later-3"))
    assert verified.state is OutcomeState.VERIFIED


def test_rates_are_counted_by_type_cause_and_runtime(store: Store, change: Change) -> None:
    (rate,) = store.outcomes.rates("acme")
    assert (rate.fix_type, rate.root_cause, rate.produced_by) == (
        "create_template",
        "missing_template",
        "offline",
    )
    assert (rate.verified, rate.regressed, rate.under_watch) == (0, 0, 1)
    see(store, a_run(**FAILED), a_failure())
    assert store.outcomes.rates("acme")[0].regressed == 1
    assert store.outcomes.rates("rival") == ()


def test_somebody_elses_watch_is_not_there(store: Store, change: Change) -> None:
    with pytest.raises(NotFound):
        store.outcomes.get("rival", change.change_id)
    assert store.outcomes.open_watches("rival", "outreach") == ()


def test_nothing_concluded_stays_not_exercised() -> None:
    assert conclude(WATCH) is OutcomeState.NOT_EXERCISED
