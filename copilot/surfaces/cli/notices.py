"""`notices`: what people were told when it happened, a test, and the secret of webhooks."""

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from ...settings import Settings
from ...types.notice import COMMAND, NoticeEntry, NoticeState
from ._lists import page_options, say_if_none, show_rest
from ._output import console, write_json
from ._session import on_workspace, service
from ._shown import PROSE, line

_DUE = "waits: sent while `ask-copilot serve` runs"


@click.group(invoke_without_command=True)
@page_options
@click.pass_context
@on_workspace
def notices(
    context: click.Context, limit: int, cursor: str | None, settings: Settings, as_json: bool
) -> None:
    """List what people were told by webhook and e-mail, the newest first, and whether it arrived.

    They are sent while `ask-copilot serve` or `ask-copilot worker` runs. Who is told of what is in
    the settings notify_webhook, notify_email_to and notify_on.
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
    now = datetime.now(UTC)
    for one in found:
        state = _state(one, now=now)
        head = f"{one.at.astimezone(UTC):%Y-%m-%d %H:%M}  {one.event.value}  {one.channel}  {state}"
        console().print(line(head), style="bold", markup=False)
        for told in one.text.split("\n"):
            indent = COMMAND if told.startswith(COMMAND) else ""
            shown = f"  {indent}{line(told, limit=PROSE)}"
            console().print(shown, markup=False, soft_wrap=bool(indent))
        if one.problem:
            console().print(f"  {line(one.problem, limit=PROSE)}", style="dim", markup=False)


def _state(one: NoticeEntry, *, now: datetime) -> str:
    if one.state is NoticeState.SENT:
        return "sent"
    if one.state is NoticeState.GIVEN_UP:
        return "given up"
    if one.next_at is None or one.is_due(now):
        return _DUE
    return f"not sent yet, tried again at {one.next_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
