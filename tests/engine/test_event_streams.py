"""Watching a run: replay, live events, slow listeners, ends, and a database that goes away."""

import asyncio
import sqlite3
import threading
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from engine.observe.channel import MOST_KEPT, Channel
from engine.observe.events import EventStreams
from engine.observe.feed import Feed
from engine.run.context import NoMasker, SystemClock
from engine.storage.database import connect, writing
from engine.storage.events import EventLog, RunEvent, append
from engine.testing import actions, tool

from .watching import POLL, all_of, begun, listen, parts, watched_engine


@pytest.fixture
def held(tmp_path):
    with watched_engine(tmp_path, hold=True) as watched:
        yield watched


@pytest.fixture(scope="module")
def over(tmp_path_factory):
    """A run of ten steps that has ended."""
    with watched_engine(tmp_path_factory.mktemp("over")) as watched:
        watched.run = watched.start(*(tool(f"s{n}") for n in range(10)))
        yield watched


def seqs(told):
    return [event.seq for event in told if event.seq is not None]


@pytest.mark.parametrize("after", range(0, 26, 5))
def test_a_run_that_has_ended_is_told_from_any_point(over, after):
    told = listen(over.events.watch(over.run.id, after=after))
    assert seqs(told) == list(range(after + 1, 23))
    assert (told[-1].kind, told[-1].facts) == ("end", {"status": "succeeded"})


def test_a_listener_knows_when_it_has_all(over):
    assert over.events.watch(over.run.id, after=22).has_all
    assert over.events.watch(over.run.id, after=99).has_all
    assert not over.events.watch(over.run.id, after=21).has_all


def test_a_watch_is_entered_first(over):
    watch = over.events.watch(over.run.id)
    with pytest.raises(RuntimeError):
        asyncio.run(anext(watch.events()))


def test_what_happens_is_told_while_it_happens(tmp_path):
    gate = threading.Event()

    async def wait():
        while not gate.is_set():
            await asyncio.sleep(0.005)

    with watched_engine(tmp_path, hold=True, actions=actions(wait=wait)) as watched:
        run = watched.start(tool("a"), tool("b", "wait"))

        async def scene():
            told = []
            async with watched.events.watch(run.id) as watch:
                working = asyncio.create_task(asyncio.to_thread(watched.queue.run))
                async for event in watch.events():
                    told.append((event.kind, event.path, event.seq))
                    if event.path == "/b":
                        gate.set()
                await working
            return told

        told = asyncio.run(asyncio.wait_for(scene(), 10))
    assert ("step_started", "/b", None) in told
    assert told.index(("step_started", "/b", None)) < told.index(("step_completed", "/b", 5))
    assert [seq for _, _, seq in told if seq] == [1, 2, 3, 4, 5, 6]
    assert [kind for kind, _, seq in told if seq is None] == [
        "step_started",
        "step_started",
        "end",
    ]


def test_one_poll_serves_everybody_who_watches_a_run(held):
    class Counting(EventLog):
        asked = 0

        def page(self, *args, **kwargs):
            Counting.asked += 1
            return super().page(*args, **kwargs)

    log = Counting(held.engine.database)
    streams = EventStreams(log, held.feed, SystemClock(), poll_seconds=POLL)
    run = held.start(tool("a"))

    async def scene():
        watches = [streams.watch("acme", run.id) for _ in range(50)]
        listening = [asyncio.create_task(all_of(watch)) for watch in watches]
        await asyncio.sleep(0.1)
        assert streams.watched == 1
        Counting.asked = 0
        await asyncio.sleep(10 * POLL)
        idle = Counting.asked
        await asyncio.to_thread(held.queue.run)
        return idle, await asyncio.gather(*listening)

    idle, told = asyncio.run(asyncio.wait_for(scene(), 10))
    assert 1 <= idle <= 11
    assert all(seqs(one) == [1, 2, 3, 4] for one in told)
    assert streams.watched == 0


def test_what_another_process_does_is_told_too(held):
    """This one has its own connection and hears nothing live."""
    run = held.start(tool("a"))
    elsewhere = connect(str(held.engine.database.url))
    log = EventLog(elsewhere)
    streams = EventStreams(log, Feed(SystemClock(), NoMasker()), SystemClock(), poll_seconds=POLL)

    async def scene():
        listening = asyncio.create_task(all_of(streams.watch("acme", run.id)))
        await asyncio.sleep(0.05)
        await asyncio.to_thread(held.queue.run)
        return await listening

    told = asyncio.run(asyncio.wait_for(scene(), 10))
    elsewhere.dispose()
    assert seqs(told) == [1, 2, 3, 4]
    assert [event.kind for event in told if event.seq is None] == ["end"]


def test_a_slow_listener_loses_live_events_and_no_stored_one(held):
    run = held.start(tool("a"))
    live, stored = MOST_KEPT + 200, MOST_KEPT + 100
    sink = held.feed.listening(begun(run.id))

    async def scene():
        told = []
        async with held.events.watch(run.id) as watch:
            listening = watch.events()
            sink.note("tool_started", "/a", tool="first")
            told.append(await anext(listening))
            for number in range(live):
                sink.note("tool_started", "/a", tool=str(number))
            with writing(held.engine.database) as connection:
                for _ in range(stored):
                    append(connection, run.id, 1, "execution_resumed", at=datetime.now(UTC))
            await asyncio.sleep(5 * POLL + 0.1)  # it does not come for its events
            held.engine.cancel("acme", run.id)
            async for event in listening:
                told.append(event)
        return told

    told = asyncio.run(asyncio.wait_for(scene(), 20))
    assert seqs(told) == list(range(1, stored + 2))
    gaps = [event.facts["lost"] for event in told if event.kind == "gap"]
    heard = sum(event.kind == "tool_started" for event in told)
    assert gaps
    assert sum(gaps) + heard == live + 1


@given(st.lists(st.sampled_from(["live", "stored", "take"]), max_size=60), st.integers(1, 8))
def test_what_is_lost_is_counted_exactly(steps, kept):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("engine.observe.channel.MOST_KEPT", kept)
        asyncio.run(count(steps))


async def count(steps):
    channel = Channel("run", head=0)
    position, told, heard, lost, seq = channel.position(), 0, 0, 0, 0
    for step in (*steps, "take"):
        if step == "take":
            new = channel.take(position)
            heard += sum(event.seq is None for event in new.events)
            lost += new.lost
        else:
            seq += step == "stored"
            told += step == "live"
            channel.tell(event_of(seq if step == "stored" else None))
    assert heard + lost == told
    assert channel.take(position).events == ()


def event_of(seq, kind="note", **facts):
    at = datetime.now(UTC)
    return RunEvent(seq=seq, execution_id="run", round=1, kind=kind, path="/a", at=at, facts=facts)


def test_only_the_newest_of_several_partial_texts_is_told():
    async def scene():
        channel = Channel("run", head=0)
        position = channel.position()
        for event in ("step_progress", "tool_started", "step_progress", "step_progress"):
            channel.tell(event_of(None, event, text="so far"))
        return [event.kind for event in channel.take(position).events]

    assert asyncio.run(scene()) == ["tool_started", "step_progress"]


def test_a_server_that_stops_ends_every_stream_without_an_end(held):
    run = held.start(tool("a"))

    async def scene():
        listening = [asyncio.create_task(all_of(held.events.watch(run.id))) for _ in range(3)]
        await asyncio.sleep(0.05)
        held.streams.stop()
        told = await asyncio.wait_for(asyncio.gather(*listening), 2)
        later = await asyncio.wait_for(all_of(held.events.watch(run.id)), 2)
        return [*told, later]

    assert asyncio.run(scene()) == [[], [], [], []]
    assert held.streams.watched == 0


def test_a_listener_that_leaves_leaves_nothing_behind(held):
    run = held.start(tool("a"))

    async def scene():
        listening = asyncio.create_task(all_of(held.events.watch(run.id)))
        await asyncio.sleep(0.05)
        assert held.streams.watched == 1
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        assert held.streams.watched == 0
        await asyncio.sleep(2 * POLL)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scene())
    assert held.feed._listeners == {}


def test_what_happens_between_asking_and_listening_is_not_missed(held):
    run = held.start(tool("a"))

    async def scene():
        first = held.events.watch(run.id)
        late = held.events.watch(run.id)
        async with first:
            listening = first.events()
            with writing(held.engine.database) as connection:
                append(connection, run.id, 1, "execution_resumed", at=datetime.now(UTC))
            assert (await anext(listening)).seq == 1
            async with late:
                return (await asyncio.wait_for(anext(late.events()), 1)).seq

    assert asyncio.run(scene()) == 1


class Failing(EventLog):
    def __init__(self, engine, error, times):
        super().__init__(engine)
        self.error, self.times = error, times

    def page(self, workspace_id, execution_id, *, after=0, limit=1000):
        if limit > 0 and self.times > 0:
            self.times -= 1
            raise self.error
        return super().page(workspace_id, execution_id, after=after, limit=limit)


def database_error(code):
    cause = sqlite3.OperationalError("no")
    cause.sqlite_errorcode = code
    return OperationalError("SELECT", {}, cause)


def test_a_database_that_comes_back_is_asked_again(over, monkeypatch):
    monkeypatch.setattr("engine.observe.events._AWAY_SECONDS", POLL)
    log = Failing(over.engine.database, database_error(sqlite3.SQLITE_BUSY), 3)
    streams = parts(over.engine, over.feed, SystemClock(), log)[1]
    told = listen(streams.watch("acme", over.run.id, after=22))
    assert [event.kind for event in told] == ["end"]
    assert log.times == 0


def test_a_log_that_can_not_be_read_ends_the_stream_without_an_end(over, caplog):
    log = Failing(over.engine.database, database_error(sqlite3.SQLITE_CORRUPT), 99)
    streams = parts(over.engine, over.feed, SystemClock(), log)[1]
    assert listen(streams.watch("acme", over.run.id, after=22)) == []
    assert "can't be read any more" in caplog.text
