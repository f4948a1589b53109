"""Notices on their way to a real mail server and a real receiver of webhooks."""

import json
import socket
from datetime import UTC
from email import message_from_bytes
from email.policy import default

import pytest
from aiosmtpd.controller import Controller

from copilot.notify import Courier, Mailed, Posted, Postman, Webhooks
from copilot.notify.courier import letter
from copilot.notify.webhook import encoded
from copilot.settings import Settings
from copilot.types.engine import StepApproval
from copilot.types.notice import NoticeState
from engine.errors import NetworkBlocked
from engine.network import client
from tests.copilot.notice_receiver import receiving
from tests.copilot.test_notices import log, notice, outbox


class Mailbox:
    def __init__(self):
        self.arrived = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.arrived.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


@pytest.fixture
def box():
    return Mailbox()


@pytest.fixture
def mail_port(box):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield port
    controller.stop()


def test_both_channels_reach_a_real_receiver(store, clock, tmp_path, box, mail_port):
    settings = Settings(
        smtp_host="127.0.0.1",
        smtp_port=mail_port,
        smtp_starttls=False,
        smtp_sender="bot@example.com",
    )
    store.notices.exchange("acme", "s")
    with receiving(tmp_path) as (receiver, reach):
        posted = Posted(
            Webhooks(reach, blocked=NetworkBlocked),
            url=lambda _: receiver.url,
            secrets=store.notices.secrets,
            now=clock,
        )
        mailed = Mailed(Postman(settings), to=lambda _: "ada@example.com")
        courier = Courier(store.notices, {"webhook": posted, "email": mailed}, now=clock)
        text = "It fails: <b>\nBcc: c@example.com"
        store.notices.add(notice(clock, text=text), ["webhook", "email"])
        assert courier.deliver() == 2
        (body,) = receiver.bodies
    (letter,) = box.arrived
    assert letter["Subject"] == "Ask Copilot, acme: a failure repeats"
    assert letter["Bcc"] is None
    assert "<b>" not in letter.get_body(("html",)).get_content()
    data = json.loads(body)
    assert data["event_id"] == "notice_1"
    assert data["at"].startswith(f"{clock().astimezone(UTC):%Y-%m-%dT%H:%M}")


def test_a_webhook_that_leads_to_a_private_address_is_given_up(store, clock, tmp_path):
    store.notices.exchange("acme", "s")
    posted = Posted(
        Webhooks(client, blocked=NetworkBlocked),
        url=lambda _: "https://169.254.169.254/latest",
        secrets=store.notices.secrets,
        now=clock,
    )
    store.notices.add(notice(clock), ["webhook"])
    Courier(store.notices, {"webhook": posted}, now=clock).deliver()
    (entry,) = log(store)
    assert entry.state is NoticeState.GIVEN_UP
    assert "not a public one" in entry.problem


def asked(clock, **fields):
    facts = {
        "execution_id": "run-1",
        "workflow_id": "prices",
        "path": "/release it",
        "step_id": "release",
        "role": None,
        "status": "waiting",
        "name": "Raise prices",
        "message": "Raise?",
        "asked_at": clock(),
    }
    return StepApproval(**{**facts, **fields})


def test_each_command_of_a_letter_is_a_line_to_copy(store, clock):
    outbox(store).runs_asking("acme", [asked(clock, role="approver")])
    (entry,) = log(store)
    sent = letter(entry)
    assert sent.text == (
        "A run of your agent 'prices' waits: 'Raise prices' is for a person with the role approver"
        " to decide.\n"
        "What it asks:\n"
        "  ask-copilot approvals run-1\n"
        "Decide (or --reject):\n"
        "  ask-copilot decide run-1 '/release it' --approve\n"
    )
    assert "<pre>ask-copilot approvals run-1</pre>" in sent.html
    assert json.loads(encoded(entry))["text"] == sent.text.removesuffix("\n").replace("<", "&lt;")
    assert sent.subject == "Ask Copilot, acme: a run is paused"


def test_what_somebody_named_makes_no_line_and_no_second_header(store, clock):
    hostile = asked(clock, name="Raise\n  rm -rf ~", workflow_id="a\r\nBcc: c@example.com")
    outbox(store).runs_asking("acme", [hostile])
    (entry,) = log(store)
    sent = letter(entry.model_copy(update={"workspace_id": "acme\nBcc: d@example.com"}))
    assert [one for one in sent.text.splitlines() if one.startswith(("  rm", "Bcc"))] == []
    assert len(sent.text.splitlines()) == 5
    assert len(sent.subject.splitlines()) == 1
