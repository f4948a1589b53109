"""Letters reach a real mail server, and what it refuses is said in words."""

import socket
import ssl
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from threading import Thread

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from copilot.errors import InvalidInput
from copilot.notify import Letter, Postman, ScheduleMail, read_addresses
from copilot.settings import Settings
from copilot.types.engine import ScheduleNotice

LETTER = Letter(subject="1 failed run", text="Grüße\n", html="<p>Grüße</p>\n", identity="night_1")


class Mailbox:
    def __init__(self):
        self.arrived = []
        self.refuse = {}

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if "data" in self.refuse:
            return self.refuse["data"]
        self.arrived.append((envelope, message_from_bytes(envelope.content, policy=default)))
        return "250 OK"


@contextmanager
def serving(box, **options):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


@pytest.fixture
def box():
    return Mailbox()


@pytest.fixture
def port(box):
    with serving(box) as port:
        yield port


def postman(port, *, seconds=5.0, deadline=10.0, **settings):
    facts = {
        "smtp_host": "127.0.0.1",
        "smtp_port": port,
        "smtp_starttls": False,
        "smtp_sender": "Copilot <bot@example.com>",
    }
    return Postman(Settings.model_validate(facts | settings), seconds=seconds, deadline=deadline)


def test_a_letter_arrives_in_both_forms_at_every_address(box, port):
    to = "Ana Müller <ana@exämple.com>, b@example.com"
    assert postman(port).send(LETTER, to) == "sent to 2"
    ((envelope, message),) = box.arrived
    assert envelope.mail_from == "bot@example.com"
    assert envelope.rcpt_tos == ["ana@xn--exmple-cua.com", "b@example.com"]
    assert message["Subject"] == "1 failed run"
    assert message["To"].addresses[0].display_name == "Ana Müller"
    assert message.get_body(("plain",)).get_content().strip() == "Grüße"
    assert message.get_body(("html",)).get_content().strip() == "<p>Grüße</p>"
    assert message["Auto-Submitted"] == "auto-generated"


def test_the_same_letter_again_can_be_recognised(box, port):
    for identity in ("night_1", "night_1", "night_2"):
        letter = Letter(LETTER.subject, LETTER.text, LETTER.html, identity)
        postman(port).send(letter, "a@example.com")
    first, second, third = (message["Message-ID"] for _, message in box.arrived)
    assert first == second != third
    assert first.endswith("@example.com>")


def test_an_address_that_is_refused_does_not_keep_the_letter_from_the_others(box, port):
    box.refuse["b@example.com"] = "550 no such user"
    answer = postman(port).send(LETTER, "a@example.com, b@example.com")
    assert answer == "sent to 1, not to b@example.com: 550 no such user"
    assert len(box.arrived) == 1


def test_a_letter_that_everybody_refuses_is_not_sent(box, port):
    box.refuse["b@example.com"] = "550 no such user"
    answer = postman(port).send(LETTER, "b@example.com")
    assert answer == f"not sent: 127.0.0.1:{port} refused b@example.com: 550 no such user"


def test_what_the_server_answers_is_told(box, port):
    box.refuse["data"] = "452 disk is full"
    answer = postman(port).send(LETTER, "a@example.com")
    assert answer == f"not sent: 127.0.0.1:{port} answered 452 disk is full"


def test_a_password_that_is_wrong_is_told_without_it(box):
    def refuse(server, session, envelope, mechanism, data):
        return AuthResult(success=False, handled=False)

    options = {"auth_require_tls": False, "authenticator": refuse}
    with serving(box, **options) as port:
        answer = postman(port, smtp_username="bot", smtp_password="geheim-123").send(
            LETTER, "a@example.com"
        )
    assert answer.startswith(f"not sent: 127.0.0.1:{port} answered 535")
    assert "geheim" not in answer


def test_without_starttls_nothing_is_sent_when_the_settings_insist_on_it(box, port):
    answer = postman(port, smtp_starttls=True).send(LETTER, "a@example.com")
    assert answer == f"not sent: 127.0.0.1:{port}: STARTTLS extension not supported by server."
    assert box.arrived == []


def test_a_certificate_nobody_vouches_for_is_refused(box, tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*self_signed(tmp_path))
    with serving(box, tls_context=context) as port:
        answer = postman(port, smtp_starttls=True).send(LETTER, "a@example.com")
    assert answer.startswith(f"not sent: 127.0.0.1:{port}: ")
    assert "CERTIFICATE_VERIFY_FAILED" in answer
    assert box.arrived == []


def self_signed(folder):
    import subprocess

    certificate, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1"]
    subprocess.run(
        [*command, "-days", "1", "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    return certificate, key


def test_a_server_that_is_not_there_is_told():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    answer = postman(port).send(LETTER, "a@example.com")
    assert answer.startswith(f"not sent: 127.0.0.1:{port}: ")


@contextmanager
def a_tarpit():
    """A server that sends one character of its greeting now and then, and never ends it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip():
            line, _ = server.accept()
            with line:
                try:
                    while True:
                        line.sendall(b"2")
                        time.sleep(0.05)
                except OSError:
                    return

        thread = Thread(target=drip)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)
        assert not thread.is_alive(), "the connection was never given up"


def test_a_server_that_dawdles_is_given_up():
    with a_tarpit() as port:
        started = time.monotonic()
        answer = postman(port, deadline=0.5).send(LETTER, "a@example.com")
        assert time.monotonic() - started < 3
    assert answer == (f"not sent: 127.0.0.1:{port} took longer than 0.5 s; it may still arrive")


@pytest.mark.parametrize(
    "to",
    [
        "",
        " , ",
        "nobody",
        "a@b",
        "a@example.com\nBcc: c@example.com",
        "a@example.com\r\n\r\nbody",
        "Ana\u202e <a@example.com>",
        "a b@example.com",
        "a@exam ple.com",
        ",".join(f"a{n}@example.com" for n in range(21)),
    ],
)
def test_addresses_that_are_none_are_refused(box, port, to):
    with pytest.raises(InvalidInput, match="nightly_digest_to"):
        read_addresses(to)
    assert postman(port).send(LETTER, to).startswith("not sent: nightly_digest_to: ")
    assert box.arrived == []


def test_a_subject_can_not_begin_another_header(box, port):
    letter = Letter("x\nBcc: c@example.com", "", "", "night_1")
    assert postman(port).send(letter, "a@example.com") == (
        "not sent: subject: it must be one line of text."
    )


def test_settings_that_are_missing_are_named():
    nowhere = Postman(Settings(smtp_sender="bot@example.com"))
    assert nowhere.send(LETTER, "a@example.com") == (
        "not sent: ASK_COPILOT_SMTP_HOST: no mail server is set."
    )
    nobody = Postman(Settings(smtp_host="127.0.0.1"))
    assert nobody.send(LETTER, "a@example.com").startswith("not sent: ASK_COPILOT_SMTP_SENDER: ")


NOTICE = ScheduleNotice(
    id="notice-1",
    kind="pause_near",
    workspace_id="acme",
    workflow_id="my report",
    workflow_name="Report <b>",
    reason="step_failed",
    failures=2,
    limit=3,
    execution_id="run-1",
    text="Your agent 'Report <b>' is paused after one more failure of this kind. Two failed.",
    at=datetime(2026, 3, 1, 9, tzinfo=UTC),
)


def schedule_mail(port, to="ada@example.com", **settings):
    mail = {"smtp_host": "127.0.0.1", "smtp_sender": "bot@example.com", "smtp_starttls": False}
    return ScheduleMail(
        Settings(**{**mail, **settings}, smtp_port=port), to=lambda _workspace: to, seconds=5
    )


def test_who_is_to_know_is_told_before_a_schedule_is_paused(box, port):
    schedule_mail(port).notify(NOTICE)
    (envelope, message) = box.arrived[0]
    assert envelope.rcpt_tos == ["ada@example.com"]
    assert message["Subject"] == (
        "Ask Copilot, acme: your agent 'Report <b>' is about to be paused"
    )
    text = message.get_body(("plain",)).get_content()
    assert NOTICE.text in text
    assert "ask-copilot analyze run-1" in text
    assert "unpause" not in text
    page = message.get_body(("html",)).get_content()
    assert "Report &lt;b&gt;" in page
    assert "<b>" not in page


def test_who_is_told_of_a_pause_is_told_how_to_lift_it(box, port):
    schedule_mail(port).notify(NOTICE.model_copy(update={"kind": "paused", "execution_id": None}))
    text = box.arrived[0][1].get_body(("plain",)).get_content()
    assert "ask-copilot workflows unpause 'my report'" in text
    assert "analyze" not in text


def test_the_same_notice_is_the_same_letter(box, port):
    mail = schedule_mail(port)
    mail.notify(NOTICE)
    mail.notify(NOTICE)
    first, second = (message["Message-ID"] for _, message in box.arrived)
    assert first == second


def test_a_workspace_that_wants_no_mail_has_it_in_the_log(port, caplog):
    schedule_mail(port, to="").notify(NOTICE)
    assert f"Workspace acme: {NOTICE.text}" in caplog.text


def test_what_can_never_be_sent_is_not_tried_again(caplog):
    nowhere = ScheduleMail(Settings(), to=lambda _workspace: "ada@example.com")
    nowhere.notify(NOTICE)
    assert "ASK_COPILOT_SMTP_HOST" in caplog.text
    schedule_mail(9, to="ada").notify(NOTICE)
    assert "schedule_notices_to: 'ada' is no e-mail address." in caplog.text


def test_a_server_that_is_not_there_is_asked_again(caplog):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(ConnectionError):
        schedule_mail(port).notify(NOTICE)
    assert "A notice of workspace acme was not sent" in caplog.text


def test_what_a_workflow_is_called_can_not_begin_another_header(box, port):
    named = NOTICE.model_copy(update={"workflow_name": "x\nBcc: c@example.com"})
    schedule_mail(port).notify(named)
    (envelope, message) = box.arrived[0]
    assert message["Bcc"] is None
    assert envelope.rcpt_tos == ["ada@example.com"]
