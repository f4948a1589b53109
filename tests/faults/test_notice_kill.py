"""kill -9 between an event and its delivery: it is told once, or twice under the same id."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from copilot.notify import Courier, Posted, Webhooks
from copilot.storage.notices import NoticeStore
from copilot.storage.store import Store
from copilot.testing import ManualClock
from copilot.types.notice import Notice, NoticeEvent
from engine.errors import NetworkBlocked
from tests.copilot.notice_receiver import reach, receiving
from tests.copilot.storage_builders import sqlite_engine

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import os, signal, sys
from pathlib import Path
import copilot.notify.courier
from copilot.notify import Posted
from copilot.storage.notices import NoticeStore
from tests.faults import test_notice_kill as scene

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

def then_die(call):
    def called(*args, **kwargs):
        call(*args, **kwargs)
        die()
    return called

{arrange}
scene.tell(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
"""
#: Where the process dies, and how often the receiver has been told by the end.
MOMENTS = {
    "before anything is sent": ("NoticeStore.due = die", 1),
    "after it was claimed": ("NoticeStore.claim = then_die(NoticeStore.claim)", 1),
    "before the request": ("Posted.send = die", 1),
    "after the request": ("Posted.send = then_die(Posted.send)", 2),
    "after it was marked": ("NoticeStore.sent = then_die(NoticeStore.sent)", 1),
}


def tell(database: Path, url: str, port: int, certificate: Path) -> None:
    """An event and its delivery, as one process does them."""
    clock = ManualClock()
    store, courier = _opened(database, url, reach(certificate, port), clock)
    if not store.page("acme").items:
        store.add(
            Notice(
                event_id="notice_1",
                event=NoticeEvent.PATTERN_STARTED,
                workspace_id="acme",
                workflow_id="mail",
                text="It fails.",
                at=clock(),
            ),
            ["webhook"],
        )
    courier.deliver()


def _opened(database, url, client, clock) -> tuple[NoticeStore, Courier]:
    notices = Store.open(sqlite_engine(database), clock=clock).notices
    posted = Posted(
        Webhooks(client, blocked=NetworkBlocked),
        url=lambda _: url,
        secrets=lambda _: ("s",),
        now=clock,
    )
    return notices, Courier(notices, {"webhook": posted}, now=clock)


@pytest.mark.parametrize("moment", MOMENTS)
def test_it_is_told_all_the_same(moment, tmp_path):
    arrange, times = MOMENTS[moment]
    database = tmp_path / "copilot.sqlite"
    with receiving(tmp_path) as (receiver, client):
        ran = subprocess.run(
            [
                sys.executable,
                "-c",
                SCRIPT.format(arrange=arrange),
                str(database),
                receiver.url,
                str(receiver.port),
                str(tmp_path / "cert.pem"),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == -signal.SIGKILL, ran.stderr
        clock = ManualClock()
        clock.advance(minutes=3)
        store, courier = _opened(database, receiver.url, client, clock)
        courier.deliver()
        assert courier.deliver() == 0
    events = [json.loads(body)["event_id"] for body in receiver.bodies]
    assert events == ["notice_1"] * times
    assert [one.state.value for one in store.page("acme").items] == ["sent"]
