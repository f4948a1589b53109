"""Failures, groups, cursors and analyses on a real SQLite file."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import IntegrityError

from copilot.errors import InsufficientCredits, NotFound
from copilot.storage.failures import RECENT
from copilot.storage.store import Store
from copilot.storage.tables import RECENT_FAILURES
from copilot.testing import ManualClock
from tests.copilot.storage_builders import (
    START,
    a_failure,
    a_finished_analysis,
    a_reuse_key,
)

WINDOW = {"workspace": "acme", "workflow": "outreach", "count": 10}


def minutes(count: float) -> datetime:
    return START + timedelta(minutes=count)


def test_a_failure_is_stored_once_and_read_back_equal(store: Store) -> None:
    failure = a_failure()
    first = store.failures.record(failure)
    assert store.failures.record(failure) == first
    assert store.failures.get("acme", first) == failure


def test_the_same_round_is_the_same_failure_whenever_it_is_read(store: Store) -> None:
    first = store.failures.record(a_failure(at=minutes(0)), occurrence=7)
    assert store.failures.record(a_failure(at=minutes(9)), occurrence=7) == first


def test_a_run_that_failed_again_after_a_resume_counts_once_with_its_newest_failure(
    store: Store,
) -> None:
    store.failures.record(a_failure(signature="n1:old", at=minutes(0)))
    store.failures.record(a_failure(signature="n1:new", at=minutes(5)))
    store.failures.record(a_failure(signature="n1:late", at=minutes(2)))
    seen = store.failures.recent_failures("acme", "outreach")
    assert [sighting.signature for sighting in seen] == ["n1:new"]


def test_recent_failures_are_the_newest_ones_of_that_workflow_without_tests(store: Store) -> None:
    for number in range(12):
        store.failures.record(a_failure(f"run-{number}", at=minutes(number)))
    store.failures.record(a_failure("test", at=minutes(50), test_mode=True))
    store.failures.record(a_failure("elsewhere", at=minutes(51), workflow_id="other"))
    store.failures.record(a_failure("theirs", at=minutes(52), workspace_id="rival"))
    seen = store.failures.recent_failures("acme", "outreach", limit=10)
    assert [sighting.execution_id for sighting in seen] == [f"run-{n}" for n in range(11, 1, -1)]


def test_recent_failures_read_the_window_by_index_and_sort_nothing(
    store: Store, engine: Engine
) -> None:
    text = RECENT.params(WINDOW).compile(engine, compile_kwargs={"literal_binds": True})
    with engine.connect() as connection:
        plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
    assert len(plan) == 1, plan
    assert RECENT_FAILURES in plan[0]
    assert "workspace_id=? AND workflow_id=? AND counted=?" in plan[0]


def test_reading_the_window_does_not_slow_down_with_the_history(
    store: Store, engine: Engine
) -> None:
    """Counted in SQLite's own instructions, which no other load on the machine changes."""

    def instructions() -> int:
        count = 0

        def tick() -> int:
            nonlocal count
            count += 1
            return 0

        with engine.connect() as connection:
            driver = connection.connection.driver_connection
            driver.set_progress_handler(tick, 1)
            connection.execute(RECENT, WINDOW).all()
            driver.set_progress_handler(None, 1)
        return count

    for number in range(20):
        store.failures.record(a_failure(f"run-{number}", at=minutes(number)))
    few = instructions()
    with engine.begin() as connection:
        connection.exec_driver_sql(
            """WITH RECURSIVE more(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM more WHERE n < 5000)
            INSERT INTO copilot_failure
              (workspace_id, execution_id, occurrence, workflow_id, test_mode, counted, signature,
               key, label, entities, error, later_failures, occurred_at)
            SELECT workspace_id, 'old-' || n || '-' || execution_id, n, workflow_id, test_mode,
              counted, signature, key, label, entities, error, later_failures,
              '2020-01-01 00:00:00.000000'
            FROM copilot_failure, more"""
        )
    assert instructions() == few


def test_the_group_seen_first_is_the_root_whichever_way_they_are_merged(store: Store) -> None:
    store.failures.record(a_failure("run-1", signature="n1:first"))
    store.failures.record(a_failure("run-2", signature="n1:second"))
    merged = store.failures.merge("acme", "n1:second", "n1:first", reason="same template")
    assert (merged.root, merged.absorbed) == ("n1:first", "n1:second")
    assert store.failures.root_of("acme", "n1:second") == "n1:first"
    assert store.failures.root_of("rival", "n1:second") == "n1:second"


def test_chains_of_merges_end_at_one_root_and_are_never_split(store: Store) -> None:
    for name in "abcd":
        store.failures.record(a_failure(f"run-{name}", signature=name))
    store.failures.merge("acme", "d", "c", reason="nightly")
    store.failures.merge("acme", "d", "b", reason="nightly")
    store.failures.merge("acme", "c", "a", reason="nightly")
    assert store.failures.merge("acme", "a", "d", reason="nightly").absorbed is None
    assert store.failures.roots("acme", "abcd") == dict.fromkeys("abcd", "a")


def test_recent_failures_carry_the_root_as_of_the_reading(store: Store) -> None:
    store.failures.record(a_failure("run-1", signature="a", at=minutes(0)))
    store.failures.record(a_failure("run-2", signature="b", at=minutes(1)))
    store.failures.merge("acme", "a", "b", reason="nightly")
    seen = store.failures.recent_failures("acme", "outreach")
    assert [(sighting.signature, sighting.root) for sighting in seen] == [("b", "a"), ("a", "a")]


def test_a_cursor_goes_forward_only_and_belongs_to_one_workspace(store: Store) -> None:
    assert store.failures.cursor("acme", "engine") == 0
    for cursor in (5, 9, 7):
        store.failures.advance("acme", "engine", cursor)
    assert store.failures.cursor("acme", "engine") == 9
    assert store.failures.cursor("rival", "engine") == 0


def test_an_analysis_is_stored_with_its_receipt_and_found_again(store: Store) -> None:
    store.ledger.grant("acme", "start", credits=10, reason="trial")
    store.ledger.reserve("acme", "key-1", price=2)
    failure = a_failure()
    report = store.analyses.finish(a_finished_analysis(failure, fix_ids=("fix-1", "fix-2")))
    assert report.receipt.model_dump() == {
        "credits": 1,
        "balance": 9,
        "reason": "answered by the rules",
        "cost_usd": Decimal(0),
    }
    assert store.analyses.get("acme", "analysis-1") == report
    assert store.analyses.by_key("acme", "key-1") == report
    assert store.analyses.of_run("acme", "run-1") == report
    assert [fix.fix_id for fix in store.analyses.fixes("acme", "analysis-1")] == ["fix-1", "fix-2"]
    fix = store.analyses.fix("acme", "fix-2")
    assert (fix.workflow_id, fix.analysis_id, fix.fix) == (
        "outreach",
        "analysis-1",
        {"name": "xyz"},
    )
    assert len(store.failures.recent_failures("acme", "outreach")) == 1


def test_finishing_an_analysis_twice_stores_and_charges_it_once(store: Store) -> None:
    store.ledger.grant("acme", "start", credits=10, reason="trial")
    store.ledger.reserve("acme", "key-1", price=2)
    first = store.analyses.finish(a_finished_analysis(a_failure()))
    again = store.analyses.finish(
        a_finished_analysis(a_failure(), analysis_id="analysis-2", fix_ids=("fix-9",), credits=2)
    )
    assert again == first
    assert store.ledger.balance("acme") == 9
    with pytest.raises(NotFound):
        store.analyses.fix("acme", "fix-9")


def test_an_analysis_costs_two_commits(store: Store, engine: Engine) -> None:
    commits: list[str] = []
    event.listen(engine, "commit", lambda _connection: commits.append("commit"))
    store.ledger.reserve("acme", "key-1", price=2)
    store.analyses.finish(a_finished_analysis(a_failure(), fix_ids=("fix-1", "fix-2", "fix-3")))
    assert len(commits) == 2


def test_an_answer_for_which_nobody_is_asked_costs_one_commit(store: Store, engine: Engine) -> None:
    commits: list[str] = []
    event.listen(engine, "commit", lambda _connection: commits.append("commit"))
    store.analyses.answer(a_finished_analysis(a_failure(), fix_ids=("fix-1", "fix-2")), price=2)
    assert len(commits) == 1


def test_several_looks_in_a_row_share_a_connection_and_see_what_is_new(
    store: Store, engine: Engine
) -> None:
    opened: list[str] = []
    event.listen(engine, "checkout", lambda *_: opened.append("connection"))
    with store.database.reads():
        assert store.failures.recent_failures("acme", "outreach") == ()
        assert store.ledger.balance("acme") is None
        with store.database.reads():
            assert store.analyses.of_run("acme", "run-1") is None
        assert len(opened) == 1
        store.failures.record(a_failure())
        assert len(store.failures.recent_failures("acme", "outreach")) == 1
    assert store.ledger.balance("acme") is None
    assert len(opened) == 3


def test_an_error_of_the_driver_is_raised_as_sqlalchemy_has_it_without_the_values(
    store: Store,
) -> None:
    store.ledger.reserve("acme", "key-1", price=2)
    store.ledger.reserve("acme", "key-2", price=2)
    store.analyses.finish(a_finished_analysis(a_failure()))
    with pytest.raises(IntegrityError) as caught:
        store.analyses.finish(a_finished_analysis(a_failure("run-2"), key="key-2"))
    assert "UNIQUE constraint failed" in str(caught.value)
    assert "Template 'xyz'" not in str(caught.value)


def test_nothing_is_stored_without_a_reservation(store: Store) -> None:
    with pytest.raises(NotFound):
        store.analyses.finish(a_finished_analysis(a_failure()))
    assert store.failures.recent_failures("acme", "outreach") == ()


def test_a_failing_insert_takes_the_charge_back_with_it(store: Store) -> None:
    store.ledger.grant("acme", "start", credits=10, reason="trial")
    for key in ("key-1", "key-2"):
        store.ledger.reserve("acme", key, price=2)
    store.analyses.finish(a_finished_analysis(a_failure()))
    taken_id = a_finished_analysis(a_failure("run-2"), key="key-2", analysis_id="analysis-2")
    with pytest.raises(Exception, match="UNIQUE constraint failed"):
        store.analyses.finish(taken_id)  # fix-1 exists
    reservation = store.ledger.reservation("acme", "key-2")
    assert reservation is not None
    assert reservation.settled is None
    assert store.ledger.audit("acme").balanced


def test_an_analysis_is_reused_for_equal_surroundings_only(store: Store) -> None:
    store.ledger.reserve("acme", "key-1", price=2)
    failure = a_failure()
    report = store.analyses.finish(a_finished_analysis(failure))
    assert store.analyses.reusable(a_reuse_key(failure)) == report
    others = [
        a_reuse_key(failure, context_hash="a template was added"),
        a_reuse_key(a_failure(entities=(("str", "abc"),))),
        a_reuse_key(a_failure(signature="n1:other")),
        a_reuse_key(a_failure(step_path="/step4")),
        a_reuse_key(a_failure(workspace_id="rival")),
    ]
    assert [store.analyses.reusable(other) for other in others] == [None] * len(others)


def test_somebody_elses_things_are_not_there(store: Store) -> None:
    store.ledger.reserve("acme", "key-1", price=2)
    store.analyses.finish(a_finished_analysis(a_failure()))
    failure_id = store.failures.record(a_failure())
    for look in (
        lambda: store.failures.get("rival", failure_id),
        lambda: store.analyses.get("rival", "analysis-1"),
        lambda: store.analyses.fix("rival", "fix-1"),
        lambda: store.changes.get("rival", "change-1"),
        lambda: store.outcomes.get("rival", "change-1"),
    ):
        with pytest.raises(NotFound):
            look()
    assert store.analyses.by_key("rival", "key-1") is None
    assert store.analyses.of_run("rival", "run-1") is None
    assert store.analyses.fixes("rival", "analysis-1") == ()
    assert store.ledger.reservation("rival", "key-1") is None


def test_times_without_a_zone_are_refused(store: Store) -> None:
    naive = a_failure().model_copy(update={"occurred_at": datetime(2026, 1, 1)})  # noqa: DTZ001
    with pytest.raises(Exception, match="has no time zone"):
        store.failures.record(naive, occurrence=1)


def test_everything_is_still_there_after_a_restart(
    store: Store, engine: Engine, clock: ManualClock
) -> None:
    store.ledger.grant("acme", "start", credits=1, reason="trial")
    store.ledger.reserve("acme", "key-1", price=1)
    report = store.analyses.finish(a_finished_analysis(a_failure()))
    engine.dispose()
    reopened = Store.open(engine, clock=clock)
    assert reopened.analyses.get("acme", "analysis-1") == report
    with pytest.raises(InsufficientCredits):
        reopened.ledger.reserve("acme", "key-2", price=1)
