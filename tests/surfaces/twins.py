"""A server whose use cases are overheard: what each was called with, and what it gave."""

import dataclasses
import socket
import threading
from contextlib import contextmanager
from typing import get_type_hints

import uvicorn

from copilot.service.protocol import Service
from copilot.surfaces.rest.app import create_app


def use_cases():
    """Every 'part.method' of the protocol, found by looking at it."""
    for part, member in vars(Service).items():
        if isinstance(member, property) and part != "principal":
            protocol = get_type_hints(member.fget)["return"]
            yield from (f"{part}.{name}" for name in vars(protocol) if not name.startswith("_"))


class Overheard:
    """A copilot that notes each call of its services: name, arguments, and the value or error."""

    def __init__(self, copilot):
        self._copilot = copilot
        self.calls = []

    def serve(self, principal, **options):
        return _Part("", self._copilot.serve(principal, **options), self.calls)

    def last(self, name):
        """The value that *name* gave when it was last called on the server."""
        return next(value for called, value in reversed(self.calls) if called == name)


class _Part:
    def __init__(self, name, part, calls):
        self._name, self._part, self._calls = name, part, calls

    def __getattr__(self, name):
        found = getattr(self._part, name)
        if name == "engine":
            return _Part("", found, self._calls)
        if callable(found):
            return self._noted(f"{self._name}{name}", found)
        if type(found).__module__.startswith(("copilot.service", "engine.tenancy")):
            return _Part(f"{name}.", found, self._calls)
        return found

    def _noted(self, name, method):
        def call(*args, **kwargs):
            try:
                value = method(*args, **kwargs)
            except Exception as error:
                self._calls.append((name, error))
                raise
            self._calls.append((name, value))
            return value

        return call


@contextmanager
def overheard_server(app):
    """A server over *app* in a thread: its address, and what its services gave."""
    overheard = Overheard(app.copilot)
    rest = create_app(dataclasses.replace(app, copilot=overheard))
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = uvicorn.Server(uvicorn.Config(rest, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", overheard
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
