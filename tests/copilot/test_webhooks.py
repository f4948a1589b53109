"""A webhook: signed so that its receiver can tell, never to a private address, once where it can be."""

import json
import socket
from datetime import UTC, datetime, timedelta

import pytest

from copilot.errors import InvalidInput
from copilot.notify import HEADER, Webhooks, is_signed, signature
from copilot.notify.webhook import encoded
from copilot.types.notice import Notice, NoticeEvent
from engine.errors import NetworkBlocked
from engine.network import OutboundPolicy, client
from tests.copilot.notice_receiver import receiving

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
BODY = b'{"text": "hello"}'
NOTICE = Notice(
    event_id="notice_1",
    event=NoticeEvent.PATTERN_STARTED,
    workspace_id="acme",
    workflow_id="mail",
    text="Your agent 'mail' keeps failing: <!channel> & co",
    at=NOW,
    details={"failures": 5},
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with receiving(tmp_path_factory.mktemp("tls")) as found:
        yield found


@pytest.fixture
def receiver(world):
    receiver, _ = world
    receiver.requests.clear()
    receiver.answers.clear()
    receiver.headers.clear()
    return receiver


@pytest.fixture
def webhooks(world):
    return Webhooks(world[1], blocked=NetworkBlocked)


def test_the_receiver_can_tell_that_it_is_ours(receiver, webhooks):
    webhooks.post(receiver.url, NOTICE, secrets=["new", "old"], at=NOW)
    ((headers, body),) = receiver.requests
    later = NOW + timedelta(minutes=1)
    assert is_signed(headers[HEADER], body, "new", now=later)
    assert is_signed(headers[HEADER], body, "old", now=later)
    assert not is_signed(headers[HEADER], body, "other", now=later)
    assert headers["Ask-Copilot-Event"] == "notice_1"


def test_the_body_is_for_slack_and_for_programs(receiver, webhooks):
    webhooks.post(receiver.url, NOTICE, secrets=["s"], at=NOW)
    data = json.loads(receiver.bodies[0])
    assert data["text"] == "Your agent 'mail' keeps failing: &lt;!channel&gt; &amp; co"
    assert data["event"] == "pattern_started"
    assert (data["event_id"], data["workspace_id"]) == ("notice_1", "acme")
    assert data["details"] == {"failures": 5}


@pytest.mark.parametrize("place", range(len(BODY)))
def test_a_bit_that_was_flipped_breaks_the_signature(place):
    header = signature(["s"], BODY, at=NOW)
    assert is_signed(header, BODY, "s", now=NOW)
    flipped = bytes(byte ^ (index == place) for index, byte in enumerate(BODY))
    assert not is_signed(header, flipped, "s", now=NOW)


@pytest.mark.parametrize("minutes", [-6, 6, 60, 60 * 24 * 365])
def test_a_signature_of_another_time_is_none(minutes):
    header = signature(["s"], BODY, at=NOW)
    assert not is_signed(header, BODY, "s", now=NOW + timedelta(minutes=minutes))


def test_the_time_is_signed_too():
    old = signature(["s"], BODY, at=NOW - timedelta(hours=1))
    fresh = old.replace(old.partition(",")[0], f"t={int(NOW.timestamp())}")
    assert not is_signed(fresh, BODY, "s", now=NOW)


@pytest.mark.parametrize(
    "header", ["", "t=1", "v1=" + "0" * 64, "t=x,v1=" + "0" * 64, "t=1,v1=zz", "t=1,v1=" + "0" * 63]
)
def test_what_is_no_signature_is_none(header):
    assert not is_signed(header, BODY, "s", now=datetime.fromtimestamp(1, UTC))


def test_a_request_that_is_sent_twice_has_the_same_event(receiver, webhooks):
    for _ in range(2):
        webhooks.post(receiver.url, NOTICE, secrets=["s"], at=NOW)
    first, second = (json.loads(body)["event_id"] for body in receiver.bodies)
    assert first == second


def test_a_redirect_is_not_followed(receiver, webhooks):
    receiver.answers.append(307)
    receiver.headers["Location"] = receiver.url
    with pytest.raises(ConnectionError, match="307, a redirect"):
        webhooks.post(receiver.url, NOTICE, secrets=["s"], at=NOW)
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
def test_an_error_may_be_none_later(receiver, webhooks, status):
    receiver.answers.append(status)
    with pytest.raises(ConnectionError, match=str(status)):
        webhooks.post(receiver.url, NOTICE, secrets=["s"], at=NOW)


def test_a_receiver_that_is_gone_is_not_asked_again(receiver, webhooks):
    receiver.answers.append(410)
    with pytest.raises(InvalidInput, match="gone"):
        webhooks.post(receiver.url, NOTICE, secrets=["s"], at=NOW)


def test_without_a_secret_nothing_is_sent(receiver, webhooks):
    with pytest.raises(ConnectionError, match="ask-copilot notices secret"):
        webhooks.post(receiver.url, NOTICE, secrets=[], at=NOW)
    assert receiver.requests == []


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "10.0.0.8",
        "169.254.169.254",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0x7f.1",
        "2130706433",
        "192.168.1.1",
        "rebound.example",
    ],
)
def test_a_private_address_is_never_reached(receiver, host):
    async def resolver(_name, _port):
        return ["127.0.0.1"]

    policy = OutboundPolicy(ports=frozenset({443, receiver.port}))
    guarded = Webhooks(lambda: client(policy, resolver=resolver), blocked=NetworkBlocked)
    with pytest.raises(InvalidInput, match="not a public one"):
        guarded.post(f"https://{host}:{receiver.port}/", NOTICE, secrets=["s"], at=NOW)
    assert receiver.requests == []


def test_only_https_is_sent(receiver, webhooks):
    with pytest.raises(InvalidInput, match="https"):
        webhooks.post(receiver.url.replace("https", "http"), NOTICE, secrets=["s"], at=NOW)


def test_an_answer_without_an_end_is_not_waited_for():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        policy = OutboundPolicy(extra=frozenset({("127.0.0.1", silent.getsockname()[1])}))
        slow = Webhooks(lambda: client(policy), blocked=NetworkBlocked, seconds=0.2)
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(ConnectionError, match=r"no answer within 0\.2 s"):
            slow.post(url, NOTICE, secrets=["s"], at=NOW)


def test_no_error_has_the_address_in_it(receiver, webhooks):
    receiver.answers.append(500)
    with pytest.raises(ConnectionError) as caught:
        webhooks.post(receiver.url + "/T0/secret-path", NOTICE, secrets=["s"], at=NOW)
    assert "secret-path" not in str(caught.value)
    assert b"secret-path" not in encoded(NOTICE)
