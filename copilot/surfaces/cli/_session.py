"""The use cases for the length of one command: on a server, or on the database itself.

In this order: the server of ASK_COPILOT_URL or --url; a server that serves the data folder; the
database, for which other commands are waited.
"""

import functools
import sys
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from ...bootstrap import DELIBERATE, STORAGE_FAILURES, App, open_app, unavailable
from ...errors import CopilotError, InvalidInput, ServerUnreachable, Unauthenticated
from ...remote import RemoteService
from ...remote.connection import without_password
from ...service import Service
from ...settings import Settings, load
from ...types.principal import PrincipalKind
from .._errors import Exit
from . import _local_key, _presence
from ._output import fail

Command = Callable[..., None]

#: Seconds in which a server on this machine says who it is; one that does not is taken for gone.
PROBE = 5.0
#: Seconds of waiting for the database until the folder is looked at again for a server.
SLICE = 0.5
BUSY = "store_busy"


def json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="One JSON document.")(command)


def place_options(command: Command) -> Command:
    """Where the command acts: data folder, workspace or server."""
    data = click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder of database and files [.ask-copilot].",
    )
    workspace = click.option("--workspace", help="Workspace to act in [default].")
    return data(workspace(json_option(command)))


def on_workspace(command: Command) -> Command:
    """A command over a `Service`: it gets `settings` and `as_json`, and its errors are answered."""

    @functools.wraps(command)
    @answers_errors
    def run(
        *args: Any, data: Path | None, workspace: str | None, url: str | None, **rest: Any
    ) -> None:
        command(*args, settings=settings_for(data, workspace, url), **rest)

    server = click.option("--url", help="Ask this server, with the key of ASK_COPILOT_KEY.")
    return place_options(server(run))


def on_database(command: Command) -> Command:
    """A command over the database itself: it gets `settings` and `as_json` too."""

    @functools.wraps(command)
    @answers_errors
    def run(*args: Any, data: Path | None, workspace: str | None, **rest: Any) -> None:
        command(*args, settings=settings_for(data, workspace), **rest)

    return place_options(run)


def answers_errors(command: Command) -> Command:
    """Errors raised on purpose, by engine or copilot, become a message, a code and an exit code."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except DELIBERATE as error:
            fail(error, as_json=bool(kwargs.get("as_json")))
        except BrokenPipeError:
            raise  # the reader of a pipe has gone; click ends quietly
        except STORAGE_FAILURES as error:
            fail(unavailable(error), as_json=bool(kwargs.get("as_json")))
        except KeyboardInterrupt:
            click.echo(
                "Interrupted. A run that was under way goes on: on a server by itself, here with "
                "`ask-copilot resume EXECUTION`.",
                err=True,
            )
            sys.exit(Exit.INTERRUPTED)

    return run


def settings_for(data: Path | None, workspace: str | None, url: str | None = None) -> Settings:
    """Settings of the environment, and of the options where they are given.

    A folder or a server that is named by an option counts more than one in the environment.
    """
    if data is not None and url is not None:
        raise click.UsageError("Name a folder with --data or a server with --url, not both.")
    settings = load(data=data, workspace=workspace, url=url)
    return settings if data is None else settings.model_copy(update={"url": None})


@contextmanager
def service(
    settings: Settings, *, dispatch: bool = False, machine: str | None = None
) -> Generator[Service]:
    """The use cases, wherever they are carried out.

    dispatch: carry out runs, where no server does. machine: act as a program of this name, which
    may not approve, instead of as the owner; with a named server the key decides. Raises
    ServerUnreachable and Unauthenticated, and StoreBusy naming the process that has the database
    for longer than `lock_wait_seconds`.
    """
    with ExitStack() as closing:
        if settings.url is not None:
            yield closing.enter_context(_named_server(settings))
            return
        require_place(settings)
        # What is done by the clock is for a server or a worker to do.
        quiet = settings.model_copy(update={"nightly": None, "retention_days": None})
        server = _found_server(settings, machine)
        deadline = time.monotonic() + settings.lock_wait_seconds
        while server is None:
            app = _opened(closing, quiet, dispatch=dispatch, until=deadline)
            if app is not None:
                yield _on(app, machine)
                return
            server = _found_server(settings, machine)
        yield closing.enter_context(server)


def _on(app: App, machine: str | None) -> Service:
    if machine is None:
        return app.owner()
    return app.copilot.serve(_local_key.machine(app.settings.workspace, machine))


def require_this_machine(settings: Settings) -> None:
    """For what is never asked of a server: it must not happen here when a server was meant.

    Raises InvalidInput when a server is named.
    """
    if settings.url is not None:
        raise InvalidInput(
            "ASK_COPILOT_URL",
            f"it names a server, and `{_command()}` is for whoever holds the database.",
            "Unset it, or name the folder with --data.",
        )


@contextmanager
def here(settings: Settings, *, dispatch: bool = False) -> Generator[App]:
    """The application itself, for what only makes sense on this machine; makes the folder.

    With *dispatch* it carries out runs, and the schedule of the settings. Raises StoreBusy, which
    says so when it is a server that has the database.
    """
    note = _live_server(settings) if is_one_file(settings) else None
    if note is not None:
        raise _presence.served(settings, note, _command())
    with ExitStack() as closing:
        deadline = time.monotonic() + settings.lock_wait_seconds
        app = None
        while app is None:
            app = _opened(closing, settings, dispatch=dispatch, until=deadline)
        yield app


def _opened(closing: ExitStack, settings: Settings, *, dispatch: bool, until: float) -> App | None:
    """The application; None when another process still has it, and it is not *until* yet."""
    left = max(0.0, until - time.monotonic())
    brief = settings.model_copy(update={"lock_wait_seconds": min(SLICE, left)})
    try:
        app = closing.enter_context(open_app(brief, dispatch=dispatch))
    except DELIBERATE as error:
        if error.code != BUSY:
            raise
        if left > 0:
            return None
        raise _presence.held(settings) from None
    note = _presence.own(_command())
    closing.enter_context(_presence.noted(settings.data, _presence.HOLDER, note))
    return app


def require_place(settings: Settings) -> None:
    """Raises UsageError where nothing was ever stored."""
    if settings.database_url is None and not settings.data.is_dir():
        raise click.UsageError(
            f"There is no {settings.data} here. Run `ask-copilot init` first, name another folder "
            "with --data, or a server with --url."
        )


@contextmanager
def _named_server(settings: Settings) -> Generator[Service]:
    url = without_password(settings.url or "")
    if settings.key is None:
        raise InvalidInput("ASK_COPILOT_KEY", "it is not set.", f"Set it to an API key of {url}.")
    if not _keeps_secrets(url):
        click.echo(f"Warning: {url} is not https, so the API key can be read on the way.", err=True)
    named = settings.workspace if "workspace" in settings.model_fields_set else None
    with RemoteService(url, settings.key, workspace=named) as server:
        yield server


def _keeps_secrets(url: str) -> bool:
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        local = ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    return local or parts.scheme == "https"


def _found_server(settings: Settings, machine: str | None) -> RemoteService | None:
    """The server that serves this data folder, if it answers."""
    note = _live_server(settings)
    return None if note is None else _local_client(settings, note, machine)


def _live_server(settings: Settings) -> _presence.ServerNote | None:
    """The note of a server that knows the note's secret; notes of others are stale."""
    note = _presence.read(settings.data, _presence.SERVER, _presence.ServerNote)
    if note is None or note.database != _presence.database_digest(settings):
        return None
    with _local_client(settings, note, None, timeout=PROBE, attempts=1) as server:
        try:
            _ = server.principal
        except (ServerUnreachable, Unauthenticated):
            return None
        except CopilotError:
            return note  # it knows the key, and is busy
    return note


def _local_client(
    settings: Settings, note: _presence.ServerNote, machine: str | None, **options: Any
) -> RemoteService:
    key = _local_key.key_for(
        note.secret,
        workspace_id=settings.workspace,
        name=machine or settings.user,
        kind=PrincipalKind.MACHINE if machine else PrincipalKind.PERSON,
    )
    return RemoteService(note.url, key, workspace=settings.workspace, **options)


def is_one_file(settings: Settings) -> bool:
    """Whether only one process can have the database at a time."""
    return settings.database.startswith("sqlite")


def _command() -> str:
    context = click.get_current_context(silent=True)
    return context.command_path if context is not None else "ask-copilot"
