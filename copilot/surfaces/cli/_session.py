"""An open application for the length of one command, with the options every command has."""

import functools
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from ...bootstrap import DELIBERATE, STORAGE_FAILURES, App, open_app, unavailable
from ...settings import Settings, load
from .._errors import Exit
from ._output import fail

Command = Callable[..., None]


def json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="One JSON document.")(command)


def place_options(command: Command) -> Command:
    """Where the command acts: data folder and workspace."""
    data = click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder of database and files [.ask-copilot].",
    )
    workspace = click.option("--workspace", help="Workspace to act in [default].")
    return data(workspace(json_option(command)))


def answers_errors(command: Command) -> Command:
    """Errors raised on purpose, by engine or copilot, become a message, a code and an exit code."""

    @functools.wraps(command)
    def run(**kwargs: Any) -> None:
        try:
            command(**kwargs)
        except DELIBERATE as error:
            fail(error, as_json=bool(kwargs.get("as_json")))
        except BrokenPipeError:
            raise  # the reader of a pipe has gone; click ends quietly
        except STORAGE_FAILURES as error:
            fail(unavailable(error), as_json=bool(kwargs.get("as_json")))
        except KeyboardInterrupt:
            click.echo(
                "Interrupted. A run that was under way goes on with `ask-copilot resume EXECUTION`.",
                err=True,
            )
            sys.exit(Exit.INTERRUPTED)

    return run


def settings_for(data: Path | None, workspace: str | None) -> Settings:
    return load(data=data, workspace=workspace)


@contextmanager
def session(settings: Settings, *, dispatch: bool = False) -> Generator[App]:
    """An application over an existing data folder; only `init`, `demo` and `serve` make one."""
    if settings.database_url is None and not settings.data.is_dir():
        raise click.UsageError(
            f"There is no {settings.data} here. Run `ask-copilot init` first, or name another "
            "folder with --data."
        )
    with open_app(settings, dispatch=dispatch) as app:
        yield app
