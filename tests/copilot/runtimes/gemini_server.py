"""A server that answers as told, in bytes, and remembers what it was asked; and a throw-away key."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from copilot.runtimes import Model, Request, ToolOutcome, ToolUse, Turn
from copilot.settings import Settings


@dataclass(frozen=True)
class Reply:
    """body: sent at once, or one byte a tenth of a second with *drip*; None: nothing, for ever.

    cut: the connection ends before the body does.
    """

    status: int = 200
    body: bytes | None = b"{}"
    headers: dict[str, str] = field(default_factory=dict[str, str])
    drip: bool = False
    cut: bool = False


@dataclass(frozen=True)
class Asked:
    path: str
    headers: dict[str, str]
    body: Any


class GeminiServer:
    """Answers each request with `replies[i]`, and all after the last with the last."""

    def __init__(self, url: str, released: threading.Event) -> None:
        self.url = url
        self.released = released
        self.replies: list[Reply] = []
        self.asked: list[Asked] = []

    def answer(self, *replies: Reply) -> None:
        self.replies, self.asked = list(replies), []

    def say(self, *bodies: Any, **options: Any) -> None:
        self.answer(*(Reply(body=json.dumps(body).encode(), **options) for body in bodies))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    fake: GeminiServer

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["content-length"]))
        fake = self.fake
        headers = {name.lower(): value for name, value in self.headers.items()}
        fake.asked.append(Asked(self.path, headers, json.loads(sent)))
        reply = fake.replies[min(len(fake.asked), len(fake.replies)) - 1]
        if reply.body is None:
            fake.released.wait(30)
            self.close_connection = True
            return
        try:
            self._send(reply, reply.body)
        except OSError:
            self.close_connection = True

    def do_GET(self) -> None:
        self.fake.asked.append(Asked(self.path, {}, None))
        self._send(Reply(status=404), b"{}")

    def _send(self, reply: Reply, body: bytes) -> None:
        self.send_response(reply.status)
        for name, value in {
            "content-type": "application/json; charset=UTF-8",
            **reply.headers,
        }.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if reply.cut:
            body = body[: len(body) // 2]
            self.close_connection = True
        if not reply.drip:
            self.wfile.write(body)
            return
        for byte in body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.fake.released.wait(0.1):
                return

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients that hang up are what is tested."""


@contextmanager
def gemini_server() -> Iterator[GeminiServer]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        fake = GeminiServer(f"http://127.0.0.1:{server.server_port}", threading.Event())
        server.RequestHandlerClass = type("Handler", (_Handler,), {"fake": fake})
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield fake
        fake.released.set()
        server.shutdown()
        thread.join()


def write_account(folder: Path) -> Path:
    """A service account's JSON with a key made now, which opens nothing."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    account = {
        "type": "service_account",
        "project_id": "some-project",
        "private_key_id": "k",
        "private_key": key.decode(),
        "client_email": "copilot@some-project.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": "http://127.0.0.1:9/token",
    }
    file = folder / "account.json"
    file.write_text(json.dumps(account), encoding="utf-8")
    return file


def settings_for(account: Path, url: str, **others: Any) -> Settings:
    return Settings(
        google_project="some-project",
        google_location="europe-west4",
        google_credentials=account,
        google_base_url=url,
        **others,
    )


def said(
    text: str = "hello", *, finish: str | None = "STOP", parts: Sequence[Any] | None = None
) -> Any:
    """A whole answer of Gemini's: 120 tokens in, 20 of them cached, 30 out and 50 of thought."""
    content = {"role": "model", "parts": list(parts) if parts is not None else [{"text": text}]}
    return {
        "candidates": [{"index": 0, "content": content, "finishReason": finish}],
        "usageMetadata": {
            "promptTokenCount": 120,
            "candidatesTokenCount": 30,
            "thoughtsTokenCount": 50,
            "totalTokenCount": 200,
            "cachedContentTokenCount": 20,
        },
        "modelVersion": "gemini-2.5-pro",
    }


def refusal(status: int, message: str, *details: Any, name: str = "FAILED") -> Reply:
    """An error as Google writes it."""
    error = {"code": status, "message": message, "status": name, "details": list(details)}
    return Reply(status=status, body=json.dumps({"error": error}).encode())


def ask(runtime: str, text: str = "why?", **changes: Any) -> Request:
    values: dict[str, Any] = {
        "model": Model(id="gemini-2.5-pro", runtime=runtime, temperature=0.4, thinking_budget=1024),
        "system": "Explain.",
        "turns": (Turn(role="user", text=text),),
        "timeout_seconds": 8.0,
        "max_output_tokens": 512,
    }
    return Request(**(values | changes))


def tool_talk() -> tuple[Turn, ...]:
    """A model has asked for a tool, and been told what it gave."""
    return (
        Turn(role="user", text="why?"),
        Turn(role="assistant", uses=(ToolUse("call-1", "look_up", {"row": 3}),)),
        Turn(role="tool", outcomes=(ToolOutcome("call-1", "look_up", '{"a": 1}'),)),
    )
