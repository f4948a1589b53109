"""Where the calls of a chat client find their service: a server, or a data folder for a moment.

A client stays open for days, and the person must be able to approve a fix meanwhile. So a folder's
database is opened for each call, and kept open only while a run that a call has queued goes on.
"""

import logging
from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Protocol

from ...bootstrap import DELIBERATE, STORAGE_FAILURES
from ...remote import RemoteService
from ...service.protocol import Service
from ...types.engine import ExecutionStatus

#: Seconds between two looks at whether a queued run has ended.
LOOK = 0.5
_log = logging.getLogger(__name__)
_LIVE = (ExecutionStatus.QUEUED, ExecutionStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class ServerConnection:
    """One server for all calls; it carries out runs itself."""

    service: Service

    @contextmanager
    def open(self, *, starts_work: bool) -> Generator[Service]:
        yield self.service


class Opening(Protocol):
    def __call__(self, *, dispatch: bool) -> AbstractContextManager[Service]:
        """The service, opened for a `with` block. dispatch: carry out queued runs meanwhile."""
        ...


class FolderConnection:
    """A database that is opened for each call, one call at a time. Close it at the end.

    After a call that starts work the database stays open until no run is queued or running, unless
    a server has it, which does the work.
    """

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._turn = Lock()
        self._working: tuple[ExitStack, Service] | None = None
        self._closing = Event()

    @contextmanager
    def open(self, *, starts_work: bool) -> Generator[Service]:
        with self._turn, ExitStack() as stack:
            if self._working is not None:
                yield self._working[1]
                return
            service = stack.enter_context(self._opening(dispatch=starts_work))
            if starts_work and not isinstance(service, RemoteService):
                self._keep(stack.pop_all(), service)
            yield service

    def close(self) -> None:
        """Let go of the database; a run under way goes on where its work is carried out next."""
        self._closing.set()
        with self._turn:
            self._stop_working()

    def _keep(self, opened: ExitStack, service: Service) -> None:
        self._working = (opened, service)
        Thread(target=self._close_when_done, name="chat-runs", daemon=True).start()

    def _close_when_done(self) -> None:
        while not self._closing.wait(LOOK) and self._goes_on():
            pass

    def _goes_on(self) -> bool:
        """Whether a run is under way; lets go of the database when none is, or nobody can tell."""
        with self._turn:
            busy = False
            try:
                busy = self._working is not None and _busy(self._working[1])
            except (*DELIBERATE, *STORAGE_FAILURES) as error:
                _log.warning("Runs can't be followed any more: %s", type(error).__qualname__)
            finally:
                if not busy:
                    self._stop_working()
        return busy

    def _stop_working(self) -> None:
        if self._working is not None:
            stack, _ = self._working
            self._working = None
            stack.close()


def _busy(service: Service) -> bool:
    return any(service.executions.list(status=status, limit=1).executions for status in _LIVE)
