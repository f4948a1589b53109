"""What a model has said so far, told to whoever watches while it goes on."""

import asyncio
import threading
from dataclasses import dataclass, field

from ..ports import EventSink, SecretMasker

LONGEST_SHOWN = 2000
SMALLEST_NEWS = 80


@dataclass(slots=True)
class PartialText:
    """Collects the pieces of one answer; at most one note for 80 new characters.

    The end of the text is told, up to 2000 characters, with known secrets masked in it as a whole,
    so that none slips through in two pieces.
    """

    events: EventSink
    masker: SecretMasker
    path: str
    turn: int
    _pieces: list[str] = field(default_factory=list[str])
    _news: int = 0
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    _thread: int = field(default_factory=threading.get_ident)

    def take(self, piece: str) -> None:
        """One more piece, in any thread."""
        if threading.get_ident() == self._thread:
            self._take(piece)
        else:
            self._loop.call_soon_threadsafe(self._take, piece)

    def _take(self, piece: str) -> None:
        self._pieces.append(piece)
        self._news += len(piece)
        if self._news >= SMALLEST_NEWS:
            self.tell()

    def tell(self) -> None:
        """Notes what has come since the last time, if anything has."""
        if not self._news:
            return
        self._news = 0
        text = self.masker.mask("".join(self._pieces))
        shown = text[-LONGEST_SHOWN:]
        self.events.note(
            "step_progress",
            self.path,
            turn=self.turn,
            text=shown,
            truncated=len(shown) < len(text),
        )
