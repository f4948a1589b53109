"""`fix`, `undo`, `revert` and `outcome`: a fix looked at, approved, made, taken back, and judged."""

from pathlib import Path

import click

from ...settings import Settings
from ...types import Approval, Preview
from ._output import console, write_json
from ._render import change_line, outcome_line, show_preview
from ._session import answers_errors, place_options, session, settings_for


@click.group()
def fix() -> None:
    """Look at a suggested fix, approve exactly that diff, and apply it."""


@fix.command()
@click.argument("fix_id")
@place_options
@answers_errors
def preview(fix_id: str, data: Path | None, workspace: str | None, as_json: bool) -> None:
    """Show what FIX_ID would change in the workflow as it is now."""
    shown = _preview(settings_for(data, workspace), fix_id)
    if as_json:
        write_json(shown)
    else:
        show_preview(console(), shown)
        console().print(f"Version {shown.base_version}, digest {shown.digest}", style="dim")


@fix.command()
@click.argument("fix_id")
@click.option("--digest", help="Of the preview you looked at; instead of being asked.")
@place_options
@answers_errors
def approve(
    fix_id: str, digest: str | None, data: Path | None, workspace: str | None, as_json: bool
) -> None:
    """Let FIX_ID be applied once, exactly as its preview shows it. Gives an approval id."""
    settings = settings_for(data, workspace)
    approval = _approve(settings, fix_id, digest=digest, as_json=as_json)
    if as_json:
        write_json(approval)
    else:
        console().print(f"Approved. Apply it with:  ask-copilot fix apply {approval.approval_id}")


@fix.command()
@click.argument("approval_or_fix")
@click.option("--digest", help="Of the preview you looked at; instead of being asked.")
@place_options
@answers_errors
def apply(
    approval_or_fix: str,
    digest: str | None,
    data: Path | None,
    workspace: str | None,
    as_json: bool,
) -> None:
    """Make an approved change. With the id of a fix, shows it, asks, and then applies it."""
    settings = settings_for(data, workspace)
    approval_id = approval_or_fix
    if approval_or_fix.startswith("fix_"):
        approval = _approve(settings, approval_or_fix, digest=digest, as_json=as_json)
        approval_id = approval.approval_id
    with session(settings) as app:
        change = app.copilot.apply(settings.workspace, approval_id)
    if as_json:
        write_json(change)
    else:
        console().print(change_line(change))
        console().print(
            f"Undo within {settings.undo_seconds:g} s:  ask-copilot undo {change.change_id}"
        )


@click.command()
@click.argument("change_id")
@place_options
@answers_errors
def undo(change_id: str, data: Path | None, workspace: str | None, as_json: bool) -> None:
    """Take a fix back while undo is offered; after that use `revert`."""
    _reverse("undo", change_id, data=data, workspace=workspace, as_json=as_json)


@click.command()
@click.argument("change_id")
@place_options
@answers_errors
def revert(change_id: str, data: Path | None, workspace: str | None, as_json: bool) -> None:
    """Take a fix back at any time, as a new version of the workflow."""
    _reverse("revert", change_id, data=data, workspace=workspace, as_json=as_json)


@click.command()
@click.argument("change_id")
@place_options
@answers_errors
def outcome(change_id: str, data: Path | None, workspace: str | None, as_json: bool) -> None:
    """Say whether a fix held: verified, regressed, or not exercised yet."""
    settings = settings_for(data, workspace)
    with session(settings) as app:
        found = app.copilot.outcome(settings.workspace, change_id)
    if as_json:
        write_json(found)
    else:
        console().print(outcome_line(found))


def _preview(settings: Settings, fix_id: str) -> Preview:
    with session(settings) as app:
        return app.copilot.preview(settings.workspace, fix_id)


def _approve(settings: Settings, fix_id: str, *, digest: str | None, as_json: bool) -> Approval:
    """Approve the digest given, or ask about the diff just shown.

    The database is not held while somebody thinks: what changes meanwhile makes the approval fail.
    """
    shown = _preview(settings, fix_id)
    if digest is None:
        show_preview(console(stderr=as_json), shown)
        click.confirm("Approve exactly this change?", abort=True, err=as_json)
    with session(settings) as app:
        return app.copilot.approve(
            settings.workspace,
            fix_id,
            digest=digest or shown.digest,
            version=shown.base_version,
            actor=settings.user,
        )


def _reverse(
    kind: str, change_id: str, *, data: Path | None, workspace: str | None, as_json: bool
) -> None:
    settings = settings_for(data, workspace)
    with session(settings) as app:
        take_back = app.copilot.undo if kind == "undo" else app.copilot.revert
        reversal = take_back(settings.workspace, change_id, actor=settings.user)
    if as_json:
        write_json({"change": reversal.change, "runs_started": reversal.runs_started})
        return
    console().print(change_line(reversal.change))
    if reversal.notice:
        console().print(reversal.notice, markup=False)
