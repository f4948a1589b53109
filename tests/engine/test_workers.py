"""The queue as workers share it: limits, fair turns, priorities, and what the dead leave behind."""

import collections
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from engine.dispatch import WorkState
from engine.engine import Engine
from engine.errors import AlreadyRunning, NotFound
from engine.execution import ExecutionStatus
from engine.storage import journal, queue
from engine.storage.database import connect, writing
from engine.storage.migrations import upgrade
from engine.storage.queue import Outcome, QueueStore
from engine.storage.queue_tables import QUEUE
from engine.storage.shares import LimitStore, QueueLimits, Shares
from engine.storage.workers import Workers
from engine.testing import actions, settings, tool, workflow
from tests.postgres import new_database


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'engine.db'}"
    else:
        with new_database() as address:
            yield address


@pytest.fixture
def database(url):
    database = connect(url)
    upgrade(database)
    yield database
    database.dispose()


@pytest.fixture
def store(database):
    return QueueStore(database, most_starts=3)


def add(database, *names, release=queue.RELEASE, **options):
    """Queues runs called 'workspace/name' without any engine."""
    for name in names:
        workspace_id, _, _ = name.partition("/")
        now = datetime.now(UTC)
        with writing(database) as connection:
            connection.execute(
                sa.insert(queue.EXECUTION).values(
                    id=name,
                    workspace_id=workspace_id,
                    workflow_id="w",
                    workflow_version=1,
                    status="queued",
                    round=1,
                    dispatch=1,
                    trigger=options.get("trigger", "manual"),
                    test_mode=False,
                    created_at=now,
                    updated_at=now,
                    steps_total=1,
                    total_tokens_used=0,
                    total_execution_time_ms=0,
                    inputs="{}",
                )
            )
            chosen = {key: value for key, value in options.items() if key != "trigger"}
            queue.enqueue(connection, name, 1, release=release, **chosen)


def claim(store, room, worker_id=1):
    return [name for name, _ in store.turn(worker_id, {}, room)]


def test_runs_of_one_workspace_come_in_order_of_priority_and_then_of_time(database, store):
    add(database, "a/clock", trigger="schedule")
    add(database, "a/1", "a/2")
    add(database, "a/urgent", priority=0)
    assert claim(store, 4) == ["a/urgent", "a/1", "a/2", "a/clock"]


def test_a_priority_takes_nothing_from_another_workspace(database, store):
    add(database, "a/1", "a/2", "a/3", priority=0)
    add(database, "b/1", priority=9)
    assert sorted(claim(store, 2)) == ["a/1", "b/1"]


def test_one_slot_goes_around(database, store):
    LimitStore(database).set_limits(QueueLimits(total=1))
    add(database, *(f"a/{n}" for n in range(4)), "b/0", "b/1", "c/0")
    order = []
    while claimed := claim(store, 10):
        order += claimed
        store.turn(1, {(claimed[0], 1): Outcome.DONE}, 0)
    assert [name[0] for name in order] == ["a", "b", "c", "a", "b", "a", "a"]


def test_limits_hold_over_all_workers_and_can_be_changed(database, store):
    limits = LimitStore(database)
    limits.set_limits(QueueLimits(total=5, each=2, workspaces={"c": 3}))
    assert limits.limits() == QueueLimits(total=5, each=2, workspaces={"c": 3})
    add(database, *(f"{name}/{n}" for name in "abc" for n in range(9)))
    first, second = claim(store, 4, worker_id=1), claim(store, 4, worker_id=2)
    assert (len(first), len(second)) == (4, 1)
    assert max(collections.Counter(name[0] for name in first + second).values()) == 2
    limits.set_limits(QueueLimits(each=2, workspaces={"c": 3}))
    third = claim(store, 50, worker_id=3)
    running = collections.Counter(name[0] for name in first + second + third)
    assert running == {"a": 2, "b": 2, "c": 3}
    with pytest.raises(ValueError, match="1 or more"):
        limits.set_limits(QueueLimits(each=0))


def test_what_a_newer_release_queued_is_left_to_workers_of_that_release(database, store):
    add(database, "a/new", release=queue.RELEASE + 1)
    assert not store.anything_due()
    assert claim(store, 5) == []
    newer = QueueStore(database, most_starts=3, release=queue.RELEASE + 1)
    add(database, "a/old")
    assert claim(newer, 5) == ["a/new", "a/old"]


def test_a_run_with_a_time_waits_for_it(database, store):
    add(database, "a/later", not_before=datetime.now(UTC) + timedelta(seconds=0.3))
    assert claim(store, 5) == []
    time.sleep(0.35)
    assert claim(store, 5) == ["a/later"]


def test_the_database_away_is_tried_again_later_and_not_for_ever(database, store):
    add(database, "a/1")
    pauses = []
    for _ in range(4):
        assert claim(store, 1) == ["a/1"]
        store.turn(1, {("a/1", 1): Outcome.LATER}, 1)
        with writing(database) as connection:
            row = connection.execute(sa.select(QUEUE)).one()
            pauses.append((row.not_before - datetime.now(UTC)).total_seconds())
            connection.execute(sa.update(QUEUE).values(not_before=None))
    assert pauses == pytest.approx([1, 2, 4, 8], abs=0.3)
    assert row.state == "given_up"
    assert claim(store, 1) == []


def test_handing_back_counts_no_start(database, store):
    add(database, "a/1", "a/2")
    for _ in range(10):
        assert len(claim(store, 2)) == 2
        store.hand_back(1)
    with database.connect() as connection:
        assert set(connection.scalars(sa.select(QUEUE.c.starts))) == {0}


def test_only_the_worker_that_has_a_run_can_settle_it(database, store):
    add(database, "a/1")
    claim(store, 1, worker_id=1)
    store.turn(2, {("a/1", 1): Outcome.DONE}, 0)
    assert store.held(1) == {("a/1", 1)}
    store.turn(1, {("a/1", 1): Outcome.DONE}, 0)
    assert store.places([("a/1", 1)]) == {}


def test_two_claims_at_once_share_no_run(database, store):
    add(database, *(f"w{n % 7}/{n}" for n in range(60)))
    claimed = []

    def work(number):
        while keys := claim(store, 3, worker_id=number):
            claimed.extend(keys)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed)) == 60


@given(
    waiting=st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 30), min_size=1),
    running=st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 5)),
    total=st.none() | st.integers(1, 20),
    each=st.none() | st.integers(1, 6),
    room=st.integers(0, 25),
)
def test_slots_are_dealt_within_the_limits_and_to_whoever_has_least(
    waiting, running, total, each, room
):
    limits = QueueLimits(total=total, each=each)
    shares = Shares(limits, running=running, served={})
    slots = shares.room(room)
    dealt = shares.deal(waiting, slots)
    after = {name: running.get(name, 0) + dealt.get(name, 0) for name in waiting}
    assert sum(dealt.values()) <= slots <= room
    if total is not None:
        assert sum(dealt.values()) + sum(running.values()) <= max(total, sum(running.values()))
    if each is not None:
        assert all(after[name] <= max(each, running.get(name, 0)) for name in waiting)
    # Nobody was served who had more under way than somebody else who could have been.
    for served in dealt:
        for other in waiting:
            may = each is None or after[other] < each
            assert not may or after[served] - 1 <= after[other]


def test_what_a_dead_worker_had_goes_back_and_is_given_up_at_last(database):
    store = QueueStore(database, most_starts=2)
    add(database, "a/1")
    for life in range(3):
        workers = Workers(database, release=1)
        workers.enter()
        if life:
            _wait_until(lambda: workers.bury(store.release) == 1)  # noqa: B023
        assert claim(store, 1, worker_id=workers.own) == ["a/1"]
        assert workers.bury(store.release) == 0
        workers._let_go()  # as a kill does
    last = Workers(database, release=1)
    last.enter()
    _wait_until(lambda: last.bury(store.release) == 1)
    assert store.places([("a/1", 1)])["a/1", 1].state.value == "given_up"
    assert claim(store, 1, worker_id=last.own) == []
    last.leave()


def test_a_worker_that_was_called_dead_goes_on_under_a_new_number(url, database):
    if database.dialect.name == "sqlite":
        pytest.skip("one process a file")
    add(database, "a/1")
    store = QueueStore(database, most_starts=3)
    hung = Workers(database, release=1)
    hung.enter()
    first = hung.own
    assert claim(store, 1, worker_id=first) == ["a/1"]
    other = Workers(connect(url), release=1, hung_seconds=0.1)
    other.enter()
    _wait_until(lambda: other.bury(store.release) == 1)
    hung._seen = float("-inf")  # the time for its next sign of life has come
    hung.stay()
    assert hung.own > first
    assert store.held(hung.own) == frozenset()
    assert {hung.own, other.own} <= hung.read_live()
    other.leave()
    other._engine.dispose()
    hung.leave()


def test_a_run_without_live_work_can_be_started_again_and_one_with_it_not(url, tmp_path):
    quiet = Engine(settings(tmp_path, url=url), actions=actions())
    quiet.start(dispatch=False)
    quiet.put_workflow("acme", workflow(tool("a", value=1)), workflow_id="w")
    run = quiet.submit("acme", "w")
    with pytest.raises(AlreadyRunning, match="queued"):
        quiet.resume("acme", run.id)
    store = QueueStore(quiet.database, most_starts=3)
    dying = Workers(quiet.database, release=1)
    dying.enter()
    assert claim(store, 1, worker_id=dying.own) == [run.id]
    with writing(quiet.database) as connection:
        journal.begin(connection, run.id, dispatch=1, token="t", now=datetime.now(UTC))
    if quiet.database.dialect.name == "postgresql":
        with pytest.raises(AlreadyRunning, match="running"):
            quiet.resume("acme", run.id)
    dying._let_go()
    dispatcher = quiet._dispatcher
    _wait_until(lambda: dispatcher.states([(run.id, 1)])[run.id, 1] is WorkState.ORPHANED)
    again = quiet.resume("acme", run.id)
    assert (again.status, again.round) == (ExecutionStatus.QUEUED, 2)
    # The orphaned work has left the queue: there is one place, for the new round.
    assert set(store.places([(run.id, 1), (run.id, 2)])) == {(run.id, 2)}
    with pytest.raises(NotFound, match="No such execution"):
        quiet.resume("acme", "no-such-run")
    quiet.close()
    with Engine(settings(tmp_path, url=url), actions=actions()) as engine:
        assert engine.wait("acme", run.id, 60).status is ExecutionStatus.SUCCEEDED


def test_runs_under_way_at_an_upgrade_come_into_the_queue(tmp_path):
    """The migration finds what an older release had queued elsewhere."""
    database = connect(f"sqlite:///{tmp_path / 'engine.db'}")
    upgrade(database, "0007")
    insert = (
        "INSERT INTO execution (id, workspace_id, workflow_id, workflow_version, status, round, "
        "dispatch, trigger, test_mode, created_at, updated_at, steps_total, total_tokens_used, "
        "total_execution_time_ms, inputs) VALUES (?, 'acme', 'w', 1, ?, 1, 3, 'manual', 0, "
        "'2026-01-05 09:00:00', '2026-01-05 09:00:00', 1, 0, 0, '{}')"
    )
    with database.begin() as connection:
        for status in ("queued", "running", "succeeded", "paused"):
            connection.exec_driver_sql(insert, (status, status))
    upgrade(database)
    store = QueueStore(database, most_starts=3)
    assert store.turn(1, {}, 9) == (("queued", 3), ("running", 3))
    database.dispose()


def _wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
