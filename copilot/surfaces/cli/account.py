"""`init`, `credits` and `db`: a place for the data, what analyses cost, and its tables."""

from pathlib import Path

import click

from ...bootstrap import open_app
from ...demo import install_example
from ...types import CreditStatement
from ._output import console, write_json
from ._session import answers_errors, place_options, session, settings_for


@click.command()
@click.option("--example", is_flag=True, help="With the workflow and workbook of the demo.")
@place_options
@answers_errors
def init(example: bool, data: Path | None, workspace: str | None, as_json: bool) -> None:
    """Make the data folder with its database and the workspace's folder. Safe to repeat."""
    settings = settings_for(data, workspace)
    with open_app(settings, dispatch=False) as app:
        files = settings.files / settings.workspace
        files.mkdir(parents=True, exist_ok=True)
        workflow = install_example(app) if example else None
    if as_json:
        write_json({"data": str(settings.data), "files": str(files), "workflow": workflow})
        return
    out = console()
    out.print(f"Ready: {settings.data}", markup=False)
    out.print(f"Workflows read and write files in {files}", markup=False)
    next_step = workflow or "workflow.yaml"
    out.print(f"Next:  ask-copilot run {next_step}", markup=False)


@click.group(invoke_without_command=True)
@place_options
@click.pass_context
def credits(
    context: click.Context, data: Path | None, workspace: str | None, as_json: bool
) -> None:
    """Show what analyses have cost and what is left."""
    if context.invoked_subcommand is None:
        _show_credits(data=data, workspace=workspace, as_json=as_json)


@answers_errors
def _show_credits(data: Path | None, workspace: str | None, as_json: bool) -> None:
    settings = settings_for(data, workspace)
    with session(settings) as app:
        statement = app.copilot.credits(settings.workspace)
    if as_json:
        write_json(statement)
        return
    console().print(_credit_text(statement), markup=False)


def _credit_text(statement: CreditStatement) -> str:
    left = "no limit set" if statement.balance is None else f"{statement.balance} left"
    noun = "credit" if statement.spent == 1 else "credits"
    lines = [f"{statement.spent} {noun} spent, {left}."]
    if statement.reserved:
        lines.append(f"{statement.reserved} put aside for analyses under way.")
    return "\n".join([*lines, *statement.problems])


@credits.command()
@click.argument("amount", type=click.IntRange(0, 1_000_000_000))
@click.option("--key", help="The same key again adds nothing: safe to repeat.")
@place_options
@answers_errors
def grant(
    amount: int, key: str | None, data: Path | None, workspace: str | None, as_json: bool
) -> None:
    """Add AMOUNT credits. The first grant sets the limit; before it, analyses are only metered."""
    settings = settings_for(data, workspace)
    with session(settings) as app:
        balance = app.copilot.grant(settings.workspace, amount, actor=settings.user, key=key)
    if as_json:
        write_json({"balance": balance})
    else:
        console().print(f"{balance} credits left.")


@click.group()
def db() -> None:
    """The database."""


@db.command()
@place_options
@answers_errors
def upgrade(data: Path | None, workspace: str | None, as_json: bool) -> None:
    """Bring the tables up to this release. Every command does so too; this one does only that."""
    settings = settings_for(data, workspace)
    with session(settings):
        pass
    if as_json:
        write_json({"database": settings.url, "status": "up to date"})
    else:
        console().print("The database is up to date.")
