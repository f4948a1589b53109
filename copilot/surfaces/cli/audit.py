"""`audit`: who did what, and whether that is still what was written."""

import sys
from pathlib import Path

import click
from pydantic import ValidationError

from ...errors import InvalidInput
from ...settings import Settings
from ...types.audit import AuditHead, AuditVerification
from .._errors import Exit
from ._lists import page_options, show_audit, show_rest
from ._output import console, write_json
from ._session import on_workspace, service
from ._shown import PROSE, line, moment

_LARGEST_HEAD = 10_000
_NOTHING = (
    "There are no entries, so there is nothing to verify. Whether there were any can be told only "
    "by a head that was kept: audit verify --head FILE."
)


@click.group(invoke_without_command=True)
@page_options
@on_workspace
@click.pass_context
def audit(
    context: click.Context, limit: int, cursor: str | None, settings: Settings, as_json: bool
) -> None:
    """List who did what in the workspace, the newest first: approvals, settings, keys, runs.

    Each entry has the digest of the one before it: see `audit head` and `audit verify`.
    """
    if context.invoked_subcommand is not None:
        return
    with service(settings) as asked:
        page = asked.account.audit(cursor=cursor, limit=limit)
    if as_json:
        write_json(page)
    else:
        show_audit(console(), page.items)
        show_rest(console(), page.next_cursor)


@audit.command()
@on_workspace
def head(settings: Settings, as_json: bool) -> None:
    """Write out the newest entry's id, digest and time as JSON.

    Kept where nobody can change it, it vouches for every entry before it. For example:
    ask-copilot audit head > head.json, and later: ask-copilot audit verify --head head.json
    """
    del as_json  # it is a document in any case
    with service(settings) as asked:
        write_json(asked.account.audit_head())


@audit.command()
@click.option(
    "--head",
    "kept",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A head that was written out before: it must still be there.",
)
@on_workspace
def verify(kept: Path | None, settings: Settings, as_json: bool) -> None:
    """Check that every entry is as it was written; tells the first that is not, with exit code 3."""
    given = None if kept is None else _read(kept)
    with service(settings) as asked:
        found = asked.account.verify_audit(head=given)
    if as_json:
        write_json(found)
    else:
        console().print(_words(found), markup=False)
    if not found.intact:
        sys.exit(Exit.INVALID_INPUT)


def _read(kept: Path) -> AuditHead:
    advice = "Give what `ask-copilot audit head` has written."
    try:
        with kept.open("rb") as file:
            return AuditHead.model_validate_json(file.read(_LARGEST_HEAD))
    except ValidationError:
        raise InvalidInput("--head", f"{kept} is no head of an audit.", advice) from None


def _words(found: AuditVerification) -> str:
    if found.broken is not None:
        where = "" if found.broken.entry_id is None else f" at entry {found.broken.entry_id}"
        return f"Broken{where}. {line(found.broken.problem, limit=PROSE)}"
    if not found.entries and found.compared_with is None:
        return _NOTHING
    entries = "1 entry" if found.entries == 1 else f"{found.entries:,} entries"
    kept = found.compared_with
    if kept is None:
        return f"Intact: {entries}. To know about the newest too, compare with a kept --head."
    when = "" if kept.at is None else f" of {moment(kept.at)}"
    return f"Intact: {entries}, and the head{when} is one of them."
