"""What the cases talk to: a mail server, a LinkedIn and the services that they name."""

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from .cases import Service, read_case, slugs


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


@contextmanager
def mail(mailbox: Mailbox) -> Generator[int]:
    """Its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


class Web:
    """A LinkedIn that takes 100 invitations a day from each path, and the services of the cases."""

    DAILY = 100

    def __init__(self) -> None:
        self.port = 0
        self._sent: Counter[str] = Counter()
        self._asked: Counter[str] = Counter()
        named = [item for slug in slugs() for item in read_case(slug).services.items()]
        self._services: dict[str, Service] = dict(named)
        assert len(self._services) == len(named), "each path is of one case"

    def new_day(self) -> None:
        self._sent.clear()

    def begin(self) -> None:
        """A run begins: what fails at first does so again."""
        self._asked.clear()

    def invite(self, path: str, count: int) -> tuple[int, object]:
        if self._sent[path] + count > self.DAILY:
            return 429, {"status": 429, "message": "LinkedIn rate limit exceeded"}
        self._sent[path] += count
        return 200, {"invited": count}

    def ask(self, path: str) -> tuple[int, object]:
        service = self._services.get(path)
        if service is None:
            return 404, {"message": "Not found"}
        self._asked[path] += 1
        if self._asked[path] <= service.fails:
            return service.status, {"message": "Please try again later."}
        time.sleep(service.seconds)
        return 200, service.returns


class _Requests(BaseHTTPRequestHandler):
    web: Web

    def do_GET(self) -> None:
        self._answer(*self.web.ask(self.path))

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "invitations" in asked:
            self._answer(*self.web.invite(self.path, asked["invitations"]))
        else:
            self._answer(*self.web.ask(self.path))

    def _answer(self, status: int, answer: object) -> None:
        content = json.dumps(answer).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except ConnectionError:
            self.close_connection = True  # nobody has waited for it

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on standard error."""


@contextmanager
def web() -> Generator[Web]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Requests)
    found = _Requests.web = Web()
    found.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
