"""`nightly`: one pass over what failed since the last one, and the digest that tells of it."""

from decimal import Decimal, InvalidOperation

import click

from ...digest import as_markdown, as_text
from ...errors import InvalidInput
from ...settings import Settings
from ._output import write_json
from ._session import on_workspace, service
from ._shown import block


@click.command()
@click.option("--credit-cap", type=click.IntRange(0), help="Most credits of this pass.")
@click.option("--spend-cap", metavar="USD", help="Most that model calls of this pass may cost.")
@click.option("--markdown", "as_md", is_flag=True, help="The digest as Markdown.")
@click.option("--latest", is_flag=True, help="Show the last digest again; analyse nothing.")
@on_workspace
def nightly(
    credit_cap: int | None,
    spend_cap: str | None,
    as_md: bool,
    latest: bool,
    settings: Settings,
    as_json: bool,
) -> None:
    """Analyse what failed since the last pass, one run for each kind of failure; print a digest.

    The caps may only lower those of the workspace's settings. Nothing is applied, but for what a
    standing approval covers that an owner has signed, of a fix type whose level is `standing`; the
    digest names each such fix. A pass that was interrupted goes on. To have it done every night, run `serve` with ASK_COPILOT_NIGHTLY, or call
    this from cron.
    """
    if as_md and as_json:
        raise click.UsageError("Choose --json or --markdown, not both.")
    cap = None if spend_cap is None else _usd(spend_cap)
    with service(settings) as asked:
        if latest:
            digest = asked.nights.latest()
        else:
            digest = asked.nights.run(credit_cap=credit_cap, spend_cap_usd=cap)
    if as_json:
        write_json(digest)
    else:
        click.echo(block((as_markdown if as_md else as_text)(digest)).rstrip("\n"))


def _usd(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0:
        raise InvalidInput("--spend-cap", f"{text!r} is no amount of USD.", "Write 2.50.")
    return amount
