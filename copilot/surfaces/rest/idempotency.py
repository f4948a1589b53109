"""A request that comes twice with the same Idempotency-Key is carried out once.

* The answer is kept for 24 hours and given again, byte for byte, with `Idempotent-Replayed: true`:
  what was done (2xx), and what could not be done in that state (409).
* Not kept is what was refused before anything was begun (400, 401, 402, 403, 404, 405, 413, 415,
  422, 428, 429): correct it, and the key may be used again.
* Not kept either is our own failure (5xx). It may have had an effect; the same request with the
  same key finds that effect by the request key and finishes it, as it does after a crash.
* Nor is an answer of more than 1 MB, or one that holds a new API key: such a request is repeated
  by its request key, too. A new key is then issued anew, with another secret, and the first one
  works no more; once the key has been used, that is 409.
* Another request with the same key is 422; the same one while it is still being answered, 409.
"""

import hashlib
import logging
import re
import time
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...bootstrap import UNREACHABLE
from ...errors import InvalidInput, KeyReused, RequestInProgress
from ...storage.requests import LONGEST_KEY, Answer, Requests
from ...types.principal import Principal
from .problems import refusal, unreachable

HEADER = "Idempotency-Key"
#: On an answer that was kept, and on no other.
REPLAYED = "Idempotent-Replayed"
LARGEST_KEPT = 1_000_000
METHODS = frozenset({"POST", "PATCH"})
#: What a key can be. Without spaces, it reads the same everywhere.
KEY_PATTERN = rf"^[!-~]{{1,{LONGEST_KEY}}}$"
_HEADERS_KEPT = frozenset({b"content-type", b"location", b"etag"})
_PURGE_EVERY = 3600.0

_log = logging.getLogger(__name__)


class Idempotency:
    """ASGI middleware, behind `Gate` and `Body`."""

    def __init__(self, app: ASGIApp, *, requests: Callable[[], Requests], process: str) -> None:
        """process: names this process, and no other that ever was."""
        self._app = app
        self._requests = requests
        self._process = process
        self._purged_at = -_PURGE_EVERY

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = Headers(scope=scope).get(HEADER) if _applies(scope) else None
        if key is None:
            return await self._app(scope, receive, send)
        try:
            stored = await run_in_threadpool(self._claim, scope, key)
        except (InvalidInput, KeyReused, RequestInProgress) as error:
            return await refusal(error)(scope, receive, send)
        except UNREACHABLE as error:
            return await unreachable(error)(scope, receive, send)
        if stored is not None:
            return await _replay(stored)(scope, receive, send)
        return await self._carry_out(scope, receive, send, key)

    def _claim(self, scope: Scope, key: str) -> Answer | None:
        if re.fullmatch(KEY_PATTERN, key) is None:
            problem = f"must be 1 to {LONGEST_KEY} characters of ASCII that can be seen."
            raise InvalidInput(HEADER, problem, "A fresh UUID is a good one.")
        requests = self._requests()
        if time.monotonic() - self._purged_at >= _PURGE_EVERY:
            self._purged_at = time.monotonic()
            requests.purge()
        asker = _asker(scope)
        fingerprint = _fingerprint(scope)
        claim = requests.claim(
            asker.workspace_id, asker.id, key, fingerprint=fingerprint, owner=self._process
        )
        # With the fingerprint in it, a key that is free again can't reach what another request did.
        scope["state"]["request_key"] = hashlib.sha256(f"{fingerprint}{key}".encode()).hexdigest()
        return claim.answer

    async def _carry_out(self, scope: Scope, receive: Receive, send: Send, key: str) -> None:
        recorder = _Recorder()
        try:
            await self._app(scope, receive, recorder)
        except Exception:
            # raised again: nothing was answered, so nothing is kept and the key is free
            await run_in_threadpool(self._settle, scope, key, None)
            raise
        hidden = scope["state"].get("holds_secret", False)
        await run_in_threadpool(self._settle, scope, key, None if hidden else recorder.answer())
        for message in recorder.messages:
            await send(message)

    def _settle(self, scope: Scope, key: str, answer: Answer | None) -> None:
        asker = _asker(scope)
        place = (asker.workspace_id, asker.id, key)
        try:
            if answer is not None and _is_kept(answer):
                self._requests().finish(*place, owner=self._process, answer=answer)
            else:
                self._requests().forget(*place, owner=self._process)
        except UNREACHABLE as error:  # what was done is done, and the client must hear of it
            _log.error("An answer could not be kept: %s", error.orig)


class _Recorder:
    """Takes an answer instead of the client, until it is kept."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def __call__(self, message: Message) -> None:
        self.messages.append(message)

    def answer(self) -> Answer | None:
        """None when the application has left without one."""
        if not self.messages:
            return None
        start, *bodies = self.messages
        return Answer(
            status=start["status"],
            headers=tuple(
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in start["headers"]
                if name.lower() in _HEADERS_KEPT
            ),
            body=b"".join(message.get("body", b"") for message in bodies),
        )


def _applies(scope: Scope) -> bool:
    return scope["type"] == "http" and scope["method"] in METHODS and "principal" in scope["state"]


def _asker(scope: Scope) -> Principal:
    return scope["state"]["principal"]


def _fingerprint(scope: Scope) -> str:
    """Of the method, the path and the body, byte for byte."""
    target = f"{scope['method']} {scope['path']}?{scope['query_string'].decode('latin-1')}\n"
    return hashlib.sha256(target.encode() + scope["state"]["body"]).hexdigest()


def _is_kept(answer: Answer) -> bool:
    done_or_refused_by_state = answer.status < 300 or answer.status == 409
    return done_or_refused_by_state and len(answer.body) <= LARGEST_KEPT


def _replay(answer: Answer) -> Response:
    headers = {**dict(answer.headers), REPLAYED: "true"}
    return Response(answer.body, status_code=answer.status, headers=headers)
