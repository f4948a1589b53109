"""`notices`: what people were told when it happened, a test, and the secret of webhooks."""

from collections.abc import Sequence
from datetime import UTC

import click

from ...settings import Settings
from ...types.notice import NoticeEntry, NoticeState
from ._lists import page_options, say_if_none, show_rest
from ._output import console, write_json
from ._session import on_workspace, service
from ._shown import PROSE, line

_WORDS = {
    NoticeState.WAITING: "not sent yet",
    NoticeState.SENT: "sent",
    NoticeState.GIVEN_UP: "given up",
}


@click.group(invoke_without_command=True)
@page_options
@click.pass_context
@on_workspace
def notices(
    context: click.Context, limit: int, cursor: str | None, settings: Settings, as_json: bool
) -> None:
    """List what people were told by webhook and e-mail, the newest first, and whether it arrived.

    Who is told of what is in the settings notify_webhook, notify_email_to and notify_on.
    """
    if context.invoked_subcommand is not None:
        return
    with service(settings) as asked:
        page = asked.notices.list(cursor=cursor, limit=limit)
    if as_json:
        write_json(page)
        return
    say_if_none(console(), page.items, "Nobody was told anything yet.")
    _show(page.items)
    show_rest(console(), page.next_cursor)


@notices.command()
@on_workspace
def test(settings: Settings, as_json: bool) -> None:
    """Send a test to the webhook and the e-mail addresses now, and say whether it arrived."""
    with service(settings) as asked:
        found = asked.notices.test()
    if as_json:
        write_json({"notices": list(found)})
    else:
        _show(found)


@notices.command()
@on_workspace
def secret(settings: Settings, as_json: bool) -> None:
    """Make a new secret that webhooks are signed with. It is shown this once.

    For a day they are signed with the one before as well, so that a receiver can be changed without
    a gap.
    """
    with service(settings) as asked:
        made = asked.notices.secret()
    if as_json:
        write_json(made)
        return
    console().print(made.secret, markup=False, soft_wrap=True)
    if made.previous_until is not None:
        until = made.previous_until.astimezone(UTC)
        console().print(f"The one before signs too until {until:%Y-%m-%d %H:%M} UTC.")


def _show(found: Sequence[NoticeEntry]) -> None:
    for one in found:
        state = _WORDS[one.state]
        head = f"{one.at.astimezone(UTC):%Y-%m-%d %H:%M}  {one.event.value}  {one.channel}  {state}"
        console().print(line(head), style="bold", markup=False)
        console().print(f"  {line(one.text, limit=PROSE)}", markup=False)
        if one.problem:
            console().print(f"  {line(one.problem, limit=PROSE)}", style="dim", markup=False)
