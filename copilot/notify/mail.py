"""Telling people by e-mail, through the mail server of the settings.

What could not be sent is said in words: whoever sends a letter has something more important to do
than to fail for it. Who can try again later is told by an error instead.
"""

import hashlib
import queue
import re
import smtplib
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from threading import Thread
from typing import Any

from ..characters import has_hidden
from ..errors import InvalidInput
from ..settings import Settings

SMTPS_PORT = 465
#: Seconds for one answer of the server, and for the whole of it.
SECONDS = 15.0
DEADLINE = 60.0
MOST_ADDRESSES = 20

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Letter:
    """A message in both forms. The same `identity` gives the same Message-ID."""

    subject: str
    text: str
    html: str
    identity: str


class Postman:
    """Hands letters to the mail server that the settings name."""

    def __init__(
        self,
        settings: Settings,
        *,
        seconds: float = SECONDS,
        deadline: float = DEADLINE,
        where: str = "nightly_digest_to",
    ) -> None:
        """where: what the addresses are from."""
        self._settings = settings
        self._where = where
        self._seconds = seconds
        self._deadline = deadline

    def send(self, letter: Letter, to: str) -> str:
        """Send *letter* to the addresses in *to*, with commas between. Blocks up to a minute.

        Gives 'sent to 2', 'sent to 1, not to b@example.com: …', or 'not sent: …'.
        """
        try:
            return self.hand_over(letter, to)
        except (InvalidInput, ConnectionError) as error:
            return f"not sent: {error}"

    def hand_over(self, letter: Letter, to: str) -> str:
        """`send` for whoever tries again.

        Raises InvalidInput for what can't be sent at all: no mail server, an address that is none.
        Raises ConnectionError, with a sentence, when the server has not taken it for anybody.
        """
        recipients = read_addresses(to, where=self._where)
        message = _compose(letter, self._sender(), recipients)
        posting = _Posting(self._settings, message, recipients, seconds=self._seconds)
        return posting.within(self._deadline)

    def _sender(self) -> Address:
        if self._settings.smtp_host is None:
            raise InvalidInput("ASK_COPILOT_SMTP_HOST", "no mail server is set.", "")
        return _read_address(self._settings.smtp_sender, where="ASK_COPILOT_SMTP_SENDER")


def read_addresses(text: str, *, where: str = "nightly_digest_to") -> tuple[Address, ...]:
    """The addresses in *text*, with commas between; each may have a name before it.

    Raises InvalidInput for one that is not an address or could begin another header, for none,
    and for more than 20.
    """
    parts = [part for part in text.split(",") if part.strip()]
    if not 1 <= len(parts) <= MOST_ADDRESSES:
        raise InvalidInput(where, f"{len(parts)} addresses.", f"Give 1 to {MOST_ADDRESSES}.")
    return tuple(_read_address(part, where=where) for part in parts)


def _read_address(text: str, *, where: str) -> Address:
    written = text.strip()
    if has_hidden(written) or "\n" in written or "\t" in written:
        raise InvalidInput(where, "an address has a character that can't be seen.", "")
    name, plain = _split(written)
    local, _, domain = plain.rpartition("@")
    ascii_domain = _ascii_domain(domain)
    if ascii_domain is None or len(plain) > 254 or _LOCAL.fullmatch(local) is None:
        raise InvalidInput(where, f"{written[:100]!r} is no e-mail address.", "")
    return Address(display_name=name, username=local, domain=ascii_domain)


def _split(written: str) -> tuple[str, str]:
    """The name and the address of `Ana <ana@example.com>`, whose name may be left out."""
    before, bracket, inside = written.partition("<")
    if not bracket:
        return "", written
    return before.strip().strip('"').strip(), inside.removesuffix(">").strip()


def _ascii_domain(domain: str) -> str | None:
    try:
        ascii_domain = domain.encode("idna").decode()
    except UnicodeError:
        return None
    labels = ascii_domain.split(".")
    fits = len(labels) > 1 and all(_LABEL.fullmatch(label) for label in labels)
    return ascii_domain if fits else None


def _compose(letter: Letter, sender: Address, recipients: Sequence[Address]) -> EmailMessage:
    if not letter.subject.isprintable():
        raise InvalidInput("subject", "it must be one line of text.", "")
    message = EmailMessage()
    message["From"] = sender
    message["To"] = tuple(recipients)
    message["Subject"] = letter.subject
    message["Date"] = datetime.now(UTC)
    digest = hashlib.sha256(letter.identity.encode()).hexdigest()[:32]
    message["Message-ID"] = f"<{digest}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    return message


class _Plain(smtplib.SMTP):
    """Known to its posting before it connects: the greeting may never end."""

    def __init__(self, posting: "_Posting", host: str, port: int, *, seconds: float) -> None:
        self._posting = posting
        super().__init__(host, port, timeout=seconds)

    def connect(
        self, host: str = "localhost", port: int = 0, source_address: Any = None
    ) -> tuple[int, bytes]:
        self._posting.session = self
        return super().connect(host, port, source_address)


class _Encrypted(smtplib.SMTP_SSL):
    """`_Plain`, encrypted from the start."""

    def __init__(self, posting: "_Posting", host: str, port: int, *, seconds: float) -> None:
        self._posting = posting
        super().__init__(host, port, timeout=seconds, context=ssl.create_default_context())

    def connect(
        self, host: str = "localhost", port: int = 0, source_address: Any = None
    ) -> tuple[int, bytes]:
        self._posting.session = self
        return super().connect(host, port, source_address)


class _Posting:
    """One message on its way, in a thread of its own: a server that dawdles can be given up."""

    def __init__(
        self,
        settings: Settings,
        message: EmailMessage,
        recipients: Sequence[Address],
        *,
        seconds: float,
    ) -> None:
        self._settings = settings
        self._message = message
        self._to = [address.addr_spec for address in recipients]
        self._seconds = seconds
        self._place = f"{settings.smtp_host}:{settings.smtp_port}"
        self.session: smtplib.SMTP | None = None
        self._answers: queue.SimpleQueue[str | ConnectionError] = queue.SimpleQueue()

    def within(self, deadline: float) -> str:
        """What became of it. Raises ConnectionError."""
        Thread(target=self._work, name="postman", daemon=True).start()
        try:
            answer = self._answers.get(timeout=deadline)
        except queue.Empty:
            self._hang_up()
            raise ConnectionError(
                f"{self._place} took longer than {deadline:g} s; it may still arrive"
            ) from None
        if isinstance(answer, ConnectionError):
            raise answer
        return answer

    def _work(self) -> None:
        try:
            self._answers.put(self._hand_over())
        except smtplib.SMTPRecipientsRefused as error:
            self._fail(f"refused {_refusals(error.recipients)}")
        except smtplib.SMTPResponseException as error:
            self._fail(f"answered {_said(error.smtp_code, error.smtp_error)}")
        except (OSError, UnicodeError, smtplib.SMTPException) as error:
            self._fail(_one_line(str(error) or type(error).__name__), colon=":")

    def _fail(self, words: str, *, colon: str = "") -> None:
        self._answers.put(ConnectionError(f"{self._place}{colon} {words}"))

    def _hand_over(self) -> str:
        with self._connect() as session:
            self._let_in(session)
            refused = session.send_message(self._message, to_addrs=self._to)
        sent = len(self._to) - len(refused)
        return f"sent to {sent}, not to {_refusals(refused)}" if refused else f"sent to {sent}"

    def _connect(self) -> smtplib.SMTP:
        host, port = self._settings.smtp_host or "", self._settings.smtp_port
        kind = _Encrypted if port == SMTPS_PORT else _Plain
        return kind(self, host, port, seconds=self._seconds)

    def _let_in(self, session: smtplib.SMTP) -> None:
        settings = self._settings
        if settings.smtp_starttls and settings.smtp_port != SMTPS_PORT:
            session.starttls(context=ssl.create_default_context())
        if settings.smtp_username is not None:
            password = settings.smtp_password
            session.login(settings.smtp_username, password.get_secret_value() if password else "")

    def _hang_up(self) -> None:
        line = self.session.sock if self.session is not None else None
        if line is not None:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)


def _refusals(refused: dict[str, tuple[int, bytes]]) -> str:
    return ", ".join(f"{who}: {_said(*answer)}" for who, answer in refused.items())


def _said(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {_one_line(words)}".rstrip()


def _one_line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:200]
