"""Notices that are given another chance, and receivers whose name can't be looked up."""

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from copilot.bootstrap.notices import _public_client
from copilot.errors import InvalidInput
from copilot.notify import Courier, Lookup, Webhooks
from copilot.types.notice import NoticeState
from engine.errors import NetworkBlocked
from engine.network import OutboundPolicy, client
from tests.copilot.test_notices import Destination, log, notice

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@pytest.fixture
def hook():
    return Destination()


@pytest.fixture
def courier(store, hook, clock):
    return Courier(store.notices, {"webhook": hook}, now=clock)


def revived(store, hook, courier, clock):
    hook.raises = [InvalidInput("notify_webhook", "it is gone.", "")]
    store.notices.add(notice(clock), ["webhook"])
    courier.deliver()
    clock.advance(days=3)
    courier.send_again("acme", ["webhook"])


def test_what_is_sent_again_is_tried_again_after_an_error(store, hook, courier, clock):
    revived(store, hook, courier, clock)
    hook.raises = [ConnectionError("503")] * 3
    for minutes in (1, 2, 4):
        assert courier.deliver() == 0
        clock.advance(minutes=minutes)
    assert courier.deliver() == 1
    assert hook.sent == ["notice_1"]


def test_what_is_sent_again_is_given_up_after_another_day(store, hook, courier, clock):
    revived(store, hook, courier, clock)
    hook.raises = [ConnectionError("503")] * 100
    start = clock()
    while log(store)[0].state is NoticeState.WAITING:
        courier.deliver()
        clock.advance(minutes=10)
        assert clock() - start < timedelta(days=2)
    assert timedelta(hours=20) < clock() - start < timedelta(hours=25)


@pytest.fixture
def hanging(monkeypatch):
    """No name is found until the test ends; gives the look-ups that have begun and ended."""
    released, asked, answered = Event(), [], []

    def look_up(host, *_args, **_options):
        asked.append(host)
        released.wait(20)
        answered.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield asked, answered
    released.set()


def test_a_name_that_nobody_answers_for_holds_nothing_up(hanging, clock):
    asked, answered = hanging
    webhooks = Webhooks(_public_client, blocked=NetworkBlocked, seconds=0.2)
    with pytest.raises(ConnectionError, match=r"no answer within 0\.2 s"):
        webhooks.post("https://hooks.example.com/x", notice(clock), secrets=["s"], at=NOW)
    assert (asked, answered) == (["hooks.example.com"], [])


def test_look_ups_that_hang_are_not_made_without_end(hanging, clock):
    asked, _ = hanging
    lookup = Lookup(most=2)
    webhooks = Webhooks(
        lambda: client(OutboundPolicy(), resolver=lookup), blocked=NetworkBlocked, seconds=0.2
    )
    for _ in range(5):
        with pytest.raises(ConnectionError):
            webhooks.post("https://hooks.example.com/x", notice(clock), secrets=["s"], at=NOW)
    assert len(asked) == 2


def test_a_name_is_looked_up_as_the_system_does(monkeypatch):
    lookup = Lookup(most=1)
    place = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 443))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: [place])
    for _ in range(3):  # each makes room for the next
        assert asyncio.run(lookup("hooks.example.com", 443)) == ["192.0.2.1"]


@pytest.mark.parametrize(
    "error",
    [socket.gaierror(socket.EAI_NONAME, "no such name"), UnicodeError("label too long")],
    ids=["no name", "no text"],
)
def test_a_name_that_there_is_not_is_an_error(monkeypatch, clock, error):
    def look_up(*_args, **_options):
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    webhooks = Webhooks(_public_client, blocked=NetworkBlocked)
    with pytest.raises(ConnectionError, match="no connection"):
        webhooks.post("https://hooks.example.com/x", notice(clock), secrets=["s"], at=NOW)


def test_a_name_that_leads_inside_is_still_refused(monkeypatch, clock):
    place = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 443))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: [place])
    webhooks = Webhooks(_public_client, blocked=NetworkBlocked)
    with pytest.raises(InvalidInput, match="not a public one"):
        webhooks.post("https://hooks.example.com/x", notice(clock), secrets=["s"], at=NOW)
