"""`fix`, `undo`, `revert` and `outcome`: a fix looked at, approved, made, taken back, and judged."""

from typing import Any

import click

from ...errors import InvalidInput
from ...settings import Settings
from ...types import Approval, OutcomeState, Preview
from ._consequences import show_consequences
from ._output import console, write_json
from ._questions import can_ask, confirm
from ._render import change_line, outcome_line, show_preview
from ._retry import MODES, retry, show_applied
from ._session import on_workspace, service
from ._shown import PROSE, line
from ._standing_view import show_waiting_fixes
from .handoffs import handoff, patch


@click.group()
def fix() -> None:
    """Look at a suggested fix, approve exactly that diff, and apply it."""


fix.add_command(patch)
fix.add_command(handoff)


@fix.command()
@click.argument("fix_id")
@click.option(
    "--dry-run", is_flag=True, help="Try the failed step with it, where that is harmless."
)
@on_workspace
def preview(fix_id: str, dry_run: bool, settings: Settings, as_json: bool) -> None:
    """Show what FIX_ID would change in the workflow as it is now."""
    shown = _preview(settings, fix_id, dry_run=dry_run)
    if as_json:
        write_json(shown)
    else:
        show_preview(console(), shown)
        show_consequences(console(), shown)
        console().print(f"Version {shown.base_version}, digest {line(shown.digest)}", style="dim")


@fix.command()
@click.argument("fix_id")
@click.option("--digest", help="Of the preview you looked at; instead of being asked.")
@on_workspace
def approve(fix_id: str, digest: str | None, settings: Settings, as_json: bool) -> None:
    """Let FIX_ID be applied once, exactly as its preview shows it. Gives an approval id."""
    approval = _approve(settings, fix_id, digest=digest, as_json=as_json)
    if as_json:
        write_json(approval)
    elif approval.missing is not None:
        console().print(f"Approved by you. It waits for {line(approval.missing, limit=PROSE)}:")
        console().print(f"  ask-copilot fix approve {line(fix_id)}")
    else:
        console().print(
            f"Approved. Apply it with:  ask-copilot fix apply {line(approval.approval_id)}"
        )


@fix.command()
@click.argument("fix_id")
@on_workspace
def recheck(fix_id: str, settings: Settings, as_json: bool) -> None:
    """Say whether what FIX_ID asks a person to do is done; then the run can be resumed."""
    with service(settings) as asked:
        found = asked.fixes.recheck(fix_id)
    if as_json:
        write_json(found)
        return
    console().print(line(found.explanation, limit=PROSE), markup=False)
    if found.can_resume and found.execution_id is not None:
        command = f"ask-copilot resume {line(found.execution_id)} --mode partial"
        console().print(f"Resume the run:  {command}", markup=False)


@fix.command()
@on_workspace
def waiting(settings: Settings, as_json: bool) -> None:
    """List approvals that wait for a second person."""
    with service(settings) as asked:
        found = asked.fixes.waiting()
    if as_json:
        write_json({"approvals": list(found)})
    else:
        show_waiting_fixes(console(), found)


@fix.command()
@click.argument("approval_or_fix")
@click.option("--digest", help="Of the preview you looked at; instead of being asked.")
@click.option("--then-run", type=MODES, help="Resume the run of the fix with it, in this mode.")
@on_workspace
def apply(
    approval_or_fix: str,
    digest: str | None,
    then_run: Any,
    settings: Settings,
    as_json: bool,
) -> None:
    """Make an approved change. With the id of a fix, shows it, asks, and then applies it.

    With --then-run the failed run goes on with it at once; the exit code is then that of `run`.
    """
    if then_run is not None:
        retry(
            settings,
            approval_or_fix,
            then_run,
            approve=lambda: _approve(settings, approval_or_fix, digest=digest, as_json=as_json),
            as_json=as_json,
        )
        return
    approval_id = approval_or_fix
    if approval_or_fix.startswith("fix_"):
        approval = _approve(settings, approval_or_fix, digest=digest, as_json=as_json)
        approval_id = approval.approval_id
    with service(settings) as asked:
        change = asked.fixes.apply(approval_id)
    if as_json:
        write_json(change)
        return
    show_applied(console(), change)


@click.command()
@click.argument("change_id")
@on_workspace
def undo(change_id: str, settings: Settings, as_json: bool) -> None:
    """Take a fix back while undo is offered; after that use `revert`."""
    _reverse(settings, "undo", change_id, as_json=as_json)


@click.command()
@click.argument("change_id")
@on_workspace
def revert(change_id: str, settings: Settings, as_json: bool) -> None:
    """Take a fix back at any time, as a new version of the workflow."""
    _reverse(settings, "revert", change_id, as_json=as_json)


@click.command()
@click.argument("change_id")
@on_workspace
def outcome(change_id: str, settings: Settings, as_json: bool) -> None:
    """Say whether a fix held: verified, regressed, undecided, or not exercised yet."""
    with service(settings) as asked:
        found = asked.fixes.outcome(change_id)
    if as_json:
        write_json(found)
    else:
        console().print(outcome_line(found))
        if found.rollback_proposed:
            console().print(f"Go back with:  ask-copilot revert {line(found.change_id)}")


def _preview(settings: Settings, fix_id: str, *, dry_run: bool = False) -> Preview:
    with service(settings) as asked:
        return asked.fixes.preview(fix_id, dry_run=dry_run)


def _approve(settings: Settings, fix_id: str, *, digest: str | None, as_json: bool) -> Approval:
    """Approve the digest given, or ask about the diff just shown.

    The database is not held while somebody thinks: what changes meanwhile makes the approval fail.
    Raises InvalidInput where nobody can be asked, which is also true of a program that reads JSON.
    """
    source = f"`ask-copilot fix preview {line(fix_id)} --json`"
    if digest is None and as_json:
        problem = "it is not given, and with --json nobody is asked."
        raise InvalidInput("--digest", problem, f"Get it with {source}.")
    if digest is not None and not digest.strip():
        raise InvalidInput("--digest", "it is empty.", f"Get it with {source}.")
    shown = _preview(settings, fix_id)
    if shown.kind == "hand_over" or digest is None:
        show_preview(console(), shown)
    if shown.kind == "hand_over":
        digest = shown.digest  # nobody is asked: it is refused, with what to do instead
    if digest is None:
        way_out = f"Or give --digest, which you get with {source}."
        if not confirm("Approve exactly this change?", otherwise=way_out):
            raise click.Abort
        digest = shown.digest
    with service(settings) as asked:
        return asked.fixes.approve(fix_id, digest=digest, version=shown.base_version)


def _require_wish(settings: Settings, change_id: str) -> None:
    """Somebody at a terminal is asked before a fix that has held is taken back.

    Nobody else is: a program that reverts something knows why, and is told afterwards.
    """
    with service(settings) as asked:
        found = asked.fixes.outcome(change_id)
    if found.state is not OutcomeState.VERIFIED:
        return
    console().print(outcome_line(found))
    question = "Going back brings the failure back. Take the fix back all the same?"
    if not confirm(question, otherwise="Nothing was taken back."):
        raise click.Abort


def _reverse(settings: Settings, kind: str, change_id: str, *, as_json: bool) -> None:
    if kind == "revert" and not as_json and can_ask():
        _require_wish(settings, change_id)
    with service(settings) as asked:
        take_back = asked.fixes.undo if kind == "undo" else asked.fixes.revert
        reversal = take_back(change_id)
    if as_json:
        write_json(reversal)
        return
    console().print(change_line(reversal.change))
    if reversal.notice:
        console().print(line(reversal.notice, limit=PROSE), markup=False)
