"""What happens in runs, followed on a server."""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing

from ..errors import ServerUnreachable
from ..types.engine import RunEvent, Tiles
from .engine import missing
from .workspace import Workspace

#: Seconds between the end of a stream that was cut off and the next one.
PAUSE = 1.0
#: How often in a row there may be no server before that is an error: it may be starting anew.
TRIES = 10
_END = "end"


class RemoteEvents:
    """Implements `Events`."""

    def __init__(
        self, workspace: Workspace, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._at = workspace.at("executions", missing=missing("execution"))
        self._sleep = sleep

    def follow(self, execution_id: str, *, after: int = 0) -> Iterator[RunEvent]:
        """Goes on behind the last event after a cut. Raises ServerUnreachable if none comes back."""
        tries = 1  # who was never there is not waited for
        while True:
            try:
                with closing(self._told(execution_id, after)) as told:
                    for event in told:
                        if event is None:
                            return
                        tries, after = TRIES, event.seq or after
                        yield event
                tries = TRIES
            except ServerUnreachable:
                tries -= 1
                if tries == 0:
                    raise
            self._sleep(PAUSE)

    def live(self, execution_id: str) -> Tiles:
        return self._at.one(Tiles, "GET", execution_id, "live")

    def _told(self, execution_id: str, after: int) -> Generator[RunEvent | None]:
        """Stored events, until the stream is cut off; None when the run has ended."""
        known = {"Last-Event-ID": str(after)}
        with self._at.listening(execution_id, "events", headers=known) as told:
            if told is None:
                yield None
                return
            for data in told:
                event = self._at.read(RunEvent, data)
                if event.kind == _END:
                    yield None
                elif event.seq is not None and event.seq > after:
                    yield event
