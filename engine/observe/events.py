"""Watching a run: everything in its log from any point on, and what it tells live as it goes on.

The log is asked a few times a second, once for everybody in this process who watches the run, so
it does not matter which process carries it out. What is only told live reaches those in the same
process.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from sqlalchemy.exc import SQLAlchemyError

from ..errors import NotFound
from ..ports import Clock
from ..storage.events import MOST_IN_A_PAGE, EventLog, EventPage, RunEvent
from ..storage.failures import may_pass
from .channel import Channel, Closing, Position, Told
from .feed import Feed
from .live import LiveTiles
from .tiles import Tiles

_log = logging.getLogger(__name__)
POLL_SECONDS = 0.2
_AWAY_SECONDS = 1.0


class EventStreams:
    """Everybody in this process who watches a run, on any event loops."""

    def __init__(
        self, log: EventLog, feed: Feed, clock: Clock, *, poll_seconds: float = POLL_SECONDS
    ) -> None:
        self._log = log
        self._feed = feed
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._stopping = False
        self._followed: dict[tuple[asyncio.AbstractEventLoop, str], _Followed] = {}

    def stop(self) -> None:
        """Ends every stream within a poll, in order, so that a server can stop; also later ones.

        May be called in a signal's handler.
        """
        self._stopping = True

    @property
    def watched(self) -> int:
        """How many runs somebody watches: the log is asked for each of them."""
        return len(self._followed)

    def page(
        self, workspace_id: str, execution_id: str, *, after: int = 0, limit: int = MOST_IN_A_PAGE
    ) -> EventPage:
        """Stored events behind number *after*. Raises `NotFound`."""
        return self._log.page(workspace_id, execution_id, after=after, limit=limit)

    def watch(self, workspace_id: str, execution_id: str, *, after: int = 0) -> "Watch":
        """Everything behind number *after*, to be listened to with `async with`; reads the log once.

        Who claims to know more than there is, gets what is new. Raises `NotFound`.
        """
        now = self._log.page(workspace_id, execution_id, limit=0)
        return Watch(self, workspace_id, now, execution_id, after=min(after, now.last_seq))

    def marker(self, execution_id: str, kind: str, **facts: Any) -> RunEvent:
        """An event about the stream itself."""
        return RunEvent(
            seq=None,
            execution_id=execution_id,
            round=0,
            kind=kind,
            at=self._clock.now(),
            facts=facts,
        )

    def join(self, workspace_id: str, execution_id: str, *, head: int) -> Channel:
        """The channel of the run on this event loop; asks the log from *head* on if it is new."""
        key = (asyncio.get_running_loop(), execution_id)
        followed = self._followed.get(key)
        if followed is None or followed.channel.closing is not None:
            channel = Channel(execution_id, head=head)
            self._feed.listen(execution_id, channel.tell)
            task = asyncio.create_task(self._follow(workspace_id, channel))
            followed = self._followed[key] = _Followed(channel, task)
        followed.channel.listeners += 1
        return followed.channel

    def leave(self, channel: Channel) -> None:
        """One listener less; after the last nobody asks the log any more."""
        channel.listeners -= 1
        if channel.listeners > 0:
            return
        self._feed.leave(channel.execution_id, channel.tell)
        key = (asyncio.get_running_loop(), channel.execution_id)
        followed = self._followed.get(key)
        if followed is not None and followed.channel is channel:
            del self._followed[key]
            followed.task.cancel()

    async def _follow(self, workspace_id: str, channel: Channel) -> None:
        """Tells what is new in the log until the run has ended or the server stops."""
        closing = Closing.BROKEN
        try:
            while not self._stopping:
                page = await self._ask(workspace_id, channel)
                for event in page.events if page else ():
                    channel.tell(event)
                    channel.head = event.seq or channel.head
                if page is not None and page.is_last:
                    closing, channel.status = Closing.RUN_ENDED, page.status
                    return
                if page is None or page.last_seq == channel.head:
                    await asyncio.sleep(self._poll_seconds if page else _AWAY_SECONDS)
            closing = Closing.STOPPED
        except NotFound:
            _log.info("The execution %s was deleted while it was watched.", channel.execution_id)
        except SQLAlchemyError:
            _log.exception("The events of %s can't be read any more.", channel.execution_id)
        finally:
            channel.close(closing)

    async def _ask(self, workspace_id: str, channel: Channel) -> EventPage | None:
        """None while the database is away."""
        try:
            return await asyncio.to_thread(
                self._log.page, workspace_id, channel.execution_id, after=channel.head
            )
        except SQLAlchemyError as error:
            if not may_pass(error):
                raise
            return None


@dataclass(frozen=True, slots=True)
class _Followed:
    channel: Channel
    task: asyncio.Task[None]


class Watch:
    """One listener: `async with` it, then `async for event in watch.events()`.

    No stored event is left out or comes twice, however slow the listener is. Of live events a slow
    one loses some: in their place comes a `gap` that says how many. The last event of a run that
    has ended is `end`; without it the stream was cut off and can be taken up again.
    """

    def __init__(
        self,
        streams: EventStreams,
        workspace_id: str,
        now: EventPage,
        execution_id: str,
        *,
        after: int,
    ) -> None:
        self._streams = streams
        self._workspace_id = workspace_id
        self._execution_id = execution_id
        self._known = now
        self._seq = after
        self._channel: Channel | None = None
        self._position = Position(0, 0)
        self._behind = now.last_seq

    @property
    def has_all(self) -> bool:
        """The run has ended, and nothing is left to tell."""
        return self._known.status.is_terminal and self._seq >= self._known.last_seq

    async def __aenter__(self) -> Self:
        self._channel = self._streams.join(
            self._workspace_id, self._execution_id, head=self._known.last_seq
        )
        self._position = self._channel.position()
        self._behind = max(self._behind, self._channel.head)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._channel is not None:
            self._streams.leave(self._channel)
            self._channel = None

    async def events(self) -> AsyncIterator[RunEvent]:
        """In the order of the log; live ones in between as they come. Inside `async with` only."""
        channel = self._channel
        if channel is None:
            raise RuntimeError("A watch is entered before it is listened to.")
        async for event in self._stored(upto=self._behind):
            yield event
        closing = None
        while closing is None:
            news, closing = channel.news, channel.closing
            told = channel.take(self._position)
            async for event in self._in_order(told):
                yield event
            if closing is None and not told.events:
                await news.wait()
        if closing is Closing.RUN_ENDED:
            async for event in self._stored(upto=channel.head):
                yield event
            yield self._streams.marker(self._execution_id, "end", status=channel.status)

    async def _in_order(self, told: Told) -> AsyncIterator[RunEvent]:
        """What was told, with what has to come before it; nothing twice."""
        if told.lost:
            yield self._streams.marker(self._execution_id, "gap", lost=told.lost)
        for event in told.events:
            if event.seq is None:
                yield event
            elif event.seq > self._seq:
                async for missed in self._stored(upto=event.seq - 1):
                    yield missed
                self._seq = event.seq
                yield event

    async def _stored(self, *, upto: int) -> AsyncIterator[RunEvent]:
        """From the log, what is still to be told up to number *upto*."""
        while self._seq < upto:
            page = await self._page(limit=min(MOST_IN_A_PAGE, upto - self._seq))
            for event in page.events:
                self._seq = event.seq or self._seq
                yield event
            if not page.events:
                return

    async def _page(self, *, limit: int) -> EventPage:
        return await asyncio.to_thread(
            self._streams.page,
            self._workspace_id,
            self._execution_id,
            after=self._seq,
            limit=limit,
        )


class WorkspaceEvents:
    """The events and tiles of one workspace's runs. Override to check permissions."""

    def __init__(self, streams: EventStreams, tiles: LiveTiles, workspace_id: str) -> None:
        self._streams = streams
        self._tiles = tiles
        self._workspace_id = workspace_id

    def page(self, execution_id: str, *, after: int = 0, limit: int = MOST_IN_A_PAGE) -> EventPage:
        """Stored events behind number *after*. Raises `NotFound`."""
        return self._streams.page(self._workspace_id, execution_id, after=after, limit=limit)

    def watch(self, execution_id: str, *, after: int = 0) -> Watch:
        """Everything behind number *after*, as it happens. Raises `NotFound`."""
        return self._streams.watch(self._workspace_id, execution_id, after=after)

    def follow(
        self, execution_id: str, *, after: int = 0, poll_seconds: float = POLL_SECONDS
    ) -> Iterator[RunEvent]:
        """The same for a thread: stored events, until the run has ended. Raises `NotFound`."""
        while True:
            page = self.page(execution_id, after=after)
            yield from page.events
            if page.is_last:
                return
            if page.events:
                after = page.events[-1].seq or after
            else:
                time.sleep(poll_seconds)

    def live(self, execution_id: str) -> Tiles:
        """Tokens, cost, what it is doing and how long it takes, as of now. Raises `NotFound`."""
        return self._tiles.live(self._workspace_id, execution_id)
