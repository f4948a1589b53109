"""`standing`: approvals that an owner signs beforehand, within narrow terms."""

from datetime import UTC, datetime
from typing import Any

import click
from pydantic import ValidationError

from ...errors import InvalidInput
from ...settings import Settings
from ...types.standing import MOST_USES, StandingTerms
from ._moments import moment_of
from ._output import console, write_json
from ._session import on_workspace, service
from ._shown import line
from ._standing_view import show_standing, show_uses

_COUNT = click.IntRange(1, MOST_USES)


@click.group()
def standing() -> None:
    """Approvals of fixes to come: of one type, so often, until then. An owner signs in person."""


@standing.command()
@click.argument("fix_type")
@click.option("--workflow", metavar="WORKFLOW", help="Only there; without it in every workflow.")
@click.option("--uses", type=_COUNT, required=True, help="How many fixes it approves in all.")
@click.option("--per-day", type=_COUNT, help="At most so many of them in a day (UTC).")
@click.option(
    "--expires", metavar="WHEN", required=True, help="After a time (30d) or on a date; at most 90d."
)
@on_workspace
def create(
    fix_type: str,
    workflow: str | None,
    uses: int,
    per_day: int | None,
    expires: str,
    settings: Settings,
    as_json: bool,
) -> None:
    """Approve fixes of FIX_TYPE before they are suggested.

    For example: ask-copilot standing create replace_value --workflow outreach --uses 10
    --per-day 2 --expires 30d
    """
    terms = _terms(
        fix_type=fix_type,
        workflow_id=workflow,
        max_uses=uses,
        max_uses_per_day=per_day,
        expires_at=moment_of(expires, datetime.now(UTC)),
    )
    with service(settings) as asked:
        made = asked.standing.create(terms)
    if as_json:
        write_json(made)
    else:
        show_standing(console(), [made])
        console().print(f"End it with:  ask-copilot standing revoke {line(made.standing_id)}")


@standing.command("list")
@on_workspace
def list_standing(settings: Settings, as_json: bool) -> None:
    """List all, also those that have expired, are used up or were revoked."""
    with service(settings) as asked:
        found = asked.standing.list()
    if as_json:
        write_json({"standing": list(found)})
    else:
        show_standing(console(), found)


@standing.command("uses")
@click.argument("standing_id")
@on_workspace
def list_uses(standing_id: str, settings: Settings, as_json: bool) -> None:
    """List each fix that STANDING_ID has approved, with its change."""
    with service(settings) as asked:
        found = asked.standing.uses(standing_id)
    if as_json:
        write_json({"uses": list(found)})
    else:
        show_uses(console(), found)


@standing.command()
@click.argument("standing_id")
@on_workspace
def revoke(standing_id: str, settings: Settings, as_json: bool) -> None:
    """Let nothing more begin under STANDING_ID, from now on. What was applied stays."""
    with service(settings) as asked:
        ended = asked.standing.revoke(standing_id)
    if as_json:
        write_json(ended)
    else:
        console().print(f"Revoked: {line(ended.standing_id)}", markup=False)


def _terms(**given: Any) -> StandingTerms:
    """Raises InvalidInput for a name that is empty or too long."""
    try:
        return StandingTerms(**given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise InvalidInput(str(first["loc"][0]), f"{first['msg']}.", "") from None
