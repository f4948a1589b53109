"""`prompt`: the exact words that a model was asked with, or would be."""

from typing import IO

import click
from rich.console import Console
from rich.text import Text

from ...secrets import WorkspaceSecrets, read_secrets
from ...settings import Settings
from ...types import RunRecord
from ...types.consultation import ModelCall, StoredPrompt
from ._output import console, write_json
from ._session import on_workspace, service
from ._shown import PROSE, block, line
from .pure import installed_knowledge


@click.command()
@click.argument("execution", required=False)
@click.option(
    "--run",
    "file",
    type=click.File(encoding="utf-8-sig", errors="replace"),
    help="A failed run as one JSON object ('-' for standard input); no database is needed.",
)
@on_workspace
def prompt(execution: str | None, file: IO[str] | None, settings: Settings, as_json: bool) -> None:
    """Show the exact words a model was last asked with about EXECUTION, and what became of it.

    Where no model was asked: the words it would be asked with now. With --run, those for a run
    of any system. Nobody is asked, and nothing is stored or charged.
    """
    if (execution is None) == (file is None):
        raise click.UsageError("Name one EXECUTION, or give a run with --run.")
    if file is not None:
        found = _rehearsed(file, settings)
    else:
        with service(settings) as asked:
            found = asked.analyses.prompt(execution or "")
    if as_json:
        write_json(found)
    else:
        _show(console(), found)


def _rehearsed(file: IO[str], settings: Settings) -> StoredPrompt:
    from ...pipeline.words import Words
    from ...rehearsal import rehearse
    from ...runtimes import token_counter

    secrets = WorkspaceSecrets(read_secrets(settings.secrets_file))
    words = Words(secrets=secrets.all, count=token_counter(settings.tokenizer_file))
    return rehearse(_read(file, settings), installed_knowledge(), words)


def _read(file: IO[str], settings: Settings) -> RunRecord:
    """Raises InvalidInput."""
    from ...sources import jsonl

    data = jsonl.decode(file.read(), file.name)
    return jsonl.parse_run(data, where=file.name, workspace_id=settings.workspace)


def _show(to: Console, found: StoredPrompt) -> None:
    for text in _facts(found):
        to.print(Text(line(text, limit=PROSE), style="dim"))
    for title, text in (("System", found.system), ("User", found.user)):
        to.print()
        to.print(Text(title, style="bold"))
        to.print(Text(block(text)))


def _facts(found: StoredPrompt) -> list[str]:
    who = f"{found.runtime}, {found.model}" if found.runtime else "no model has been asked"
    told = [f"Prompt {found.template}, run {found.execution_id}: {who}"]
    told += [_call(one) for one in found.calls]
    if found.reason:
        told.append(f"No answer: {found.reason}")
    if found.tokens is not None:
        told.append(f"About {found.tokens} tokens")
    if found.redacted:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(found.redacted.items()))
        told.append(f"Taken out: {kinds}")
    return told


def _call(one: ModelCall) -> str:
    tokens = (
        "" if one.input_tokens is None else f", {one.input_tokens} + {one.output_tokens} tokens"
    )
    cost = "price not known" if one.cost_usd is None else f"{one.cost_usd:f} USD"
    return f"{one.model}: {one.outcome} after {one.milliseconds} ms{tokens}, {cost}"
