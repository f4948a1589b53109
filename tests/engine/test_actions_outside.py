"""Actions that reach out, against real servers: send_email and http_request."""

import asyncio
import email
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from email.message import Message
from email.policy import default
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from engine.actions import ActionContext, pick
from engine.actions._address import read_address
from engine.actions._answers import retry_after
from engine.errors import (
    ActionFailed,
    AuthFailed,
    Conflict,
    IntegrationNotConnected,
    InvalidData,
    InvalidParameters,
    NetworkBlocked,
    NetworkFailed,
    PermissionDenied,
    QuotaExhausted,
    RateLimited,
    ResourceNotFound,
    StepError,
    StepTimeout,
    UpstreamFailed,
)
from engine.network import OutboundPolicy
from engine.ports import MailServer
from engine.workspace import Resources


class OneSecret:
    def get(self, workspace_id: str, name: str) -> str | None:
        return self.all(workspace_id).get(name)

    def all(self, workspace_id: str) -> dict[str, str]:
        return {"CRM_TOKEN": "s3cret"} if workspace_id == "w1" else {}


def context(
    tmp_path: Path,
    *,
    mail: MailServer | None = None,
    port: int | None = None,
    effect_key: str = "e1:1:/step1",
) -> ActionContext:
    return ActionContext(
        workspace_id="w1",
        execution_id="e1",
        path="/step1",
        effect_key=effect_key,
        resources=Resources(),
        files=tmp_path,
        documents=(),
        secrets=OneSecret(),
        mail=mail,
        network=OutboundPolicy(extra=frozenset({("127.0.0.1", port)}) if port else frozenset()),
    )


def run(name: str, where: ActionContext, **parameters: Any) -> Any:
    action = pick(name)
    return asyncio.run(action.run(action.Parameters.model_validate(parameters), where))


class Mailbox:
    """Keeps what arrives; answers as its `answers` say, one a command, else with 250."""

    def __init__(self) -> None:
        self.arrived: list[tuple[Envelope, Message]] = []
        self.rcpt: dict[str, str] = {}
        self.data: list[str] = []

    async def handle_RCPT(  # noqa: N802 - the server calls it so
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.rcpt:
            return self.rcpt[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.data and (answer := self.data.pop(0)) != "250 OK":
            if answer == "hang up" and server.transport is not None:
                server.transport.close()
            return answer
        content = envelope.content
        assert isinstance(content, bytes)
        self.arrived.append((envelope, email.message_from_bytes(content, policy=default)))
        return "250 OK"


def _login(server: SMTP, session: Session, envelope: Envelope, how: str, data: Any) -> AuthResult:
    assert isinstance(data, LoginPassword)
    return AuthResult(success=data.password == b"right", handled=False)


@contextmanager
def mail_server(box: Mailbox, **options: Any) -> Iterator[MailServer]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield MailServer("127.0.0.1", port, starttls=False, sender="Copilot <bot@example.com>")
    finally:
        controller.stop()


@pytest.fixture
def box() -> Mailbox:
    return Mailbox()


@pytest.fixture
def server(box: Mailbox) -> Iterator[MailServer]:
    with mail_server(box) as server:
        yield server


def test_message_arrives_as_written(tmp_path: Path, box: Mailbox, server: MailServer) -> None:
    answer = run(
        "send_email",
        context(tmp_path, mail=server),
        to=["Jörg Müller <joerg@exämple.com>", "b@example.com"],
        cc=["c@example.com"],
        reply_to="reply@example.com",
        subject="Grüße",
        body="Zeile eins\n.Zeile zwei",
    )
    envelope, message = box.arrived[0]
    assert envelope.mail_from == "bot@example.com"
    assert envelope.rcpt_tos == ["joerg@xn--exmple-cua.com", "b@example.com", "c@example.com"]
    assert message["To"].addresses[0].display_name == "Jörg Müller"
    assert (message["Subject"], message["Reply-To"]) == ("Grüße", "reply@example.com")
    assert message.get_content().splitlines() == ["Zeile eins", ".Zeile zwei"]
    assert answer == {"sent": 1, "message_ids": [message["Message-ID"]]}


def test_a_repeat_is_recognisable_and_another_round_is_not(
    tmp_path: Path, box: Mailbox, server: MailServer
) -> None:
    for key in ("e1:1:/step1", "e1:1:/step1", "e1:2:/step1"):
        where = context(tmp_path, mail=server, effect_key=key)
        run("send_email", where, messages=[{"to": "a@example.com", "body": "x"}] * 2)
    identifiers = [message["Message-ID"] for _, message in box.arrived]
    assert identifiers[:2] == identifiers[2:4]
    assert len(set(identifiers)) == 4
    assert all(one.endswith("@example.com>") for one in identifiers)


def test_html(tmp_path: Path, box: Mailbox, server: MailServer) -> None:
    where = context(tmp_path, mail=server)
    run("send_email", where, to="a@example.com", body="<b>x</b>", format="html")
    assert box.arrived[0][1].get_content_type() == "text/html"


@pytest.mark.parametrize("subject", ["a\nBcc: x@example.com", "a\r\nX: y", "a\x00", "a\u2028b"])
def test_subject_can_not_begin_a_header(
    tmp_path: Path, box: Mailbox, server: MailServer, subject: str
) -> None:
    with pytest.raises(InvalidData, match="must be one line"):
        run(
            "send_email",
            context(tmp_path, mail=server),
            to="a@example.com",
            body="",
            subject=subject,
        )
    assert box.arrived == []


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("John Doe <john@@example.com>", "Invalid email address for contact John Doe"),
        ('"Doe, John" <john>', "Invalid email address for contact Doe, John"),
        ("john", "Invalid email address 'john'"),
        ("john@localhost", "Invalid email address 'john@localhost'"),
        ("", "Invalid email address ''"),
        ("a@example.com, b@example.com", "Invalid email address 'a@example.com, b@example.com'"),
        ("a@example.com\nBcc: b@example.com", "Invalid email address"),
        ("A\nBcc: b@example.com <a@example.com>", "Invalid email address for contact"),
        ("a b@example.com", "Invalid email address"),
        ("a@-example.com", "Invalid email address"),
        ("a@ex..com", "Invalid email address"),
        ("x" * 65 + "@example.com", "Invalid email address"),
    ],
)
def test_invalid_address_is_named_before_anything_is_sent(
    tmp_path: Path, box: Mailbox, server: MailServer, address: str, message: str
) -> None:
    messages = [{"to": "good@example.com", "body": "x"}, {"to": address, "body": "x"}]
    with pytest.raises(InvalidData) as caught:
        run("send_email", context(tmp_path, mail=server), messages=messages)
    assert str(caught.value).startswith(message)
    assert caught.value.details["field"] == "to"
    assert box.arrived == []


def test_address_forms() -> None:
    assert read_address(" a.b+c@example.com ").addr_spec == "a.b+c@example.com"
    assert str(read_address('"Doe, John" <j@example.com>')) == '"Doe, John" <j@example.com>'


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("550 5.1.1 no such user", InvalidData),
        ("451 4.3.0 try later", UpstreamFailed),
        ("450 4.7.1 rate limit exceeded", RateLimited),
        ("452 too many recipients", RateLimited),
        ("554 5.7.1 rejected as spam", PermissionDenied),
        ("530 5.7.0 authentication required", AuthFailed),
    ],
)
def test_refusals_mean_what_their_codes_say(
    tmp_path: Path, box: Mailbox, server: MailServer, answer: str, error: type[StepError]
) -> None:
    box.rcpt["a@example.com"] = answer
    with pytest.raises(error) as caught:
        run("send_email", context(tmp_path, mail=server), to="a@example.com", body="x")
    assert caught.value.details["status"] == int(answer[:3])
    assert answer[4:] in str(caught.value)


def test_failure_after_the_first_message_is_not_one_to_try_again(
    tmp_path: Path, box: Mailbox, server: MailServer
) -> None:
    box.data = ["250 OK", "451 4.7.0 rate limited"]
    with pytest.raises(ActionFailed, match="after 1 of 3 messages were sent") as caught:
        run(
            "send_email",
            context(tmp_path, mail=server),
            messages=[{"to": "a@example.com", "body": "x"}] * 3,
        )
    assert caught.value.details["sent"] == 1
    assert caught.value.details["cause"] == "rate_limited"
    assert not caught.value.retryable


def test_connection_lost_while_handing_over_may_have_sent_it(
    tmp_path: Path, box: Mailbox, server: MailServer
) -> None:
    box.data = ["hang up"]
    with pytest.raises(ActionFailed, match="may or may not have been sent"):
        run("send_email", context(tmp_path, mail=server), to="a@example.com", body="x")


@pytest.mark.filterwarnings(
    "ignore:Requiring AUTH while not requiring TLS", "ignore:Session.login_data is deprecated"
)
def test_login(tmp_path: Path, box: Mailbox) -> None:
    options = {"auth_required": True, "auth_require_tls": False, "authenticator": _login}
    with mail_server(box, **options) as plain:
        for password, error in (("right", None), ("wrong", AuthFailed)):
            server = MailServer(
                plain.host, plain.port, "user", password, starttls=False, sender=plain.sender
            )
            where = context(tmp_path, mail=server)
            if error is None:
                run("send_email", where, to="a@example.com", body="x")
            else:
                with pytest.raises(error) as caught:
                    run("send_email", where, to="a@example.com", body="x")
                assert password not in str(caught.value)
    assert len(box.arrived) == 1


def test_mail_server_that_can_not_be_used(tmp_path: Path, server: MailServer) -> None:
    message = {"to": "a@example.com", "body": "x"}
    with pytest.raises(IntegrationNotConnected):
        run("send_email", context(tmp_path), **message)
    nobody = MailServer("127.0.0.1", 1, starttls=False, sender="bot@example.com")
    with pytest.raises(NetworkFailed, match=r"127\.0\.0\.1:1 could not be reached"):
        run("send_email", context(tmp_path, mail=nobody), **message)
    encrypted = MailServer(server.host, server.port, starttls=True, sender=server.sender)
    with pytest.raises(InvalidParameters, match="can't do what its settings ask for"):
        run("send_email", context(tmp_path, mail=encrypted), **message)


class Answering(BaseHTTPRequestHandler):
    """Answers by path: /status/N, /json, /echo, /large, /slow, /wrong."""

    headers_extra: dict[str, str] = {}  # noqa: RUF012

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        sent = self.rfile.read(length).decode()
        name, _, number = self.path.partition("?")[0][1:].partition("/")
        content, kind, status = b"", "text/plain", 200
        if name == "status":
            status, content = int(number), b"the reason"
        elif name == "echo":
            kind = "application/json"
            echoed = {"path": self.path, "headers": dict(self.headers), "sent": sent}
            content = json.dumps({"method": self.command, **echoed}).encode()
        elif name == "large":
            content = b"x" * 5_000_001
        elif name == "slow":
            time.sleep(0.5)
        elif name == "wrong":
            kind, content = "application/json", b"{"
        self.send_response(status)
        for header, value in self.headers_extra.items():
            self.send_header(header, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        try:
            self.wfile.write(b"" if self.command == "HEAD" else content)
        except OSError:
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        pass


Call = Callable[..., Any]


@pytest.fixture
def call(tmp_path: Path) -> Iterator[Call]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        port = http.server_port

        def call(path: str, **parameters: Any) -> Any:
            url = f"http://127.0.0.1:{port}{path}"
            return run("http_request", context(tmp_path, port=port), url=url, **parameters)

        yield call
        http.shutdown()
        thread.join()


def test_request_carries_what_was_asked_for(call: Call) -> None:
    answer = call(
        "/echo?a=1",
        method="POST",
        query={"b": "x y"},
        headers={"Authorization": {"secret": "CRM_TOKEN", "prefix": "Bearer "}, "X-A": "b"},
        json={"day": "é", "due": date(2026, 1, 31)},
    )
    echo = answer["body"]
    assert (answer["status"], echo["method"], echo["path"]) == (200, "POST", "/echo?a=1&b=x+y")
    assert echo["headers"]["Authorization"] == "Bearer s3cret"
    assert echo["headers"]["Idempotency-Key"] == "e1:1:/step1"
    assert echo["headers"]["Content-Type"] == "application/json"
    assert json.loads(echo["sent"]) == {"day": "é", "due": "2026-01-31"}
    read = call("/echo", text=None)["body"]
    assert "Idempotency-Key" not in read["headers"]
    assert call("/echo", method="PUT", text="plain")["body"]["sent"] == "plain"
    assert call("/echo", method="HEAD")["body"] == ""


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InvalidData), (401, AuthFailed), (402, QuotaExhausted), (403, PermissionDenied),
        (404, ResourceNotFound), (408, UpstreamFailed), (409, Conflict), (410, ResourceNotFound),
        (412, Conflict), (418, InvalidData), (422, InvalidData), (429, RateLimited),
        (500, UpstreamFailed), (503, UpstreamFailed), (529, UpstreamFailed),
        (301, InvalidParameters), (304, InvalidParameters),
    ],
)  # fmt: skip
def test_status_means(call: Call, status: int, error: type[StepError]) -> None:
    with pytest.raises(error) as caught:
        call(f"/status/{status}?key=private", method="GET")
    assert type(caught.value) is error
    assert caught.value.details["status"] == status
    assert f"({status})" in str(caught.value)
    assert "private" not in str(caught.value)
    assert (caught.value.details.get("kind") == "address") == (error is ResourceNotFound)


@pytest.mark.parametrize(("status", "sent"), [(500, True), (504, True), (503, False)])
def test_failure_says_whether_it_may_have_been_done(call: Call, status: int, sent: bool) -> None:
    with pytest.raises(UpstreamFailed) as caught:
        call(f"/status/{status}", method="POST")
    assert caught.value.details["sent"] is sent


def test_rate_limit_says_when_to_come_back(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answering, "headers_extra", {"Retry-After": "7"})
    with pytest.raises(RateLimited) as caught:
        call("/status/429")
    assert caught.value.details["retry_after"] == 7.0
    assert caught.value.details["body"] == "the reason"


def test_retry_after_forms() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=100)
    assert 95 < (retry_after(format_datetime(soon, usegmt=True)) or 0) <= 100
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert retry_after("9" * 40) == 86_400.0
    assert [retry_after(text) for text in (None, "soon", "", "-5", "²")] == [None] * 5


def test_answers_that_can_not_be_used(call: Call) -> None:
    with pytest.raises(InvalidData, match="larger than 5 MB"):
        call("/large")
    with pytest.raises(InvalidData, match="says its answer is JSON, but it is not"):
        call("/wrong")
    with pytest.raises(StepTimeout, match=r"did not answer within 0\.1 s") as caught:
        call("/slow", timeout_seconds=0.1)
    assert caught.value.details["limit"] == 0.1


def test_network_errors(tmp_path: Path) -> None:
    with pytest.raises(NetworkFailed) as caught:
        run("http_request", context(tmp_path, port=1), url="http://127.0.0.1:1/")
    assert caught.value.details["sent"] is False
    with pytest.raises(NetworkBlocked, match="workflows may not reach"):
        run("http_request", context(tmp_path), url="http://127.0.0.1/")


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"url": "ftp://example.com/"}, InvalidParameters),
        ({"url": "example.com"}, InvalidParameters),
        ({"url": "http://"}, InvalidParameters),
        ({"url": "http://[::1"}, InvalidParameters),
        ({"url": "https://user:pw@example.com/"}, InvalidParameters),
        ({"url": "https://e.example/", "headers": {"Host": "x"}}, InvalidParameters),
        ({"url": "https://e.example/", "headers": {"A b": "x"}}, InvalidParameters),
        ({"url": "https://e.example/", "headers": {"A": "x\r\nB: c"}}, InvalidParameters),
        (
            {"url": "https://e.example/", "headers": {"A": {"secret": "CRM_TOKNE"}}},
            ResourceNotFound,
        ),
        ({"url": "http://e.example/", "headers": {"A": {"secret": "CRM_TOKEN"}}}, PermissionDenied),
        ({"url": "https://e.example/", "method": "POST", "json": {1, 2}}, InvalidData),
    ],
)
def test_requests_that_are_never_made(
    tmp_path: Path, parameters: dict[str, Any], error: type[StepError]
) -> None:
    with pytest.raises(error) as caught:
        run("http_request", context(tmp_path), **parameters)
    assert "s3cret" not in str(caught.value)
    if error is ResourceNotFound:
        assert str(caught.value) == "Secret 'CRM_TOKNE' is not set. Did you mean CRM_TOKEN?"
