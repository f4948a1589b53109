"""`keys`: who may use the server, as whom, and until when."""

from datetime import UTC, datetime

import click

from ...settings import Settings
from ...types.principal import PrincipalKind, Role
from ._lists import show_keys
from ._moments import moment_of
from ._output import console, write_json
from ._render import key_text
from ._session import on_workspace, service
from ._shown import line

ROLES = click.Choice([role.value for role in Role])
KINDS = click.Choice([kind.value for kind in PrincipalKind])


@click.group()
def keys() -> None:
    """API keys of the workspace, for people and machines that use the server."""


@keys.command()
@click.argument("name")
@click.option(
    "--role", type=ROLES, required=True, help="What it may do; each includes the one before."
)
@click.option("--kind", type=KINDS, required=True, help="A machine never approves a fix.")
@click.option(
    "--expires", metavar="WHEN", help="After a time (90d, 12h) or on a date (2027-01-31)."
)
@click.option("--replaces", metavar="KEY_ID", help="A second key for the holder of this one.")
@on_workspace
def create(
    name: str,
    role: str,
    kind: str,
    expires: str | None,
    replaces: str | None,
    settings: Settings,
    as_json: bool,
) -> None:
    """Make an API key for NAME. It is shown this once, and not stored.

    For example: ask-copilot keys create nightly-job --role operator --kind machine --expires 90d.
    To change a key without a gap, make a second one with --replaces, and revoke the first when the
    second is in use.
    """
    with service(settings) as asked:
        made = asked.account.create_key(
            name,
            kind=PrincipalKind(kind),
            role=Role(role),
            expires_at=None if expires is None else moment_of(expires, datetime.now(UTC)),
            replaces=replaces,
        )
    if as_json:
        write_json(made)
    else:
        console().print(key_text(made))


@keys.command("list")
@on_workspace
def list_keys(settings: Settings, as_json: bool) -> None:
    """List all keys without their secrets, also those that work no more."""
    with service(settings) as asked:
        found = asked.account.keys()
    if as_json:
        write_json({"keys": list(found)})
    else:
        show_keys(console(), found, now=datetime.now(UTC))


@keys.command()
@click.argument("key_id")
@on_workspace
def revoke(key_id: str, settings: Settings, as_json: bool) -> None:
    """Let KEY_ID work no more, from now on. The last key of an owner can't be revoked."""
    with service(settings) as asked:
        revoked = asked.account.revoke_key(key_id)
    if as_json:
        write_json(revoked)
    else:
        console().print(f"Revoked: {line(revoked.key_id)} ({line(revoked.name)})", markup=False)
