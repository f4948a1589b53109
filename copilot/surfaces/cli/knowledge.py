"""`kb`: what the rules know, looked at, tried out and extended."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import cast

import click

from knowledge_base import Example, KnowledgeBase, load

from ...types import Diagnosis
from .._errors import Exit
from ._output import console, deliberate_errors, write_json

#: The repository's own labelled failures; an installed package has none.
CORPUS = Path("fixtures/failures.jsonl")
_FOLDER = click.argument(
    "folder", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False)
)
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document.")
#: Commands over a workspace, which need more than the pure ones to start.
_STORED: Mapping[str, str] = MappingProxyType(
    {"add": "add_entry", "remove": "remove_entry", "list": "list_entries"}
)


class _KnowledgeGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *_STORED]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _STORED:
            return super().get_command(ctx, cmd_name)
        module = import_module("._own_entries", __package__)
        return cast("click.Command", getattr(module, _STORED[cmd_name]))


@click.group(cls=_KnowledgeGroup)
def kb() -> None:
    """Look at what the rules know, try it out, and add entries of your own.

    An entry says how one kind of failure is recognised, what it means, and what helps. Entries of
    your own are files in a folder (ASK_COPILOT_KNOWLEDGE), or stored for one workspace with `add`.
    """


@kb.command()
@_FOLDER
@_JSON
@deliberate_errors
def lint(folder: Path | None, as_json: bool) -> None:
    """Find what is wrong with the shipped entries, or with those in FOLDER.

    A file that can't be used at all ends it with the file, the field and the problem. Errors among
    the findings end it with exit code 3; warnings are to be looked at.
    """
    from knowledge_base.linting import lint as findings_in

    from ._knowledge_view import show_findings

    knowledge, only = _knowledge(folder)
    found = findings_in(knowledge, only=only)
    errors = sum(one.level == "error" for one in found)
    if as_json:
        counts = {"errors": errors, "warnings": len(found) - errors}
        write_json({"entries": len(only or knowledge.entries), **counts, "findings": list(found)})
    else:
        show_findings(console(), found, entries=len(only or knowledge.entries))
    if errors:
        sys.exit(Exit.INVALID_INPUT)


@kb.command()
@_FOLDER
@_JSON
@deliberate_errors
def test(folder: Path | None, as_json: bool) -> None:
    """Try every example of the shipped entries, or of those in FOLDER.

    An example that does not hold ends it with exit code 3.
    """
    from knowledge_base.trial import try_examples

    from ._knowledge_view import show_trial

    knowledge, only = _knowledge(folder)
    trial = try_examples(knowledge, _diagnose(knowledge), only=only)
    if as_json:
        write_json(trial)
    else:
        show_trial(console(), trial)
    if trial.broken:
        sys.exit(Exit.INVALID_INPUT)


@kb.command()
@click.argument("text")
@click.option("--type", "error_type", help="Class of the exception.")
@click.option("--action", help="What the step does: send_email.")
@_JSON
@deliberate_errors
def explain(text: str, error_type: str | None, action: str | None, as_json: bool) -> None:
    """Show which patterns speak about TEXT ('-' for standard input), which one won, and why."""
    from knowledge_base.trial import reasons

    from ._knowledge_view import show_reasons

    with click.open_file("-", encoding="utf-8", errors="replace") as stdin:
        message = stdin.read() if text == "-" else text
    example = Example(message=message, error_type=error_type, step_action=action)
    knowledge = _installed()
    found = _diagnose(knowledge)(example)
    told = reasons(knowledge, example, chosen=found.entry, root_cause=found.root_cause)
    if as_json:
        write_json({"diagnosis": found, "reasons": list(told)})
    else:
        show_reasons(console(), found, told)


@kb.command()
@click.option(
    "--corpus",
    type=click.Path(path_type=Path, dir_okay=False),
    default=CORPUS,
    show_default=True,
    help="Labelled failures, one JSON object a line: message, root_cause and, where known, "
    "error_type, traceback, step_action, also_ok.",
)
@_JSON
@deliberate_errors
def coverage(corpus: Path, as_json: bool) -> None:
    """Say how well the rules tell the failures of a corpus, and which entries never matched."""
    from knowledge_base.coverage import measure

    from ._knowledge_view import show_coverage, written_out
    from ._labelled import read_labelled

    knowledge = _installed()
    found = measure(knowledge, read_labelled(corpus), _diagnose(knowledge))
    if as_json:
        write_json(written_out(found))
    else:
        show_coverage(console(), found)


def _installed() -> KnowledgeBase:
    from .pure import installed_knowledge

    return installed_knowledge()


def _knowledge(folder: Path | None) -> tuple[KnowledgeBase, frozenset[str] | None]:
    """What is shipped with *folder* over it, and the names in *folder*."""
    from knowledge_base.own import read_own, with_own

    if folder is None:
        return load(), None
    own = read_own(folder)
    if not own:
        raise click.UsageError(f"There is no .yaml file in {folder}.")
    return with_own(load(), own), frozenset(own)


def _diagnose(knowledge: KnowledgeBase) -> Callable[[Example], Diagnosis]:
    from ...pipeline.diagnose import diagnose

    def answer(example: Example) -> Diagnosis:
        return diagnose(**example.model_dump(), knowledge=knowledge)

    return answer
