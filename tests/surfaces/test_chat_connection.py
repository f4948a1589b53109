"""A folder's database is open for one call at a time, and as long as a queued run goes on."""

import threading
import time
from contextlib import contextmanager

import pytest

from copilot.errors import StoreUnavailable
from copilot.surfaces.chat.connection import LOOK, FolderConnection
from copilot.types.engine import ExecutionPage
from tests.surfaces.chat_service import RecordingService, execution


class Folder:
    """Counts who has it open; two at once is the mistake that SQLite would refuse."""

    def __init__(self):
        self.open = 0
        self.opened = []
        self.live = False
        self.broken = None
        self.service = RecordingService(executions__list=self.runs)

    def runs(self, **_):
        if self.broken:
            raise self.broken
        return ExecutionPage(executions=(execution(),) if self.live else (), next_cursor=None)

    @contextmanager
    def __call__(self, *, dispatch):
        self.open += 1
        assert self.open == 1, "opened twice"
        self.opened.append(dispatch)
        try:
            yield self.service
        finally:
            self.open -= 1

    def wait_until_closed(self):
        deadline = time.monotonic() + 10 * LOOK
        while self.open and time.monotonic() < deadline:
            time.sleep(0.01)
        assert self.open == 0


@pytest.fixture
def folder():
    return Folder()


@pytest.fixture
def connection(folder):
    made = FolderConnection(folder)
    yield made
    made.close()
    assert folder.open == 0


def test_each_call_opens_and_closes(folder, connection):
    for _call in range(3):
        with connection.open(starts_work=False) as service:
            assert service is folder.service
        assert folder.open == 0
    assert folder.opened == [False] * 3


def test_a_run_keeps_it_open_for_the_other_calls_until_it_has_ended(folder, connection):
    with connection.open(starts_work=True):
        folder.live = True
    time.sleep(2.5 * LOOK)
    assert folder.open == 1
    with connection.open(starts_work=False) as service:
        assert service is folder.service
    assert folder.opened == [True]
    folder.live = False
    folder.wait_until_closed()
    with connection.open(starts_work=False):
        assert folder.opened == [True, False]


def test_a_call_that_fails_to_start_work_lets_go_too(folder, connection):
    with pytest.raises(ValueError, match="no"), connection.open(starts_work=True):
        raise ValueError("no")
    folder.wait_until_closed()


def test_a_second_run_is_carried_out_by_what_is_open(folder, connection):
    folder.live = True
    for _call in range(2):
        with connection.open(starts_work=True):
            pass
    assert folder.opened == [True]
    folder.live = False
    folder.wait_until_closed()


def test_when_nobody_can_tell_how_the_run_is_the_folder_is_let_go(folder, connection):
    folder.broken = StoreUnavailable("gone")
    with connection.open(starts_work=True):
        pass
    folder.wait_until_closed()


def test_closing_lets_go_although_a_run_is_under_way(folder):
    connection = FolderConnection(folder)
    folder.live = True
    with connection.open(starts_work=True):
        pass
    connection.close()
    assert folder.open == 0


def test_calls_at_the_same_time_wait_for_each_other(folder, connection):
    def call():
        with connection.open(starts_work=False):
            time.sleep(0.01)

    threads = [threading.Thread(target=call) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert folder.opened == [False] * 10
