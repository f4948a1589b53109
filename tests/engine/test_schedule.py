"""Jobs by the clock: once a tick, in a thread, whatever they raise."""

import asyncio
import itertools
import logging
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from engine.dispatch.inline import InlineDispatcher
from engine.dispatch.schedule import ScheduledJob
from engine.engine import Engine
from engine.errors import InvalidSchedule
from engine.storage.queue_tables import TICK
from engine.testing import settings


def nothing(moment):
    pass


@pytest.mark.parametrize(
    "cron",
    [
        "",
        "* * * *",
        "61 * * * *",
        "a b c d e",
        "R * * * *",
        "H 2 * * *",
        "* * * * * * *",
        "@daily",
        "0 0 31 2 *",
    ],
)
def test_a_line_that_cannot_be_read_is_named(cron):
    with pytest.raises(InvalidSchedule) as caught:
        InlineDispatcher().schedule("nightly", cron, nothing)
    assert "'nightly'" in str(caught.value)
    assert repr(cron) in str(caught.value)


@pytest.mark.parametrize("cron", ["30 2 * * *", "*/5 * * * mon-fri", "0 0 1 jan,mar thu"])
def test_a_line_that_can_be_read_is_taken(cron):
    ScheduledJob("nightly", cron, nothing)


def test_ticks_before_and_after_a_moment():
    job = ScheduledJob("nightly", "30 2 * * *", nothing)
    moment = datetime(2026, 1, 5, 9, tzinfo=UTC)
    assert job.last_tick(moment) == datetime(2026, 1, 5, 2, 30, tzinfo=UTC)
    assert job.next_tick(moment) == datetime(2026, 1, 6, 2, 30, tzinfo=UTC)
    assert job.ticks_at(datetime(2026, 1, 5, 2, 30, tzinfo=UTC))
    assert not job.ticks_at(datetime(2026, 1, 5, 2, 31, tzinfo=UTC))


def test_told_the_time_the_inline_dispatcher_calls_what_is_due_once():
    calls = []
    queue = InlineDispatcher()
    queue.schedule("nightly", "30 2 * * *", calls.append)
    due = datetime(2026, 1, 5, 2, 30, tzinfo=UTC)
    assert queue.tick(due) == ("nightly",)
    assert queue.tick(due) == ()
    assert queue.tick(due + timedelta(minutes=1)) == ()
    assert calls == [due]


def test_every_tick_comes_once_in_a_thread_without_a_loop(tmp_path):
    seen, threads, enough = [], set(), threading.Event()

    def job(moment):
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        threads.add(threading.current_thread())
        seen.append(moment)
        if len(seen) == 2:
            enough.set()
        raise ValueError("secret words")

    engine = Engine(settings(tmp_path))
    engine.schedule("each-second", "* * * * * *", job)
    engine.start()
    try:
        assert enough.wait(20)
        with pytest.raises(RuntimeError, match="before the engine is started"):
            engine.schedule("late", "* * * * *", job)
    finally:
        engine.close()
    assert threading.main_thread() not in threads
    assert len(set(seen)) == len(seen)
    assert all(moment.tzinfo is not None and moment.microsecond == 0 for moment in seen)


def test_what_a_job_raises_is_logged_without_its_words(caplog):
    def job(moment):
        raise ValueError("secret words")

    with caplog.at_level(logging.ERROR, logger="engine"):
        ScheduledJob("nightly", "30 2 * * *", job).run(datetime.now(UTC))
    assert "Job nightly failed with ValueError at" in caplog.text
    assert "test_schedule.py" in caplog.text
    assert "secret" not in caplog.text


def restart(folder, cron, job, seconds):
    engine = Engine(settings(folder))
    engine.schedule("job", cron, job)
    engine.start()
    time.sleep(seconds)
    engine.close()


def set_last_tick(folder, moment):
    engine = Engine(settings(folder))
    with engine.database.begin() as connection:
        connection.execute(sa.update(TICK).values(tick=moment))
    engine.database.dispose()


def test_of_the_ticks_nobody_was_there_for_the_last_is_made_up_once(tmp_path):
    far = "0 0 1 1 *"
    seen = []
    restart(tmp_path, far, seen.append, 0.3)
    assert seen == []  # a job that is new has nothing to make up
    set_last_tick(tmp_path, datetime(2020, 1, 1, tzinfo=UTC))
    restart(tmp_path, far, seen.append, 0.3)
    restart(tmp_path, far, seen.append, 0.3)
    assert seen == [ScheduledJob("job", far, nothing).last_tick(datetime.now(UTC))]


def test_a_process_without_jobs_leaves_ticks_to_others(tmp_path):
    far = "0 0 1 1 *"
    restart(tmp_path, far, nothing, 0.3)
    set_last_tick(tmp_path, datetime(2020, 1, 1, tzinfo=UTC))
    with Engine(settings(tmp_path)):
        time.sleep(0.5)
    seen = []
    restart(tmp_path, far, seen.append, 0.3)
    assert len(seen) == 1


def test_a_job_never_overlaps_itself_and_lets_the_ticks_meanwhile_go(tmp_path):
    seen, under_way, most = [], [], []

    def slow(moment):
        under_way.append(moment)
        most.append(len(under_way))
        seen.append(moment)
        time.sleep(2.2)
        under_way.remove(moment)

    engine = Engine(settings(tmp_path))
    engine.schedule("slow", "* * * * * *", slow)
    with engine:
        time.sleep(5.0)
    assert max(most) == 1
    assert len(seen) >= 2
    assert all(
        later - earlier >= timedelta(seconds=2) for earlier, later in itertools.pairwise(seen)
    )


def test_a_job_that_its_process_did_not_finish_is_done_again(tmp_path):
    moments, release = [], threading.Event()

    def stuck(moment):
        moments.append(moment)
        release.wait(20)

    engine = Engine(settings(tmp_path))
    engine.schedule("job", "* * * * * *", stuck)
    engine.start()
    while not moments:
        time.sleep(0.01)
    engine.close()  # does not wait for it any longer
    again = []
    restart(tmp_path, "* * * * * *", again.append, 0.5)
    release.set()
    assert again[0] == moments[0]
