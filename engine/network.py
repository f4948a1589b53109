"""The outbound guard: every connection to an address that a user or a definition names goes here.

The check sits where the socket is opened, so it covers every spelling of an address, every record
of a name, every redirect and every new connection. A name is resolved once, all its addresses must
be public, and the connection is made to one of those addresses, not to the name. Encryption and
the Host header still use the name.
"""

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    MutableMapping,
    Sequence,
)
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias, cast

import httpcore2
import httpx2

from .errors import NetworkBlocked

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]

MOST_ADDRESSES = 4
DEFAULT_TIMEOUT = httpx2.Timeout(30.0, connect=10.0)

# IANA special-purpose address registries (RFC 6890 and its updates), with multicast and reserved.
_NOT_PUBLIC_V4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24",
        "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
# Only 2000::/3 is handed out as global unicast; forms that embed an IPv4 address lie outside of it
# or are taken out here (Teredo in 2001::/23, 6to4 in 2002::/16).
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = tuple(
    ipaddress.IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)
_NUMERIC_LABEL = re.compile(r"(0x[0-9a-f]*|[0-9]+)")


@dataclass(frozen=True, slots=True)
class OutboundPolicy:
    """Where workflows may connect to.

    `ports` are open on every public address. `extra` names the exceptions an operator allows, each
    as exact host (as written in the address, lower case, IPv6 without brackets) and port; private
    ones included.
    """

    ports: frozenset[int] = frozenset({80, 443})
    extra: frozenset[tuple[str, int]] = frozenset()


def is_public(address: Address) -> bool:
    """Whether *address* is global unicast by the lists above, not by what Python thinks of it."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_V4)
    if address.scope_id is not None or address not in _GLOBAL_V6:
        return False
    return not any(address in network for network in _NOT_PUBLIC_V6)


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses the system knows for *host*. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]


async def allowed_addresses(
    host: str, port: int, *, policy: OutboundPolicy, resolver: Resolver = resolve
) -> list[str]:
    """The addresses of *host* to connect to. Raises `NetworkBlocked`, or OSError if there are none."""
    name = host.casefold().rstrip(".")
    is_extra = (name, port) in policy.extra
    if not is_extra and port not in policy.ports:
        allowed = ", ".join(str(number) for number in sorted(policy.ports))
        raise _blocked(
            host, port, f"Port {port} of {host} is not open to workflows, only {allowed}"
        )
    if not is_extra and _is_odd_number(name):
        raise _blocked(host, port, f"{host} is an unusual spelling of an address; write it in full")
    literal = _literal(name)
    found = [literal] if literal else [_parsed(text) for text in await resolver(name, port)]
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, f"No address for {host}")
    if not is_extra and not all(address is not None and is_public(address) for address in found):
        verb = "is" if literal else "resolves to"
        raise _blocked(
            host, port, f"{host} {verb} a private address, which workflows may not reach"
        )
    return [str(address) for address in dict.fromkeys(found) if address][:MOST_ADDRESSES]


def _blocked(host: str, port: int, message: str) -> NetworkBlocked:
    return NetworkBlocked(message, kind="address", name=host, port=port)


def _literal(name: str) -> Address | None:
    return _parsed(name.strip("[]"))


def _parsed(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _is_odd_number(name: str) -> bool:
    """Whether *name* is an IPv4 address in a form only old C libraries read, like 0x7f.1."""
    last = name.rpartition(".")[2]
    return _NUMERIC_LABEL.fullmatch(last) is not None and _literal(name) is None


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Opens connections only to addresses the policy allows."""

    def __init__(
        self,
        policy: OutboundPolicy,
        *,
        resolver: Resolver = resolve,
        inner: httpcore2.AsyncNetworkBackend | None = None,
    ) -> None:
        self._policy = policy
        self._resolver = resolver
        self._inner = inner or cast("httpcore2.AsyncNetworkBackend", httpcore2.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Resolve, check and connect. Raises `NetworkBlocked` and httpcore's own errors."""
        failure: httpcore2.NetworkError | httpcore2.TimeoutException | None = None
        for address in await self._addresses(host, port, timeout):
            try:
                return await self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore2.ConnectError(f"No address for {host}")

    async def _addresses(self, host: str, port: int, seconds: float | None) -> list[str]:
        try:
            async with asyncio.timeout(seconds):
                return await allowed_addresses(
                    host, port, policy=self._policy, resolver=self._resolver
                )
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(f"Looking up {host} took too long") from error
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(f"The name {host} could not be found") from error

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        raise NetworkBlocked("Workflows may not use local sockets", kind="address", name=path)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@lru_cache(maxsize=1)
def _system_certificates() -> ssl.SSLContext:
    return httpx2.create_ssl_context(trust_env=False)


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Carries requests over a connection pool whose sockets are guarded."""

    def __init__(
        self, backend: GuardedBackend, *, ssl_context: ssl.SSLContext | None = None
    ) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=ssl_context or _system_certificates(),
            network_backend=backend,
            max_connections=100,
            max_keepalive_connections=10,
            keepalive_expiry=5.0,
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        target = httpcore2.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        passed_on = httpcore2.Request(
            method=request.method,
            url=target,
            headers=request.headers.raw,
            content=cast("httpx2.AsyncByteStream", request.stream),
            extensions=request.extensions,
        )
        with _httpx_errors(request):
            response = await self._pool.handle_async_request(passed_on)
        return httpx2.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Body(response, request),
            extensions=cast("MutableMapping[str, Any]", cast("Any", response).extensions),
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx2.AsyncByteStream):
    def __init__(self, response: httpcore2.Response, request: httpx2.Request) -> None:
        self._response = response
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _httpx_errors(self._request):
            async for chunk in self._response.aiter_stream():
                yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()


_ERRORS: dict[type[Exception], type[httpx2.TransportError]] = {
    httpcore2.ConnectTimeout: httpx2.ConnectTimeout,
    httpcore2.ReadTimeout: httpx2.ReadTimeout,
    httpcore2.WriteTimeout: httpx2.WriteTimeout,
    httpcore2.PoolTimeout: httpx2.PoolTimeout,
    httpcore2.ConnectError: httpx2.ConnectError,
    httpcore2.ReadError: httpx2.ReadError,
    httpcore2.WriteError: httpx2.WriteError,
    httpcore2.LocalProtocolError: httpx2.LocalProtocolError,
    httpcore2.RemoteProtocolError: httpx2.RemoteProtocolError,
    httpcore2.UnsupportedProtocol: httpx2.UnsupportedProtocol,
}


@contextmanager
def _httpx_errors(request: httpx2.Request) -> Generator[None]:
    """Errors of the connection pool as the ones a user of the client expects."""
    try:
        yield
    except tuple(_ERRORS) as error:
        raise _ERRORS[type(error)](str(error), request=request) from error


def client(
    policy: OutboundPolicy | None = None,
    *,
    timeout: httpx2.Timeout = DEFAULT_TIMEOUT,
    resolver: Resolver = resolve,
    ssl_context: ssl.SSLContext | None = None,
) -> httpx2.AsyncClient:
    """An HTTP client that reaches public addresses only, and what *policy* allows beside them.

    It reads no proxy or certificate settings from the environment and follows no redirects; where
    a caller turns them on, every hop is checked like the first.
    """
    backend = GuardedBackend(policy or OutboundPolicy(), resolver=resolver)
    return httpx2.AsyncClient(
        transport=GuardedTransport(backend, ssl_context=ssl_context),
        timeout=timeout,
        trust_env=False,
        follow_redirects=False,
    )
