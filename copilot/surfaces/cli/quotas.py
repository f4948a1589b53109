"""`quotas`: what the workspace's accounts may still do, and what it says of their limits itself."""

from collections.abc import Sequence

import click
from pydantic import ValidationError
from rich.table import Table
from rich.text import Text

from ...errors import InvalidInput
from ...settings import Settings
from ...types.engine import AccountAllowances, Allowance, Override, WaitingRun
from ._output import console, write_json
from ._session import on_workspace, service
from ._shown import PROSE, line, moment
from ._waits import show_parked

_NO_LIMIT = "none"


@click.group(invoke_without_command=True)
@on_workspace
@click.pass_context
def quotas(context: click.Context, settings: Settings, as_json: bool) -> None:
    """List what each account of the workspace may still do, and the runs that wait for it.

    For example: ask-copilot quotas set LinkedIn invitations/day 20
    """
    if context.invoked_subcommand is not None:
        return
    with service(settings) as asked:
        accounts, waiting = asked.quotas.list(), asked.quotas.waiting()
    if as_json:
        write_json({"accounts": list(accounts), "waiting": list(waiting)})
        return
    _show(accounts)
    _show_waiting(waiting)


@quotas.command("set")
@click.argument("integration")
@click.argument("name", metavar="UNIT/WINDOW")
@click.argument("limit")
@click.option("--timezone", default="UTC", show_default=True, help="Whose midnight ends the day.")
@click.option("--rolling", is_flag=True, help="Count the time just gone by, not since midnight.")
@on_workspace
def set_quota(
    integration: str,
    name: str,
    limit: str,
    timezone: str,
    rolling: bool,
    settings: Settings,
    as_json: bool,
) -> None:
    """Set a LIMIT of your own on an account, in place of what is known.

    The word none lifts it. Windows are second, minute, hour, day, week and month.

    For example: ask-copilot quotas set LinkedIn invitations/day 20 --timezone Europe/Paris
    """
    override = _override(limit, timezone, rolling=rolling)
    with service(settings) as asked:
        account = asked.quotas.override(integration, name, override)
    _show_one(account, as_json=as_json)


@quotas.command()
@click.argument("integration")
@click.argument("name", metavar="UNIT/WINDOW")
@on_workspace
def restore(integration: str, name: str, settings: Settings, as_json: bool) -> None:
    """Take a limit of your own back; what is known of the account counts again.

    For example: ask-copilot quotas restore LinkedIn invitations/day
    """
    with service(settings) as asked:
        account = asked.quotas.restore(integration, name)
    _show_one(account, as_json=as_json)


def _override(limit: str, timezone: str, *, rolling: bool) -> Override:
    """Raises InvalidInput for a limit that is no number, or a time zone that nobody knows."""
    if limit != _NO_LIMIT and not (limit.isascii() and limit.isdigit()):
        raise InvalidInput("LIMIT", f"{line(limit)!r} is no whole number.", "Write 20, or none.")
    resets = "rolling" if rolling else "midnight"
    wanted = None if limit == _NO_LIMIT else int(limit[:20])
    try:
        return Override(limit=wanted, timezone=timezone, resets=resets)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        problem = line(first["msg"].removeprefix("Value error, "))
        named = "--timezone" if first["loc"] == ("timezone",) else "LIMIT"
        raise InvalidInput(named, f"{problem}.", "") from None


def _show_one(account: AccountAllowances, *, as_json: bool) -> None:
    if as_json:
        write_json(account)
    else:
        _show([account])


def _show(accounts: Sequence[AccountAllowances]) -> None:
    out = console()
    for account in accounts:
        out.print(Text(line(account.integration), style="bold"))
        if account.stopped_until is not None:
            why = f": {line(account.stop_message, limit=PROSE)}" if account.stop_message else ""
            until = moment(account.stopped_until)
            out.print(Text(f"  wants nothing until {until} UTC{why}", style="yellow"))
        table = Table.grid(padding=(0, 2))
        for one in account.allowances:
            table.add_row(*map(Text, _row(one)))
        out.print(table if account.allowances else "  no limit")
    if not accounts:
        out.print("No account is connected, and none has a limit.")


def _row(one: Allowance) -> tuple[str, ...]:
    quota = one.quota
    rolls = "rolls" if one.resets_at is None else f"resets {moment(one.resets_at)} UTC"
    says = f"{line(quota.source)}, {quota.date}" if quota.source else str(quota.date)
    used = f"{one.used:,} of {quota.limit:,} used"
    return f"  {line(quota.name)}", used, f"{one.left:,} left", rolls, f"({says})"


def _show_waiting(waiting: Sequence[WaitingRun]) -> None:
    out = console()
    for run in waiting:
        out.print()
        out.print(Text.assemble(f"{line(run.workflow_id)}  ", (line(run.execution_id), "dim")))
        show_parked(out, run)
