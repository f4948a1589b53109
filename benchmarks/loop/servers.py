"""What the workflows talk to: an HTTP server that is busy, slow or fine, and a mail server."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller


class Fails:
    """How often each case's address still fails before it answers."""

    def __init__(self) -> None:
        self._left: Counter[str] = Counter()
        self._lock = threading.Lock()

    def reset(self, key: str, times: int) -> None:
        with self._lock:
            self._left[key.lstrip("#")] = times

    def next(self, key: str) -> bool:
        with self._lock:
            self._left[key] -= 1
            return self._left[key] >= 0


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, fails: Fails) -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.fails = fails


class _Requests(BaseHTTPRequestHandler):
    """Addresses are `/way/key` or `/slow/seconds/key`."""

    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        way, *rest = self.path.strip("/").split("/")
        if way == "slow":
            time.sleep(float(rest[0]))
        if way in ("busy", "cut") and self.server.fails.next(rest[-1]):
            if way == "cut":
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            self._answer(503)
            return
        self._answer(200)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on standard error."""


@contextmanager
def web(fails: Fails) -> Generator[str]:
    """Its host and port."""
    with _Server(fails) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class _Mailbox:
    """Takes every message and forgets it."""

    async def handle_DATA(self, *_: object) -> str:  # noqa: N802 - the name the server calls
        return "250 OK"


@contextmanager
def mail() -> Generator[int]:
    """Its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    controller = Controller(_Mailbox(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()
