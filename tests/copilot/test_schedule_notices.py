"""A schedule whose runs fail: people are told by e-mail first, then it is paused, as they have set."""

import socket
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default

import pytest
from aiosmtpd.controller import Controller

from copilot.bootstrap import open_app
from copilot.settings import load
from tests.copilot.workflow_bench import PATIENCE, Bench, tool

TICKS = 12


class Mailbox:
    def __init__(self):
        self.subjects = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        message = message_from_bytes(envelope.content, policy=default)
        self.subjects.append((envelope.rcpt_tos, message["Subject"]))
        return "250 OK"


@pytest.fixture
def box():
    return Mailbox()


@pytest.fixture
def app(tmp_path, box):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    mail = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_starttls": False}
    sender = {"smtp_sender": "bot@acme.example"}
    with open_app(load({}, data=tmp_path, **mail, **sender)) as app:
        yield app
    controller.stop()


def ticks(bench):
    """A minute after the other, each when the runs of the one before have ended."""
    moment = datetime.now(UTC)
    for _ in range(TICKS):
        moment += timedelta(minutes=1)
        bench.app.engine.schedules.tick(moment)
        for run in bench.service.executions.list().executions:
            bench.service.executions.wait(run.id, PATIENCE)
        yield


def test_people_are_told_before_a_schedule_is_paused_and_when_it_is(app, box):
    bench = Bench(app)
    bench.service.account.set_settings(
        {
            "schedule_failures": 2,
            "schedule_gap_minutes": 0,
            "schedule_notices_to": "ada@acme.example",
        }
    )
    trigger = {"type": "schedule", "schedule": "1m"}
    bench.put(tool("read", "read_sheet", file="gone.csv"), trigger=trigger)
    told_before = None
    for _ in ticks(bench):
        pause = bench.service.workflows.get("w").paused
        if pause is not None:
            told_before = list(box.subjects) if told_before is None else told_before
        if len(box.subjects) == 2:
            break
    prefix = f"Ask Copilot, {bench.workspace}: your agent 'Outreach'"
    assert box.subjects == [
        (["ada@acme.example"], f"{prefix} is about to be paused"),
        (["ada@acme.example"], f"{prefix} is paused"),
    ]
    assert told_before
    assert told_before[0][1].endswith("is about to be paused")
    assert {run.trigger for run in bench.service.executions.list().executions} == {"schedule"}
