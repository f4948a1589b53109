"""The outbound guard, judged by the sockets that are opened."""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
import sys
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpcore2
import httpx2
import pytest

from engine.errors import NetworkBlocked
from engine.network import GuardedBackend, GuardedTransport, OutboundPolicy, client, is_public

PUBLIC = "93.184.216.34"
ATTEMPTS: list[tuple[str, int]] = []
WATCHING = threading.Event()


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect" and WATCHING.is_set():
        address = arguments[1]
        if isinstance(address, tuple):
            ATTEMPTS.append(address[:2])
            if address[0] == PUBLIC:
                raise ConnectionRefusedError("tests do not reach out")


sys.addaudithook(_watch)  # can't be taken off again, hence the event


@pytest.fixture
def attempts() -> Iterator[list[tuple[str, int]]]:
    ATTEMPTS.clear()
    WATCHING.set()
    yield ATTEMPTS
    WATCHING.clear()


RECORDS: dict[str, list[list[str]]] = {
    "public.test": [[PUBLIC]],
    "localhost": [["127.0.0.1"]],
    "loop.test": [["127.0.0.1"]],
    "private-last.test": [[PUBLIC, "10.0.0.5"]],
    "private-first.test": [["10.0.0.5", PUBLIC]],
    "rebinding.test": [[PUBLIC], ["127.0.0.1"]],
    "mapped.test": [["::ffff:10.0.0.5"]],
    "nat64.test": [["64:ff9b::a00:5"]],
    "six-to-four.test": [["2002:0a00:0005::1"]],
    "teredo.test": [["2001:0:a00:5::1"]],
    "carrier.test": [["100.64.1.1"]],
    "metadata.test": [["169.254.169.254"]],
    "unique-local.test": [["fd00::1"]],
    "benchmark.test": [["198.18.0.1"]],
    "site-local.test": [["fec0::1"]],
    "compatible.test": [["::10.0.0.5"]],
    "scoped.test": [["2606:2800:220:1::1%eth0"]],
    "garbage.test": [["not an address"]],
}


class FakeNames:
    """A resolver that answers from a table, another answer each time it is asked."""

    def __init__(self) -> None:
        self.asked: dict[str, int] = {}

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        if host not in RECORDS:
            return [socket.inet_ntoa(socket.inet_aton(host))]
        times = self.asked.get(host, 0)
        self.asked[host] = times + 1
        answers = RECORDS[host]
        return answers[min(times, len(answers) - 1)]


HOSTILE = [
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0", "0.0.0.0", "localhost",
    "LOCALHOST.", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "169.254.169.254",
    "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "[fe80::1]", "[fd00::1]",
    "[64:ff9b::7f00:1]", "224.0.0.1", "255.255.255.255", "127。0。0。1",
    "a@127.0.0.1", "public.test@127.0.0.1", "loop.test", "private-last.test",
    "private-first.test", "mapped.test", "nat64.test", "six-to-four.test", "teredo.test",
    "carrier.test", "metadata.test", "unique-local.test", "benchmark.test", "site-local.test",
    "compatible.test", "240.0.0.1", "192.0.0.8", "0x7f.1", "scoped.test", "garbage.test",
]  # fmt: skip


async def _get(
    url: str, *, policy: OutboundPolicy | None = None, **options: bool
) -> httpx2.Response:
    async with client(policy, resolver=FakeNames()) as http:
        return await http.get(url, **options)


@pytest.mark.parametrize("host", HOSTILE)
def test_private_target_is_refused_before_a_socket_opens(
    host: str, attempts: list[tuple[str, int]]
) -> None:
    with pytest.raises(NetworkBlocked, match=r"workflows may not reach|unusual spelling"):
        asyncio.run(_get(f"http://{host}/"))
    assert attempts == []


@pytest.mark.parametrize("host", ["[fe80::1%25eth0]", "0177.0.0.1", "①②⑦.⓪.⓪.①"])
def test_target_that_is_no_valid_url_is_refused(host: str, attempts: list[tuple[str, int]]) -> None:
    with pytest.raises((NetworkBlocked, httpx2.InvalidURL)):
        asyncio.run(_get(f"http://{host}/"))
    assert attempts == []


@pytest.mark.parametrize("host", ["0177.0.0.1", "0x7f000001", "127.1", "fe80::1%eth0", "::1"])
def test_socket_layer_refuses_by_itself(host: str, attempts: list[tuple[str, int]]) -> None:
    with pytest.raises(NetworkBlocked):
        asyncio.run(GuardedBackend(OutboundPolicy()).connect_tcp(host, 80))
    assert attempts == []


def test_public_name_is_reached_at_the_address_that_was_checked(
    attempts: list[tuple[str, int]],
) -> None:
    with pytest.raises(httpx2.ConnectError):
        asyncio.run(_get("http://public.test/"))
    assert attempts == [(PUBLIC, 80)]


def test_name_that_changes_its_address_is_checked_on_every_connection(
    attempts: list[tuple[str, int]],
) -> None:
    names = FakeNames()

    async def twice() -> None:
        async with client(resolver=names) as http:
            with pytest.raises(httpx2.ConnectError):
                await http.get("http://rebinding.test/")
            with pytest.raises(NetworkBlocked):
                await http.get("http://rebinding.test/")

    asyncio.run(twice())
    assert attempts == [(PUBLIC, 80)]
    assert names.asked == {"rebinding.test": 2}  # once a connection, never between check and use


@pytest.mark.parametrize("port", [22, 25, 6379, 8080])
def test_other_ports_are_closed(port: int, attempts: list[tuple[str, int]]) -> None:
    with pytest.raises(NetworkBlocked, match=f"Port {port} of public.test is not open"):
        asyncio.run(_get(f"http://public.test:{port}/"))
    assert attempts == []


def test_message_names_the_host_and_details_say_which_address() -> None:
    with pytest.raises(NetworkBlocked) as caught:
        asyncio.run(_get("https://loop.test/"))
    assert str(caught.value) == (
        "loop.test resolves to a private address, which workflows may not reach"
    )
    assert caught.value.details == {"kind": "address", "name": "loop.test", "port": 443}


class _Redirecting(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "http://10.0.0.1/")
        else:
            self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), _Redirecting) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield http.server_port
        http.shutdown()
        thread.join()


def test_allowed_exception_is_reached_and_only_on_its_port(server: int) -> None:
    policy = OutboundPolicy(extra=frozenset({("127.0.0.1", server)}))
    url = f"http://127.0.0.1:{server}/"
    assert asyncio.run(_get(url, policy=policy)).status_code == 200
    with pytest.raises(NetworkBlocked):
        asyncio.run(_get("http://127.0.0.1/", policy=policy))
    with pytest.raises(NetworkBlocked):
        asyncio.run(_get(f"http://localhost:{server}/", policy=policy))


def test_redirect_is_not_followed_and_would_be_checked(
    server: int, attempts: list[tuple[str, int]]
) -> None:
    policy = OutboundPolicy(extra=frozenset({("127.0.0.1", server)}))
    url = f"http://127.0.0.1:{server}/away"
    assert asyncio.run(_get(url, policy=policy)).status_code == 302
    with pytest.raises(NetworkBlocked, match=r"10\.0\.0\.1 is a private address"):
        asyncio.run(_get(url, policy=policy, follow_redirects=True))
    assert {host for host, _ in attempts} == {"127.0.0.1"}


def test_proxy_settings_of_the_environment_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with pytest.raises(NetworkBlocked, match=r"loop\.test"):
        asyncio.run(_get("http://loop.test/"))


class _Recorder(httpcore2.AsyncMockStream):
    server_name: str | None = None

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        _Recorder.server_name = server_hostname
        return self


class _RecordingNetwork(httpcore2.AsyncMockBackend):
    connected: str | None = None

    async def connect_tcp(self, host: str, *arguments: object, **options: object) -> _Recorder:
        self.connected = host
        return _Recorder([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"])


def test_encryption_and_host_header_use_the_name_not_the_address() -> None:
    network = _RecordingNetwork([])
    backend = GuardedBackend(OutboundPolicy(), resolver=FakeNames(), inner=network)

    async def get() -> httpx2.Response:
        async with httpx2.AsyncClient(transport=GuardedTransport(backend), trust_env=False) as http:
            return await http.get("https://public.test/")

    response = asyncio.run(get())
    assert (network.connected, _Recorder.server_name) == (PUBLIC, "public.test")
    assert response.request.headers["host"] == "public.test"
    assert response.text == "ok"


def test_local_sockets_are_refused() -> None:
    with pytest.raises(NetworkBlocked):
        asyncio.run(GuardedBackend(OutboundPolicy()).connect_unix_socket("/run/docker.sock"))


def test_unknown_name_is_a_connect_error() -> None:
    async def nobody(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    async def get() -> None:
        async with client(resolver=nobody) as http:
            await http.get("http://nobody.test/")

    with pytest.raises(httpx2.ConnectError, match=r"nobody\.test could not be found"):
        asyncio.run(get())


def test_slow_name_server_is_a_timeout() -> None:
    async def slow(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(60)
        return [PUBLIC]

    async def get() -> None:
        async with client(resolver=slow, timeout=httpx2.Timeout(5, connect=0.05)) as http:
            await http.get("http://slow.test/")

    with pytest.raises(httpx2.ConnectTimeout):
        asyncio.run(get())


@pytest.mark.parametrize("text", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450::1"])
def test_global_addresses_are_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


def test_own_list_is_never_wider_than_pythons() -> None:
    edges = [
        network.network_address + offset
        for text in ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16",
                     "169.254.0.0/16", "198.18.0.0/15", "240.0.0.0/4", "fc00::/7", "fe80::/10")
        for network in [ipaddress.ip_network(text)]
        for offset in (0, 1, network.num_addresses - 1)
    ]  # fmt: skip
    assert not any(is_public(address) for address in edges)
    assert not any(address.is_global for address in edges)


def test_connection_failure_tries_the_next_address() -> None:
    class FirstFails(httpcore2.AsyncMockBackend):
        tried: list[str] = []  # noqa: RUF012

        async def connect_tcp(self, host: str, *a: object, **k: object) -> _Recorder:
            self.tried.append(host)
            if len(self.tried) == 1:
                raise httpcore2.ConnectError("refused")
            return _Recorder([])

    async def two(host: str, port: int) -> Sequence[str]:
        return [PUBLIC, "1.1.1.1", PUBLIC]

    network = FirstFails([])
    backend = GuardedBackend(OutboundPolicy(), resolver=two, inner=network)
    with contextlib.suppress(httpcore2.ConnectError):
        asyncio.run(backend.connect_tcp("two.test", 443))
    assert network.tried == [PUBLIC, "1.1.1.1"]
