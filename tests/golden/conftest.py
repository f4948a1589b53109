"""One engine, one mail server and one model for all cases; each case has its own workspace."""

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from copilot.bootstrap import App, open_app
from copilot.settings import Settings
from engine.ports import Completion

from .cases import CASES, Goldens, read_case, slugs


@dataclass
class Mailbox:
    """Accepts everything and remembers who it was for."""

    recipients: list[str] = field(default_factory=list[str])

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        self.recipients += envelope.rcpt_tos
        return "250 OK"

    def taken(self) -> list[str]:
        """Who got mail since this was asked last."""
        arrived, self.recipients = self.recipients, []
        return arrived


class KnownAnswers:
    """A model that has one answer to each prompt the cases use."""

    def __init__(self) -> None:
        self._answers = {
            prompt: answer for slug in slugs() for prompt, answer in read_case(slug).answers.items()
        }

    async def complete(
        self, *, system: str, prompt: str, model: str | None, timeout_seconds: float
    ) -> Completion:
        answer = next(text for known, text in self._answers.items() if known in prompt)
        return Completion(answer, input_tokens=100, output_tokens=20, cost_usd=Decimal("0.01"))


@pytest.fixture(scope="module")
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture(scope="module")
def mail_port(mailbox: Mailbox) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    yield port
    controller.stop()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, mail_port: int) -> Iterator[App]:
    settings = Settings(
        data=tmp_path_factory.mktemp("cases"),
        smtp_host="127.0.0.1",
        smtp_port=mail_port,
        smtp_starttls=False,
        smtp_sender="Copilot <copilot@example.com>",
    )
    with open_app(settings, model=KnownAnswers()) as opened:
        yield opened


@pytest.fixture
def goldens() -> Callable[[str], Goldens]:
    """The goldens of a case; `UPDATE_GOLDEN=1` writes them instead of comparing."""
    since = datetime.now(UTC).replace(microsecond=0)
    updating = os.environ.get("UPDATE_GOLDEN") == "1"
    return lambda slug: Goldens(CASES / slug, since=since, updating=updating)
