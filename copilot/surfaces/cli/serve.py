"""`serve`: the use cases over HTTP, for one workspace, until it is told to stop."""

import ipaddress
import logging
import secrets
import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import click
import uvicorn
from fastapi import FastAPI

from ...bootstrap import open_app
from ...errors import InvalidInput
from ...settings import Settings
from ..rest.app import create_app
from ._output import write_json_line
from ._session import answers_errors, place_options, settings_for

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
@place_options
@answers_errors
def serve(host: str, port: int, data: Path | None, workspace: str | None, as_json: bool) -> None:
    """Answer HTTP requests and carry out runs, until Ctrl-C or SIGTERM.

    Clients send `Authorization: Bearer` with the token of ASK_COPILOT_TOKEN; without that setting
    a new token is made for each start and shown here.
    """
    settings = settings_for(data, workspace)
    with _listening(host, port, settings) as listener, open_app(settings) as app:
        token = _token(settings)
        server = _server(create_app(app, token=token))
        with _stopped_by_signals(server):
            _announce(settings, listener, token=token, as_json=as_json)
            server.run(sockets=[listener])
    click.echo("Stopped. A run that was under way goes on at the next start.", err=True)


@contextmanager
def _listening(host: str, port: int, settings: Settings) -> Generator[socket.socket]:
    """A socket on *host*. Raises InvalidInput when it can't be had, or would be open to others."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family)
    except OSError as error:
        problem = f"{host}:{port} can't be listened on: {error.strerror}."
        raise InvalidInput("--host, --port", problem, "Choose others.") from None
    with listener:
        # Connections inherit it; without it an answer waits 40 ms for the client's acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _require_token_beyond_this_machine(listener, settings)
        yield listener


def _require_token_beyond_this_machine(listener: socket.socket, settings: Settings) -> None:
    address = ipaddress.ip_address(listener.getsockname()[0].partition("%")[0])
    if settings.token is None and not address.is_loopback:
        raise InvalidInput(
            "--host",
            "other machines can reach this address.",
            "Set ASK_COPILOT_TOKEN (20 characters or more), or listen on 127.0.0.1.",
        )


def _token(settings: Settings) -> str:
    return settings.token.get_secret_value() if settings.token else secrets.token_urlsafe(32)


def _announce(settings: Settings, listener: socket.socket, *, token: str, as_json: bool) -> None:
    host, port = listener.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    if settings.token is None:
        click.echo(f"Token for this start: {token}", err=True)
    if as_json:
        write_json_line({"url": url, "workspace": settings.workspace})
    click.echo(f"Listening on {url} for workspace {settings.workspace}.", err=True)


def _server(rest: FastAPI) -> uvicorn.Server:
    # An error inside a request is logged where its answer is made, without anybody's data.
    logging.getLogger("uvicorn.error").addFilter(lambda record: not record.exc_info)
    return uvicorn.Server(
        uvicorn.Config(
            rest,
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=GRACE,
        )
    )


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
