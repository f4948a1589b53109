"""An engine whose runs can be watched, for tests of its events and tiles."""

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from engine.dispatch.inline import InlineDispatcher
from engine.engine import Engine
from engine.observe.events import EventStreams, WorkspaceEvents
from engine.observe.feed import Feed
from engine.observe.live import LiveTiles
from engine.ports import Clock
from engine.run.context import NoMasker, SystemClock
from engine.storage.definitions import DefinitionStore
from engine.storage.events import EventLog
from engine.storage.executions import ExecutionStore
from engine.storage.journal import Begun, Ticket
from engine.storage.records import Totals
from engine.testing import actions, inline_engine, workflow

POLL = 0.02


@dataclass
class Watched:
    engine: Engine
    queue: InlineDispatcher
    clock: Clock
    feed: Feed
    log: EventLog
    streams: EventStreams
    tiles: LiveTiles

    def at(self, workspace_id):
        return WorkspaceEvents(self.streams, self.tiles, workspace_id)

    @property
    def events(self):
        return self.at("acme")

    def start(self, *steps, **settings):
        self.engine.put_workflow("acme", workflow(*steps, **settings), workflow_id="w")
        return self.engine.submit("acme", "w")

    def told(self, run):
        """What the log has, as (kind, path)."""
        return [(one.kind, one.path) for one in self.log.page("acme", run.id).events]


def parts(engine, feed, clock, log=None):
    definitions = DefinitionStore(engine.database, clock)
    executions = ExecutionStore(engine.database, definitions)
    log = log or EventLog(engine.database)
    streams = EventStreams(log, feed, clock, poll_seconds=POLL)
    return log, streams, LiveTiles(engine.database, definitions, executions, feed, clock)


@contextmanager
def watched_engine(folder, *, hold=False, masker=None, clock=None, **ports):
    clock, masker = clock or SystemClock(), masker or NoMasker()
    feed, queue = Feed(clock, masker), InlineDispatcher(hold=hold)
    ports = {"actions": actions()} | ports
    with inline_engine(
        folder, dispatcher=queue, masker=masker, clock=clock, listening=feed.listening, **ports
    ) as engine:
        yield Watched(engine, queue, clock, feed, *parts(engine, feed, clock))


async def all_of(watch):
    """Everything a watch tells until it ends."""
    async with watch:
        return [event async for event in watch.events()]


def listen(watch, limit=10):
    return asyncio.run(asyncio.wait_for(all_of(watch), limit))


def begun(execution_id):
    """A first round that begins now."""
    return Begun(
        ticket=Ticket(execution_id, 1, 1, "token"),
        workspace_id="acme",
        workflow_id="w",
        inputs={},
        timeout_seconds=None,
        round_started_at=datetime.now(UTC),
        steps=(),
        spent=Totals(),
    )
