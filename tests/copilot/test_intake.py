"""Runs are taken in by the batch: all of it is stored or nothing, and nothing counts twice."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import event, select

import copilot.intake
from copilot.errors import InvalidCursor, InvalidInput, NotFound
from copilot.intake import Intake
from copilot.pipeline.examine import examine
from copilot.ports import EndedRun
from copilot.storage.tables import FAILURE
from copilot.testing import SimulatedCrash
from copilot.types import ErrorRecord, OutcomeState, RunStatus, StepStatus
from tests.copilot.storage_builders import START, a_failure, a_run
from tests.copilot.test_watch import change as change
from tests.copilot.test_watch import outcome


class Runs:
    """A source that has these runs, in the order they ended."""

    def __init__(self, *runs):
        self.runs = list(runs)

    def run(self, workspace_id, execution_id):
        for run in self.runs:
            if (run.workspace_id, run.execution_id) == (workspace_id, execution_id):
                return run
        raise NotFound("execution")

    def ended_after(self, workspace_id, cursor, *, limit=200):
        ended = [
            EndedRun(cursor=place, run=run)
            for place, run in enumerate(self.runs, start=1)
            if place > cursor and run.workspace_id == workspace_id
        ]
        return ended[:limit]


def failed(number, message="Template 'xyz' not found", **options):
    """A run whose third step failed with *message*, *number* minutes after the start."""
    run = a_run(f"run-{number}", step=StepStatus.FAILED, status=RunStatus.FAILED, **options)
    step = run.steps[-1].model_copy(
        update={
            "error": ErrorRecord(message=message),
            "finished_at": START + timedelta(minutes=number),
        }
    )
    return run.model_copy(update={"steps": (*run.steps[:-1], step)})


def stored(engine):
    with engine.connect() as connection:
        query = select(FAILURE.c.execution_id).order_by(FAILURE.c.id)
        return list(connection.execute(query).scalars())


def test_all_runs_are_taken_in_batch_by_batch_and_each_once(store, engine):
    intake = Intake(store, Runs(*(failed(number) for number in range(450))))
    assert intake.catch_up("acme") == 450
    assert stored(engine) == [f"run-{number}" for number in range(450)]
    assert intake.catch_up("acme") == 0
    assert len(stored(engine)) == 450
    assert store.failures.cursor("acme", "engine") == 450


def test_runs_of_another_workspace_stay_where_they_are(store, engine):
    intake = Intake(store, Runs(failed(1, workspace_id="rival"), failed(2)))
    assert intake.catch_up("acme") == 1
    assert stored(engine) == ["run-2"]


def test_a_batch_that_crashes_leaves_nothing_and_is_taken_in_whole_later(
    store, engine, change, monkeypatch
):
    runs = Runs(*(a_run(f"later-{number}") for number in range(2)), failed(7, "Disk is full"))
    before = stored(engine)

    def crash(*_args, **_kwargs):
        raise SimulatedCrash

    with monkeypatch.context() as patched:
        patched.setattr(copilot.intake, "move_cursor", crash)
        with pytest.raises(SimulatedCrash):
            Intake(store, runs).catch_up("acme")
    assert (stored(engine), store.failures.cursor("acme", "engine")) == (before, 0)
    assert outcome(store, change).passes == 0
    assert Intake(store, runs).catch_up("acme") == 3
    assert outcome(store, change).passes == 2
    assert stored(engine) == [*before, "run-7"]


def test_two_readers_at_once_count_each_run_once(store, engine, change):
    runs = [a_run(f"later-{number}") for number in range(300)]
    intake = Intake(store, Runs(*runs, *(failed(number, "Disk is full") for number in range(300))))
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(intake.catch_up, ["acme"] * 4))
    assert sum(taken) == 600
    assert len(stored(engine)) == 1 + 300
    assert outcome(store, change).state is OutcomeState.VERIFIED


def test_errors_are_examined_while_others_can_write(store, engine, monkeypatch):
    seen = []

    def examine_and_write(run, **options):
        store.failures.advance("rival", "engine", len(seen) + 1)
        seen.append(run.execution_id)
        return examine(run, **options)

    monkeypatch.setattr(copilot.intake, "examine", examine_and_write)
    Intake(store, Runs(failed(1), failed(2))).catch_up("acme")
    assert seen == ["run-1", "run-2"]
    assert store.failures.cursor("rival", "engine") == 2


def test_runs_without_a_fix_under_watch_cost_no_query_of_their_own(store, engine):
    def statements(count, workspace_id):
        seen = []
        event.listen(engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
        runs = [failed(number, workspace_id=workspace_id) for number in range(count)]
        Intake(store, Runs(*runs)).catch_up(workspace_id)
        return len(seen)

    # the fifth failure makes a pattern of them
    assert statements(150, "acme") == statements(5, "rival") <= 16


def test_what_a_run_says_of_a_fix_is_counted_in_the_order_the_runs_ended(store, change):
    runs = Runs(*(a_run(f"later-{number}") for number in range(3)))
    Intake(store, runs).catch_up("acme")
    assert outcome(store, change).state is OutcomeState.VERIFIED
    again = examine(failed(50)).signature
    with store.database.write() as connection:
        connection.exec_driver_sql("UPDATE copilot_outcome SET signature = ?", (again,))
    runs.runs += [failed(50), a_run("later-4")]
    Intake(store, runs).catch_up("acme")
    assert outcome(store, change).state is OutcomeState.REGRESSED


def test_a_run_that_failed_again_in_the_same_batch_counts_once_with_its_newest_failure(store):
    Intake(
        store, Runs(failed(1), failed(1).model_copy(update={"steps": failed(9).steps}))
    ).catch_up("acme")
    (seen,) = store.failures.recent_failures("acme", "outreach")
    assert seen.occurred_at == START + timedelta(minutes=9)


# ------------------------------------------------------------ failures as a list


def record(store, count, **options):
    for number in range(count):
        at = START + timedelta(minutes=number)
        store.failures.record(a_failure(f"run-{number}", at=at, **options))


def walk(store, **options):
    cursor, pages = None, []
    while True:
        page = store.failures.page("acme", cursor=cursor, **options)
        pages.append([item.execution_id for item in page.items])
        if page.next_cursor is None:
            return pages
        cursor = page.next_cursor


def test_failures_are_listed_newest_first_page_by_page(store):
    record(store, 5)
    store.failures.record(a_failure("theirs", workspace_id="rival"))
    assert walk(store, limit=2) == [["run-4", "run-3"], ["run-2", "run-1"], ["run-0"]]
    assert walk(store, limit=5) == [["run-4", "run-3", "run-2", "run-1", "run-0"]]


def test_failures_of_the_same_moment_are_all_listed(store):
    for number in range(4):
        store.failures.record(a_failure(f"run-{number}"))
    assert walk(store, limit=1) == [["run-3"], ["run-2"], ["run-1"], ["run-0"]]


def test_a_run_is_listed_once_also_in_test_mode_and_of_one_workflow_on_demand(store):
    record(store, 2)
    later = START + timedelta(hours=1)
    store.failures.record(a_failure("run-0", at=later, signature="n1:later"))
    store.failures.record(a_failure("test", at=START, test_mode=True, workflow_id="other"))
    assert walk(store) == [["run-0", "run-1", "test"]]
    assert walk(store, workflow_id="other") == [["test"]]
    newest = store.failures.page("acme").items[0]
    assert (newest.signature, newest.occurred_at, newest.test_mode) == ("n1:later", later, False)


def test_an_error_is_listed_in_one_line_without_what_cannot_be_seen(store):
    failure = a_failure()
    message = "first\nsecond\x1b[31m\u202e" + "x" * 500
    store.failures.record(failure.model_copy(update={"error": ErrorRecord(message=message)}))
    (item,) = store.failures.page("acme").items
    assert item.error.startswith("first second xxx")
    assert len(item.error) == 300


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "MjAyNg",
        "A" * 500,
        "MjAyNi0wMS0wMiAx",
        "OTk5OS0xMi0zMVQyMzo1OS0xNDowMCAx",
        "MjAyNi0wMS0wMlQwMDowMDowMCswMDowMCA5OTk5OTk5OTk5",
    ],
)
def test_a_bad_cursor_is_refused_by_name(store, cursor):
    with pytest.raises(InvalidCursor):
        store.failures.page("acme", cursor=cursor)


@pytest.mark.parametrize("limit", [0, 201])
def test_a_page_has_bounds(store, limit):
    with pytest.raises(InvalidInput, match="limit"):
        store.failures.page("acme", limit=limit)


def test_groups_are_by_root_and_name_ten_runs_of_the_newest(store):
    record(store, 12, signature="n1:old")
    for number in range(3):
        at = START + timedelta(hours=1, minutes=number)
        store.failures.record(a_failure(f"new-{number}", signature="n1:new", at=at))
        store.failures.record(a_failure(f"other-{number}", signature="n1:other", at=at))
    store.failures.merge("acme", "n1:old", "n1:new", reason="same")
    first, second = store.failures.groups("acme", "outreach", 50)
    assert (first.root, len(first.sightings), len(first.executions)) == ("n1:old", 15, 10)
    assert first.executions[:3] == ("new-2", "new-1", "new-0")
    assert first.newest.execution_id == "new-2"
    assert (second.root, second.executions) == ("n1:other", ("other-2", "other-1", "other-0"))
    assert store.failures.groups("acme", "outreach", 2)[0].executions == ("other-2",)
    assert store.failures.groups("rival", "outreach", 50) == ()
