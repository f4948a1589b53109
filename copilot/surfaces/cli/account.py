"""`credits`, `runtimes`: what analyses cost, and where answers come from."""

import click

from ...settings import Settings
from ...types import CreditStatement
from ._lists import page_options, show_receipts, show_rest, show_runtimes
from ._output import console, write_json
from ._session import on_workspace, service
from ._shown import line


@click.group(invoke_without_command=True)
@on_workspace
@click.pass_context
def credits(context: click.Context, settings: Settings, as_json: bool) -> None:
    """Show what analyses have cost and what is left."""
    if context.invoked_subcommand is not None:
        return
    with service(settings) as asked:
        statement = asked.account.credits()
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
    return "\n".join([*lines, *map(line, statement.problems)])


@credits.command()
@click.argument("amount", type=click.IntRange(0, 1_000_000_000))
@click.option("--key", help="The same key again adds nothing: safe to repeat.")
@on_workspace
def grant(amount: int, key: str | None, settings: Settings, as_json: bool) -> None:
    """Add AMOUNT credits. The first grant sets the limit; before it, analyses are only metered."""
    with service(settings) as asked:
        balance = asked.account.grant(amount, key=key)
    if as_json:
        write_json({"balance": balance})
    else:
        console().print(f"{balance} credits left.")


@credits.command()
@page_options
@on_workspace
def receipts(limit: int, cursor: str | None, settings: Settings, as_json: bool) -> None:
    """List what each analysis cost, or why it was free, the newest first."""
    with service(settings) as asked:
        page = asked.account.receipts(cursor=cursor, limit=limit)
    if as_json:
        write_json(page)
    else:
        show_receipts(console(), page.items)
        show_rest(console(), page.next_cursor)


@click.command()
@on_workspace
def runtimes(settings: Settings, as_json: bool) -> None:
    """List where answers can come from: the rules, and each language model that is set up."""
    with service(settings) as asked:
        found = asked.account.runtimes()
    if as_json:
        write_json({"runtimes": list(found)})
    else:
        show_runtimes(console(), found)
