"""`fix patch` and `fix handoff`: a fix given to somebody else. Nothing is applied."""

import re
import sys
from pathlib import Path

import click

from ...characters import has_hidden
from ...errors import InvalidInput
from ...settings import Settings
from ...types.handoff import FixPatch
from ._output import console, write_json
from ._session import on_workspace, service
from ._shown import PROSE, block, line

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]+")


@click.command("patch")
@click.argument("fix_id")
@click.option(
    "--file", "path", required=True, help="The definition, from the root of the repository."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the .patch and the .md; without it, the patch is printed.",
)
@on_workspace
def patch(fix_id: str, path: str, out: Path | None, settings: Settings, as_json: bool) -> None:
    """Write FIX_ID as a patch of a definition that is kept in git, for git apply.

    Call it at the root of the repository. The comments and the order of the file are kept where the
    change has a place in it. Nothing is applied. For example:
    ask-copilot fix patch FIX --file agents/mail.yaml | git apply
    """
    content = _read(path)
    with service(settings) as asked:
        made = asked.handoffs.patch(fix_id, path=path, content=content)
    if out is not None:
        _write(out, made)
    if as_json:
        write_json(made)
        return
    if out is None:
        _print(made.patch)
    for note in made.notes:
        click.echo(line(note, limit=PROSE), err=True)


@click.command("handoff")
@click.argument("fix_or_analysis")
@on_workspace
def handoff(fix_or_analysis: str, settings: Settings, as_json: bool) -> None:
    """Print a fix in words, as Markdown for a colleague or a coding agent.

    With the id of an analysis, all its remedies: also for runs of other systems, which have no patch.
    """
    with service(settings) as asked:
        made = asked.handoffs.handoff(fix_or_analysis)
    if as_json:
        write_json(made)
    else:
        click.echo(block(made.text).rstrip("\n"))


def _read(path: str) -> str:
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:  # CRLF is part of the file
            return file.read()
    except OSError as error:
        raise InvalidInput("--file", f"{error.strerror}.", "") from None
    except ValueError:
        raise InvalidInput("--file", "it is not UTF-8 text.", "") from None


def _print(text: str) -> None:
    """As it is, so that it can be applied; a terminal is spared what it would carry out."""
    if sys.stdout.isatty() and has_hidden(text.replace("\r\n", "\n")):
        raise InvalidInput(
            "--out", "the patch has characters that can't be seen.", "Name a folder."
        )
    click.echo(text, nl=False)


def _write(folder: Path, made: FixPatch) -> None:
    try:
        _write_both(folder, made)
    except OSError as error:
        raise InvalidInput("--out", f"{folder}: {error.strerror}.", "Name another.") from None


def _write_both(folder: Path, made: FixPatch) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    name = _NOT_IN_A_NAME.sub("-", made.fix_id)[:100]
    for suffix, text in (("patch", made.patch), ("md", made.handoff)):
        file = folder / f"{name}.{suffix}"
        file.write_text(text, encoding="utf-8", newline="")
        console(stderr=True).print(f"Written: {line(str(file))}", markup=False)
