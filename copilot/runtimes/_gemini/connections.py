"""Connections of `requests` that another thread can cut: a read timeout bounds no slow body.

Every byte that arrives starts a read timeout anew, so a server that drips keeps a thread for as
long as it likes. Import this only where `requests` is installed.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from .._http import LONGEST_BODY

_here = threading.local()


class Line:
    """The connection that one thread is using, and the start of what came back on it.

    Used as a context manager in that thread; `cut` is for any other.
    """

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: Mapping[str, str] = {}
        self.is_cut = False
        self._connection: HTTPConnection | None = None

    def __enter__(self) -> "Line":
        _here.line = self
        return self

    def __exit__(self, *_: object) -> None:
        _here.line = None
        self._connection = None

    def cut(self) -> None:
        """End what is being read, now; what is asked from now on fails."""
        self.is_cut = True
        held = self._connection
        wire = held.sock if held is not None else None
        if wire is not None:
            with contextlib.suppress(OSError):  # it has ended by itself
                # SSLSocket.shutdown takes away what the other thread is reading with
                socket.socket.shutdown(wire, socket.SHUT_RDWR)

    def hold(self, connection: HTTPConnection) -> None:
        self._connection = connection
        if self.is_cut:
            raise requests.ConnectionError("this call was given up")


def _line() -> Line | None:
    return getattr(_here, "line", None)


def _hold(connection: HTTPConnection) -> None:
    line = _line()
    if line is not None:
        line.hold(connection)


class _Http(HTTPConnection):
    def request(self, *args: Any, **kwargs: Any) -> None:
        _hold(self)
        super().request(*args, **kwargs)


class _Https(HTTPSConnection):
    def request(self, *args: Any, **kwargs: Any) -> None:
        _hold(self)
        super().request(*args, **kwargs)


class _HttpPool(HTTPConnectionPool):
    ConnectionCls: Any = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls: Any = _Https


_POOLS: dict[str, Any] = {"http": _HttpPool, "https": _HttpsPool}


class _Counted:
    """An answer's body as it came, not unpacked, and no longer than any can be."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def stream(self, amount: int, decode_content: bool | None = None) -> Iterator[bytes]:
        left = LONGEST_BODY
        for chunk in self._raw.stream(amount, decode_content=False):
            left -= len(chunk)
            if left < 0:
                self._raw.close()
                raise requests.ConnectionError(f"the answer is longer than {LONGEST_BODY} bytes")
            yield chunk

    def close(self) -> None:
        self._raw.close()

    def release_conn(self) -> None:
        self._raw.release_conn()


class CuttableAdapter(HTTPAdapter):
    """Tells the thread's `Line` about each connection and each answer; follows no redirect."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        response = super().send(*args, **kwargs)
        response.headers.pop("location", None)
        response.raw = _Counted(response.raw)
        line = _line()
        if line is not None:
            line.status, line.headers = response.status_code, response.headers
        return response
