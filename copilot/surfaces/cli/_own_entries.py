"""`kb add`, `kb remove` and `kb list`: what a workspace knows itself."""

from pathlib import Path

import click

from ...errors import InvalidInput
from ...settings import Settings
from ._knowledge_view import show_own
from ._output import console, write_json
from ._session import on_workspace, service
from ._shown import line

LARGEST_FILE = 200_000


@click.command("add")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@on_workspace
def add_entry(file: Path, settings: Settings, as_json: bool) -> None:
    """Store the entry in FILE for this workspace; its name is that of the file.

    With the name of a shipped entry it takes that one's place. It is refused, naming field and
    problem, when it can't be used or when one of its own examples does not hold.
    """
    content = _text(file)
    with service(settings) as asked:
        stored = asked.knowledge.put(file.stem, content)
    if as_json:
        write_json(stored)
        return
    what = "in the place of the shipped one" if stored.overrides else "new"
    click.echo(f"Stored: {line(stored.entry_id)} ({stored.root_cause}, {what}).")


@click.command("remove")
@click.argument("entry")
@on_workspace
def remove_entry(entry: str, settings: Settings, as_json: bool) -> None:
    """Remove ENTRY from this workspace; a shipped one that it replaced counts again."""
    with service(settings) as asked:
        asked.knowledge.remove(entry)
    if as_json:
        write_json({"removed": entry})
    else:
        click.echo(f"Removed: {line(entry)}.")


@click.command("list")
@on_workspace
def list_entries(settings: Settings, as_json: bool) -> None:
    """List the entries that this workspace has written itself."""
    with service(settings) as asked:
        entries = asked.knowledge.list()
    if as_json:
        write_json({"entries": list(entries)})
    else:
        show_own(console(), entries)


def _text(file: Path) -> str:
    """Raises InvalidInput for what is no text."""
    try:
        data = file.read_bytes()
        if len(data) > LARGEST_FILE:
            raise InvalidInput(file.name, f"larger than {LARGEST_FILE:,} bytes.", "")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise InvalidInput(file.name, f"{error.strerror}.", "") from None
    except UnicodeDecodeError:
        raise InvalidInput(file.name, "not UTF-8.", "Save it as UTF-8.") from None
