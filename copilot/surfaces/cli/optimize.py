"""`optimize`: what could be better about a workflow before it runs."""

from pathlib import Path

import click

from ...bootstrap import definition_text
from ...errors import InvalidInput
from ...settings import Settings
from ...types.suggestion import SuggestionDismissal
from ._output import console, write_json
from ._session import on_workspace, service
from ._shown import PROSE, line, moment
from ._suggestions import show_suggestions


@click.command()
@click.argument("workflow", required=False)
@click.option(
    "--file",
    type=click.Path(path_type=Path),
    help="A definition that is not stored; with WORKFLOW, what is to be its next version.",
)
@click.option("--dismiss", metavar="SUGGESTION", help="Tell this one of WORKFLOW no more.")
@click.option("--reason", default="", help="Why, with --dismiss.")
@on_workspace
def optimize(
    workflow: str | None,
    file: Path | None,
    dismiss: str | None,
    reason: str,
    settings: Settings,
    as_json: bool,
) -> None:
    """Say what could be better about WORKFLOW before it runs, and what says so.

    Documents that steps do not need, limits that do not fit what such steps cost, a runtime that
    held more often, failures that repeat, and prompts that may go round in circles. What can be
    applied has a fix, which is approved like any other. A suggestion that was dismissed comes again
    when what it is about has grown by a half.

    For example: ask-copilot optimize outreach
    """
    if workflow is None and (file is None or dismiss is not None):
        raise InvalidInput("WORKFLOW", "nothing is named.", "Give a workflow's id, or --file FILE.")
    if dismiss is not None and workflow is not None:
        if file is not None:
            raise InvalidInput("--file", "it goes with no --dismiss.", "Leave it out.")
        _dismiss(workflow, dismiss, reason=reason, settings=settings, as_json=as_json)
        return
    with service(settings) as asked:
        if file is not None:
            found = asked.optimizer.optimize(definition_text(file), workflow_id=workflow)
        else:
            found = asked.optimizer.suggestions(workflow or "")
    if as_json:
        write_json(found)
    else:
        show_suggestions(console(), found)


def _dismiss(
    workflow: str, suggestion: str, *, reason: str, settings: Settings, as_json: bool
) -> None:
    with service(settings) as asked:
        done = asked.optimizer.dismiss(workflow, suggestion, reason=reason)
    if as_json:
        write_json(done)
    else:
        console().print(line(_words(done), limit=PROSE), markup=False, soft_wrap=True)


def _words(done: SuggestionDismissal) -> str:
    why = f": {done.reason}" if done.reason else ""
    return f"Dismissed at {moment(done.at)} by {done.by_name}{why}"
