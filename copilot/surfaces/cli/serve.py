"""`serve`: the use cases over HTTP, for every workspace of the database, until told to stop."""

import ipaddress
import logging
import signal
import socket
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from types import FrameType

import click
import uvicorn
from starlette.types import ASGIApp

from ...bootstrap import App
from ...errors import InvalidInput
from ...runtimes import check
from ...settings import Settings
from ...types.account import NewApiKey
from ..rest.app import create_app
from ..rest.telemetry import log_to_stderr
from . import _local_key, _presence
from ._output import write_json_line
from ._render import key_text
from ._session import here, on_database

#: Requests that are being answered may take this long after the signal to stop, in seconds.
GRACE = 10


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8000,
    show_default=True,
    help="0 takes a free one.",
)
@on_database
def serve(host: str, port: int, settings: Settings, as_json: bool) -> None:
    """Answer HTTP requests and carry out runs, until Ctrl-C or SIGTERM.

    Clients send `Authorization: Bearer` with an API key, which also says whose workspace they are
    in. A first start makes an owner with a key and shows it once; `ask-copilot keys create` makes
    more. Other commands on the same data folder go on working: they ask this server. With
    ASK_COPILOT_NIGHTLY it looks at the failures every night.
    """
    with _listening(host, port) as listener:
        _require_place_beyond_this_machine(listener, settings)
        with here(settings, dispatch=True) as app:
            _require_key_beyond_this_machine(listener, app)
            key = app.access.first_owner(settings.workspace, settings.user)
            _run(app, listener, key=key, as_json=as_json)
    click.echo("Stopped. A run that was under way goes on at the next start.", err=True)


def _run(app: App, listener: socket.socket, *, key: NewApiKey | None, as_json: bool) -> None:
    url = _address(listener)
    note = _presence.ServerNote(
        **_presence.own("ask-copilot serve").model_dump(),
        url=_reachable_here(listener),
        database=_presence.database_digest(app.settings),
        secret=_local_key.new_secret(),
    )
    keys = _local_key.LocalKeys(note.secret, app.access.local_owner)
    door = _local_key.Door(create_app(app, local_keys=keys.known), keys)
    server = _server(door, stopping=app.engine.streams.stop)
    with ExitStack() as closing:
        closing.enter_context(log_to_stderr(app.settings))
        closing.enter_context(_stopped_by_signals(server))
        closing.enter_context(_presence.noted(app.settings.data, _presence.SERVER, note))
        _announce(url, listener, key=key, settings=app.settings, as_json=as_json)
        server.run(sockets=[listener])


@contextmanager
def _listening(host: str, port: int) -> Generator[socket.socket]:
    """A socket on *host*. Raises InvalidInput when it can't be had."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family)
    except OSError as error:
        problem = f"{host}:{port} can't be listened on: {error.strerror}."
        raise InvalidInput("--host, --port", problem, "Choose others.") from None
    with listener:
        # Connections inherit it; without it an answer waits 40 ms for the client's acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener


def _ip(listener: socket.socket) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(listener.getsockname()[0].partition("%")[0])


def _require_place_beyond_this_machine(listener: socket.socket, settings: Settings) -> None:
    """A database that is not there yet has no key, and none is made for a whole network to try."""
    new = settings.database_url is None and not settings.data.is_dir()
    if new and not _ip(listener).is_loopback:
        raise _no_key()


def _require_key_beyond_this_machine(listener: socket.socket, app: App) -> None:
    if _ip(listener).is_loopback:
        return
    now = datetime.now(UTC)
    keys = app.owner().account.keys()
    if not any(key.revoked_at is None and (key.expires_at or now) >= now for key in keys):
        raise _no_key()


def _no_key() -> InvalidInput:
    return InvalidInput(
        "--host",
        "other machines can reach this address, and nobody has a key yet.",
        "Make the first one with `ask-copilot init`, or listen on 127.0.0.1.",
    )


def _address(listener: socket.socket, host: str | None = None) -> str:
    bound, port = listener.getsockname()[:2]
    shown = host or bound
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _reachable_here(listener: socket.socket) -> str:
    """Where commands on this machine ask: an address for all of its addresses is none itself."""
    ip = _ip(listener)
    if not ip.is_unspecified:
        return _address(listener)
    return _address(listener, "127.0.0.1" if ip.version == 4 else "::1")


def _announce(
    url: str,
    listener: socket.socket,
    *,
    key: NewApiKey | None,
    settings: Settings,
    as_json: bool,
) -> None:
    if as_json:
        shown = None if key is None else key.model_dump(mode="json")
        write_json_line({"url": url, "workspace": settings.workspace, "key": shown})
    elif key is not None:
        click.echo(key_text(key).plain, err=True)
    if not _ip(listener).is_loopback:
        click.echo(
            "Warning: other machines can reach this address, and HTTP is not encrypted. "
            "Put a proxy that speaks TLS in front.",
            err=True,
        )
    for words in check(settings):
        click.echo(f"Warning: {words}", err=True)
    click.echo(f"Listening on {url}.", err=True)


class _Server(uvicorn.Server):
    """Ends what would not end by itself, such as streams, as soon as it is told to stop."""

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._stopping()
        super().handle_exit(sig, frame)


def _server(rest: ASGIApp, *, stopping: Callable[[], None]) -> uvicorn.Server:
    # An error inside a request is logged where its answer is made, without anybody's data.
    logging.getLogger("uvicorn.error").addFilter(lambda record: not record.exc_info)
    config = uvicorn.Config(
        rest,
        log_level="warning",
        log_config=None,  # its own would take the place of ours
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=GRACE,
    )
    return _Server(config, stopping)


@contextmanager
def _stopped_by_signals(server: uvicorn.Server) -> Generator[None]:
    """A signal ends the server in order, and nothing else: uvicorn raises it again afterwards."""
    stopping = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, server.handle_exit) for number in stopping}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)
