"""`settings`: what the workspace has decided, within bounds, and who decided it."""

import click

from ...errors import InvalidInput
from ...policy import parse_setting
from ...registry import pick
from ...settings import Settings
from ._lists import show_setting, show_settings
from ._output import console, write_json
from ._session import on_workspace, service

_RESET = "null"


@click.group(invoke_without_command=True)
@on_workspace
@click.pass_context
def settings(context: click.Context, settings: Settings, as_json: bool) -> None:
    """List the workspace's settings: value, bounds, and who changed it when.

    Those of the process itself are environment variables, and not here.
    """
    if context.invoked_subcommand is not None:
        return
    with service(settings) as asked:
        found = asked.account.settings()
    if as_json:
        write_json({"settings": list(found)})
    else:
        show_settings(console(), found)


@settings.command("get")
@click.argument("name")
@on_workspace
def get_setting(name: str, settings: Settings, as_json: bool) -> None:
    """Show one setting with what it means and its bounds."""
    with service(settings) as asked:
        known = {one.name: one for one in asked.account.settings()}
    found = pick(known, name, kind="setting")
    if as_json:
        write_json(found)
    else:
        show_setting(console(), found)


@settings.command("set")
@click.argument("pairs", nargs=-1, required=True, metavar="NAME=VALUE…")
@on_workspace
def set_settings(pairs: tuple[str, ...], settings: Settings, as_json: bool) -> None:
    """Change settings, all of those named or none. NAME=null goes back to the default.

    For example: ask-copilot settings set budget_max_daily_cost=25 pattern_threshold=4
    """
    values = dict(_pair(pair) for pair in pairs)
    with service(settings) as asked:
        changed = asked.account.set_settings(values)
    shown = [one for one in changed if one.name in values]
    if as_json:
        write_json({"settings": shown})
        return
    show_settings(console(), shown)


def _pair(text: str) -> tuple[str, object]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise InvalidInput(repr(text), "it is not NAME=VALUE.", "")
    name = name.strip()
    return name, None if value.strip() == _RESET else parse_setting(name, value)
