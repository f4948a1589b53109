"""Standing approvals, their uses, and approvals that wait for somebody, as tables for people."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from ...types import Approval
from ...types.standing import StandingApproval, StandingState, StandingUse
from ._lists import say_if_none, table_of
from ._shown import PROSE, cell, line, moment

_ALIVE = frozenset({StandingState.ACTIVE, StandingState.SUSPENDED})


def show_standing(console: Console, found: Sequence[StandingApproval]) -> None:
    """Three lines each: what it is for, how it stands, and whether it acts."""
    for one in found:
        where = f"in {line(one.workflow_id)}" if one.workflow_id else "in every workflow"
        what = f"{line(one.standing_id)}  {line(one.fix_type)} {where}"
        console.print(Text(what), soft_wrap=True)
        facts = (
            _life(one),
            _uses(one),
            f"signed by {line(one.created_by_name)}",
        )
        console.print(Text(f"  {', '.join(facts)}", style="dim"), soft_wrap=True)
        if one.state in _ALIVE and (one.acts or one.missing):
            console.print(Text(f"  {_acting(one)}"), soft_wrap=True)
    say_if_none(console, found, "No standing approvals. An owner makes one with `standing create`.")


def _acting(one: StandingApproval) -> str:
    if one.acts:
        return "Acts now: what it covers is applied by itself."
    missing = "; ".join(line(why, limit=PROSE) for why in one.missing)
    return f"Does not act yet: {missing}."


def _life(one: StandingApproval) -> str:
    match one.state:
        case StandingState.REVOKED if one.revoked_at is not None:
            return f"revoked {moment(one.revoked_at)}"
        case StandingState.EXPIRED:
            return f"expired {moment(one.expires_at)}"
        case StandingState.USED_UP:
            return "used up"
        case StandingState.SUSPENDED:
            return f"suspended: {line(one.suspended_because or '').rstrip('.')}"
        case _:
            return f"until {moment(one.expires_at)}"


def _uses(one: StandingApproval) -> str:
    today = one.max_uses_per_day
    daily = "" if today is None else f", {one.uses_today} of {today} today"
    return f"{one.uses} of {one.max_uses} used{daily}"


def show_uses(console: Console, uses: Sequence[StandingUse]) -> None:
    table = table_of(4)
    for one in uses:
        done = one.change_state.value if one.change_state is not None else "not applied"
        change = cell(one.change_id or "-")
        table.add_row(moment(one.used_at), cell(one.fix_id), change, done)
    console.print(table)
    say_if_none(console, uses, "It has approved nothing yet.")


def show_waiting_fixes(console: Console, approvals: Sequence[Approval]) -> None:
    table = table_of(3)
    for one in approvals:
        by = cell(f"by {one.actor_name or one.actor}")
        table.add_row(cell(one.fix_id), by, f"until {moment(one.expires_at)}")
    console.print(table)
    say_if_none(console, approvals, "No approval waits for a second person.")
