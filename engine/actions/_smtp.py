"""Handing messages to a mail server, one by one, and what its refusals mean."""

import re
import smtplib
import ssl
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP

from ..errors import (
    ActionFailed,
    AuthFailed,
    InvalidData,
    InvalidParameters,
    NetworkFailed,
    PermissionDenied,
    RateLimited,
    StepError,
    UpstreamFailed,
)
from ..ports import MailServer

SMTPS_PORT = 465
SECONDS = 30.0
_LIMITING = re.compile(r"rate|too many|throttl|limit|\b4\.7\.", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message with the bare addresses it goes to."""

    message: EmailMessage
    sender: str
    recipients: tuple[str, ...]


def deliver(envelopes: Sequence[Envelope], server: MailServer) -> None:
    """Hand all *envelopes* over on one connection. Blocking.

    Once a message has been accepted, or may have been, a later failure is an `ActionFailed`, which
    is not tried again: trying again would send the first ones twice. `details` then has `sent`.
    """
    sent = 0
    try:
        with _explained(server), _session(server) as session:
            for envelope in envelopes:
                _hand_over(session, envelope)
                sent += 1
    except StepError as error:
        if not sent or isinstance(error, ActionFailed):
            raise
        message = f"{error} (after {sent} of {len(envelopes)} messages were sent)"
        raise ActionFailed(
            message, **{**error.details, "kind": "in_part", "sent": sent, "cause": error.code}
        ) from error


@contextmanager
def _session(server: MailServer) -> Generator[smtplib.SMTP]:
    if server.port == SMTPS_PORT:
        secure = ssl.create_default_context()
        session: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, timeout=SECONDS, context=secure
        )
    else:
        session = smtplib.SMTP(server.host, server.port, timeout=SECONDS)
    with session:
        if server.starttls and server.port != SMTPS_PORT:
            session.starttls(context=ssl.create_default_context())
        if server.username is not None:
            session.login(server.username, server.password or "")
        yield session


def _hand_over(session: smtplib.SMTP, envelope: Envelope) -> None:
    session.ehlo_or_helo_if_needed()
    _expect(session.mail(envelope.sender), 250, who=envelope.sender)
    for recipient in envelope.recipients:
        _expect(session.rcpt(recipient), 250, 251, who=recipient)
    try:
        answer = session.data(envelope.message.as_bytes(policy=SMTP))
    except (smtplib.SMTPServerDisconnected, OSError) as error:
        raise ActionFailed(
            "The connection to the mail server was lost while a message was handed over; "
            "it may or may not have been sent",
            kind="in_doubt",
            cause="network_failed",
        ) from error
    _expect(answer, 250, who=", ".join(envelope.recipients))


def _expect(answer: tuple[int, bytes], *expected: int, who: str) -> None:
    code, text = answer
    if code not in expected:
        raise _refusal(code, text, who=who)


def _refusal(code: int, text: bytes, *, who: str) -> StepError:
    """What the reply code says (RFC 5321, 4.2; RFC 3463 for the `4.7` in the text)."""
    said = text.decode("utf-8", "replace").replace("\n", " ")[:300]
    shown = f"{code} {said}"
    if code in {530, 534, 535, 538}:
        return AuthFailed(f"The mail server refused to let us in: {shown}", status=code)
    if 400 <= code < 500 and _LIMITING.search(said):
        return RateLimited(f"The mail server limits how much may be sent: {shown}", status=code)
    if 400 <= code < 500:
        return UpstreamFailed(f"The mail server can't take the message now: {shown}", status=code)
    if code in {501, 510, 511, 513, 550, 551, 553}:
        return InvalidData(
            f"The mail server refused the address {who}: {shown}",
            kind="recipient",
            status=code,
            field="to",
            value=who,
        )
    return PermissionDenied(
        f"The mail server refused the message for {who}: {shown}", kind="mail", status=code
    )


@contextmanager
def _explained(server: MailServer) -> Generator[None]:
    where = f"{server.host}:{server.port}"
    try:
        yield
    except smtplib.SMTPResponseException as error:
        text = error.smtp_error
        said = text if isinstance(text, bytes) else str(text).encode()
        raise _refusal(error.smtp_code, said, who=server.sender) from error
    except smtplib.SMTPNotSupportedError as error:
        raise InvalidParameters(
            f"The mail server {where} can't do what its settings ask for: {error}",
            kind="mail_server",
            parameter="mail server",
        ) from error
    except (OSError, smtplib.SMTPException) as error:
        raise NetworkFailed(
            f"The mail server {where} could not be reached: {error}", name=where, sent=0
        ) from error
