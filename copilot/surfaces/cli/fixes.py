"""`fix`, `undo`, `revert` and `outcome`: a fix looked at, approved, made, taken back, and judged."""

import click

from ...settings import Settings
from ...types import Approval, Preview
from ._output import console, write_json
from ._render import change_line, outcome_line, show_preview
from ._session import on_workspace, service


@click.group()
def fix() -> None:
    """Look at a suggested fix, approve exactly that diff, and apply it."""


@fix.command()
@click.argument("fix_id")
@on_workspace
def preview(fix_id: str, settings: Settings, as_json: bool) -> None:
    """Show what FIX_ID would change in the workflow as it is now."""
    shown = _preview(settings, fix_id)
    if as_json:
        write_json(shown)
    else:
        show_preview(console(), shown)
        console().print(f"Version {shown.base_version}, digest {shown.digest}", style="dim")


@fix.command()
@click.argument("fix_id")
@click.option("--digest", help="Of the preview you looked at; instead of being asked.")
@on_workspace
def approve(fix_id: str, digest: str | None, settings: Settings, as_json: bool) -> None:
    """Let FIX_ID be applied once, exactly as its preview shows it. Gives an approval id."""
    approval = _approve(settings, fix_id, digest=digest, as_json=as_json)
    if as_json:
        write_json(approval)
    else:
        console().print(f"Approved. Apply it with:  ask-copilot fix apply {approval.approval_id}")


@fix.command()
@click.argument("approval_or_fix")
@click.option("--digest", help="Of the preview you looked at; instead of being asked.")
@on_workspace
def apply(
    approval_or_fix: str,
    digest: str | None,
    settings: Settings,
    as_json: bool,
) -> None:
    """Make an approved change. With the id of a fix, shows it, asks, and then applies it."""
    approval_id = approval_or_fix
    if approval_or_fix.startswith("fix_"):
        approval = _approve(settings, approval_or_fix, digest=digest, as_json=as_json)
        approval_id = approval.approval_id
    with service(settings) as asked:
        change = asked.fixes.apply(approval_id)
    if as_json:
        write_json(change)
        return
    console().print(change_line(change))
    if change.applied_at is not None and change.undo_until is not None:
        offered = (change.undo_until - change.applied_at).total_seconds()
        console().print(f"Undo within {offered:g} s:  ask-copilot undo {change.change_id}")


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
    """Say whether a fix held: verified, regressed, or not exercised yet."""
    with service(settings) as asked:
        found = asked.fixes.outcome(change_id)
    if as_json:
        write_json(found)
    else:
        console().print(outcome_line(found))


def _preview(settings: Settings, fix_id: str) -> Preview:
    with service(settings) as asked:
        return asked.fixes.preview(fix_id)


def _approve(settings: Settings, fix_id: str, *, digest: str | None, as_json: bool) -> Approval:
    """Approve the digest given, or ask about the diff just shown.

    The database is not held while somebody thinks: what changes meanwhile makes the approval fail.
    """
    shown = _preview(settings, fix_id)
    if digest is None:
        show_preview(console(stderr=as_json), shown)
        click.confirm("Approve exactly this change?", abort=True, err=as_json)
    with service(settings) as asked:
        return asked.fixes.approve(
            fix_id, digest=digest or shown.digest, version=shown.base_version
        )


def _reverse(settings: Settings, kind: str, change_id: str, *, as_json: bool) -> None:
    with service(settings) as asked:
        take_back = asked.fixes.undo if kind == "undo" else asked.fixes.revert
        reversal = take_back(change_id)
    if as_json:
        write_json({"change": reversal.change, "runs_started": reversal.runs_started})
        return
    console().print(change_line(reversal.change))
    if reversal.notice:
        console().print(reversal.notice, markup=False)
