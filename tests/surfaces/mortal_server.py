"""A real server process that kills itself, as hard as `kill -9`, at the moment a request names.

The request says when in the header `X-Die`:
* `done`: what was asked for is done, and its answer is not kept yet;
* `kept`: the answer is kept, and no byte of it is sent yet;
* a number: that many seconds after the request came, wherever it is by then.

A request to /new-workspace/NAME makes one, with the demo's workflows, and gives its owner's key.
"""

import contextlib
import multiprocessing
import os
import signal
import socket
import threading
from pathlib import Path

import httpx2
import uvicorn
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.surfaces.rest_client"])


def _die():
    os.kill(os.getpid(), signal.SIGKILL)


class Mortal:
    """ASGI wrapper around the whole application."""

    def __init__(self, server):
        self.server = server
        self.rest = server.http.app

    async def __call__(self, scope, receive, send):
        if scope["path"].startswith("/new-workspace/"):
            client = await run_in_threadpool(self.server.client, scope["path"].split("/")[2])
            return await PlainTextResponse(client.key)(scope, receive, send)
        when = dict(scope.get("headers", ())).get(b"x-die", b"").decode()
        if when == "done":
            _die_instead_of_keeping_answers(self.rest.state.app.requests)
        elif when not in {"", "kept"}:
            threading.Timer(float(when), _die).start()

        async def mortal(message):
            if when:
                _die()
            await send(message)

        return await self.rest(scope, receive, mortal)


def _die_instead_of_keeping_answers(requests):
    requests.finish = requests.forget = lambda *_, **__: _die()


def _serve(folder, told):
    from tests.surfaces.rest_client import one_database

    listener = socket.create_server(("127.0.0.1", 0))
    with one_database(Path(folder)) as server:
        told.send(f"http://127.0.0.1:{listener.getsockname()[1]}")
        config = uvicorn.Config(Mortal(server), log_level="error", lifespan="off")
        uvicorn.Server(config).run(sockets=[listener])


class MortalServer:
    """The server over *folder*, started again whenever it is dead."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.process = None
        self.http = None

    def start(self):
        self.stop()
        heard, told = _processes.Pipe(duplex=False)
        arguments = (self.folder, told)
        self.process = _processes.Process(target=_serve, args=arguments, daemon=True)
        self.process.start()
        told.close()  # or its end would not be noticed if the server can't start
        assert heard.poll(30), "the server does not start"
        self.http = httpx2.Client(base_url=heard.recv(), timeout=30)

    def stop(self):
        if self.http is not None:
            self.http.close()
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.process.close()
        self.http = self.process = None

    def request(self, method, path, *, headers, **options):
        """The answer, or None when the server died of the request."""
        try:
            return self.http.request(method, path, headers=headers, **options)
        except httpx2.TransportError:
            self.process.join(10)
            assert self.process.exitcode == -signal.SIGKILL
            return None


@contextlib.contextmanager
def mortal_server(folder):
    server = MortalServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
