"""`data`: everything that is stored about the workspace, to take out or to delete."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

import click

from ...bootstrap import App
from ...errors import InvalidInput
from ...settings import Settings
from ._output import console, escaped, write_json
from ._questions import typed
from ._session import here, on_database, require_place, require_this_machine


@click.group()
def data() -> None:
    """Everything that is stored about the workspace: take it out, or delete it.

    This is for whoever holds the database; a server is never asked. Files in the workspace's folder
    are not part of it.
    """


@data.command()
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A new file, readable by you alone; without it, standard output.",
)
@on_database
def export(output: Path | None, settings: Settings, as_json: bool) -> None:
    """Write out everything as lines of JSON: a head, each row with its table, and an end.

    Known secrets, digests of API keys and stored answers are not in it. A file without its last
    line, `{"end": true, …}`, is not complete.

    For example: ask-copilot data export -o default.jsonl
    """
    with _stored(settings) as app:
        lines = map(escaped, app.data.export(settings.workspace))
        if output is None:
            for line in lines:
                click.echo(line)
            return
        with _new_file(output) as file:
            rows = sum(bool(file.write(f"{line}\n")) for line in lines) - 2  # head and end
    if as_json:
        write_json({"workspace": settings.workspace, "file": str(output), "rows": rows})
    else:
        console().print(f"{rows:,} rows are in {output}", markup=False)


@data.command()
@click.option("--confirm", metavar="WORKSPACE", help="The workspace's name; asked for otherwise.")
@on_database
def clear(confirm: str | None, settings: Settings, as_json: bool) -> None:
    """Delete everything, for good: workflows, runs, analyses, settings, keys, and the audit trail.

    Refused while a run is queued, running or paused. Other workspaces and files stay as they are.
    `ask-copilot data export` first keeps a copy; `ask-copilot init` makes the workspace anew.

    For example: ask-copilot data clear --workspace trial --confirm trial
    """
    require_this_machine(settings)
    if confirm is None:
        confirm = _typed_name(settings.workspace, as_json=as_json)
    with _stored(settings) as app:
        counts = app.data.clear(settings.workspace, confirm=confirm)
    rows = sum(counts.values())
    if as_json:
        write_json({"workspace": settings.workspace, "rows": rows, "counts": counts})
    else:
        console().print(f"Deleted: {rows:,} rows of {settings.workspace}", markup=False)


def _typed_name(workspace_id: str, *, as_json: bool) -> str:
    """The name as somebody types it. Raises InvalidInput where nobody can."""
    if as_json:
        problem = "it is not given, and with --json nobody is asked."
        raise InvalidInput("--confirm", problem, "Give the workspace's name.")
    click.echo(f"Everything in the workspace {workspace_id!r} will be deleted for good.", err=True)
    return typed("Its name, to go on", otherwise="Or give --confirm with the workspace's name.")


@contextmanager
def _stored(settings: Settings) -> Generator[App]:
    """The application over data that is there: none is made here to be read or deleted."""
    require_this_machine(settings)
    require_place(settings)
    with here(settings) as app:
        yield app


@contextmanager
def _new_file(path: Path) -> Generator[IO[str]]:
    """A file that appears when it is complete. Raises InvalidInput if there is one."""
    if path.exists():
        raise InvalidInput(str(path), "there is a file already.", "Name another one.")
    with NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        unfinished = Path(file.name)
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
