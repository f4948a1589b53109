"""`mcp`: the chat tools for a client that speaks the Model Context Protocol, over stdio."""

import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial

import click

from ...errors import StoreBusy
from ...settings import Settings
from ..cli._session import on_workspace, service
from .connection import FolderConnection, ServerConnection
from .toolbox import Toolbox, machine_service

#: Whom the records name for what the tools did, where no key says so.
NAME = "chat"


@click.command()
@on_workspace
def mcp(settings: Settings, as_json: bool) -> None:
    """Offer the chat tools to an MCP client over stdio: why a run failed, what would repair it.

    A client starts this by itself, with a configuration such as
    {"command": "ask-copilot", "args": ["mcp", "--data", "/path/to/.ask-copilot"]}. No tool can
    approve a fix; people do, with `ask-copilot fix apply`. For a server, set ASK_COPILOT_URL, and
    ASK_COPILOT_KEY to a machine's key, from
    `ask-copilot keys create chat --kind machine --role operator`.
    """
    from .mcp import server

    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(message)s"
    )
    with _toolbox(settings) as toolbox:
        server(toolbox).run("stdio")


@contextmanager
def _toolbox(settings: Settings) -> Generator[Toolbox]:
    if settings.url is not None:
        with service(settings) as asked:
            yield Toolbox(ServerConnection(machine_service(asked)))
        return
    connection = FolderConnection(partial(service, settings, machine=NAME))
    try:
        _look_at(connection)
        yield Toolbox(connection)
    finally:
        connection.close()


def _look_at(connection: FolderConnection) -> None:
    """Raises for a folder that can't be used at all; one that is in use will be free again."""
    try:
        with connection.open(starts_work=False):
            pass
    except StoreBusy as error:
        logging.getLogger(__name__).warning("%s", error)
