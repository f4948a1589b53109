"""One product, one mail server, one model and one LinkedIn for all cases."""

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from copilot.settings import Settings
from engine.errors import FieldNotFound
from engine.ports import Completion, Question

from .cases import CASES, Answer, Goldens, read_case, slugs
from .product import Product, ProductOverHttp


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


@dataclass
class KnownAnswers:
    """A model that has one answer to each text the cases ask it about.

    An answer that needs a custom field is given once its workspace has it, as by a model that
    works in the CRM.
    """

    has_field: Callable[[str, str], bool] = lambda _slug, _name: False

    def __post_init__(self) -> None:
        self._answers = [
            (slug, words, answer)
            for slug in slugs()
            for words, answer in read_case(slug).answers.items()
        ]

    async def complete(self, question: Question) -> Completion:
        asked = f"{question.system}\n{question.prompt}"
        slug, answer = next((slug, one) for slug, words, one in self._answers if words in asked)
        return Completion(
            self._said(slug, answer),
            input_tokens=100,
            output_tokens=20,
            cost_usd=Decimal("0.01"),
        )

    def _said(self, slug: str, answer: str | Answer) -> str:
        if isinstance(answer, str):
            return answer
        if not self.has_field(slug, answer.needs_field):
            name = answer.needs_field
            raise FieldNotFound(f"Custom field {name!r} not found", kind="custom_field", name=name)
        return answer.says


class LinkedIn:
    """Takes 100 invitations a day from each path and refuses what is more, as a service does."""

    DAILY = 100

    def __init__(self, port: int) -> None:
        self.port = port
        self._sent: dict[str, int] = {}

    def new_day(self) -> None:
        self._sent.clear()

    def invite(self, path: str, count: int) -> tuple[int, dict[str, object]]:
        if self._sent.get(path, 0) + count > self.DAILY:
            return 429, {"status": 429, "message": "LinkedIn rate limit exceeded"}
        self._sent[path] = self._sent.get(path, 0) + count
        return 200, {"invited": count}


class _Requests(BaseHTTPRequestHandler):
    linkedin: LinkedIn

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, answer = self.linkedin.invite(self.path, asked["invitations"])
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on standard error."""


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
def linkedin() -> Iterator[LinkedIn]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Requests)
    _Requests.linkedin = LinkedIn(server.server_port)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield _Requests.linkedin
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def model() -> KnownAnswers:
    return KnownAnswers()


@pytest.fixture(scope="module")
def settings(
    tmp_path_factory: pytest.TempPathFactory, mail_port: int, linkedin: LinkedIn
) -> Settings:
    return Settings(
        data=tmp_path_factory.mktemp("cases"),
        smtp_host="127.0.0.1",
        smtp_port=mail_port,
        smtp_starttls=False,
        smtp_sender="Copilot <copilot@example.com>",
        allowed_hosts=(f"127.0.0.1:{linkedin.port}",),
    )


@pytest.fixture(scope="module", params=[Product, ProductOverHttp], ids=["here", "over-http"])
def product(
    request: pytest.FixtureRequest, settings: Settings, model: KnownAnswers
) -> Iterator[Product]:
    folder = settings.data / request.param.__name__
    product = request.param(settings.model_copy(update={"data": folder}), model)
    model.has_field = product.has_field
    product.start()
    yield product
    product.stop()


@pytest.fixture
def goldens(linkedin: LinkedIn) -> Callable[[str], Goldens]:
    """The goldens of a case; `UPDATE_GOLDEN=1` writes them instead of comparing."""
    since = datetime.now(UTC).replace(microsecond=0)
    updating = os.environ.get("UPDATE_GOLDEN") == "1"
    return lambda slug: Goldens(CASES / slug, since=since, updating=updating, port=linkedin.port)
