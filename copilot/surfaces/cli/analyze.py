"""`analyze` and `report`: why a run failed, and what to do."""

import sys
from dataclasses import dataclass
from typing import IO

import click
from rich.text import Text

from ...errors import (
    CopilotError,
    Forbidden,
    InsufficientCredits,
    ServerUnreachable,
    details,
)
from ...postmortem import as_markdown
from ...service import Service
from ...settings import Settings
from ...sources import jsonl
from ...types import Report
from .._errors import exit_code
from ._output import console, write_json, write_json_line
from ._render import show_report
from ._session import on_workspace, service
from ._shown import block, line


@click.command()
@click.argument("execution", required=False)
@click.option(
    "--file",
    type=click.File(encoding="utf-8-sig", errors="replace"),
    help="Runs of another system, one JSON object a line ('-' for standard input).",
)
@click.option("--markdown", "as_md", is_flag=True, help="As a document, for a ticket or a wiki.")
@click.option(
    "--require-model",
    is_flag=True,
    help="Have a model asked although the rules are sure; it takes 2 credits.",
)
@on_workspace
def analyze(
    execution: str | None,
    file: IO[str] | None,
    as_md: bool,
    require_model: bool,
    settings: Settings,
    as_json: bool,
) -> None:
    """Say why EXECUTION failed: which step, which cause, on what evidence, and how to fix it.

    With --file, runs of another system are analysed instead, one report for each; with --json each
    is one line, with --markdown each is a document.
    """
    _one_form(as_md=as_md, as_json=as_json)
    if (execution is None) == (file is None):
        raise click.UsageError("Name one EXECUTION, or give runs with --file.")
    if file is not None:
        with service(settings) as asked:
            forms = _Forms(as_md=as_md, as_json=as_json)
            _analyze_lines(asked, file, forms, require_model=require_model)
    elif execution is not None:
        with service(settings) as asked:
            found = asked.analyses.analyze(execution, require_model=require_model)
        _show(found, as_md=as_md, as_json=as_json)


@click.command()
@click.argument("analysis")
@click.option("--markdown", "as_md", is_flag=True, help="As a document, for a ticket or a wiki.")
@on_workspace
def report(analysis: str, as_md: bool, settings: Settings, as_json: bool) -> None:
    """Show an earlier ANALYSIS again, as it was given, for nothing."""
    _one_form(as_md=as_md, as_json=as_json)
    with service(settings) as asked:
        found = asked.analyses.report(analysis)
    _show(found, as_md=as_md, as_json=as_json)


def _one_form(*, as_md: bool, as_json: bool) -> None:
    if as_md and as_json:
        raise click.UsageError("Choose --json or --markdown, not both.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Forms:
    as_md: bool
    as_json: bool


def _analyze_lines(asked: Service, file: IO[str], forms: _Forms, *, require_model: bool) -> None:
    """One report a line; a line without one gets its error in its place, and the rest goes on."""
    failed: CopilotError | None = None
    workspace_id = asked.principal.workspace_id
    for number, text in enumerate(file, start=1):
        if not text.strip():
            continue
        where = f"{file.name}, line {number}"
        try:
            data = jsonl.decode(text, where)
            run = jsonl.parse_run(data, where=where, workspace_id=workspace_id)
            found = asked.analyses.analyze_foreign(run, require_model=require_model)
        except (InsufficientCredits, Forbidden, ServerUnreachable):
            raise  # the next line would end the same way
        except CopilotError as error:
            failed = error
            _show_error(error, where, as_json=forms.as_json)
        else:
            _show_line(found, as_md=forms.as_md, as_json=forms.as_json)
    if failed is not None:
        sys.exit(exit_code(failed.code))


def _show_error(error: CopilotError, where: str, *, as_json: bool) -> None:
    if as_json:
        write_json_line({"error": {**details(error), "where": where}})
    else:
        words = str(error).removeprefix(f"{where}: ")
        click.echo(f"{line(where)}: {block(words)} [{error.code}]", err=True)


def _show_line(report: Report, *, as_md: bool, as_json: bool) -> None:
    if as_json:
        write_json_line(report.model_dump(mode="json"))
    else:
        _show(report, as_md=as_md, as_json=False)


def _show(report: Report, *, as_md: bool, as_json: bool) -> None:
    if as_json:
        write_json(report)
    elif as_md:
        click.echo(block(as_markdown(report)))
    else:
        show_report(console(), report)
        console().print(Text(f"Analysis: {line(report.analysis_id)}", style="dim"))
        console().print()
