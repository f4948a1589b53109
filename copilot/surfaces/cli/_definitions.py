"""Which stored workflow a file stands for: its newest version, a new one, or one that was fixed.

What is exported says in its first line from which version it is, so that an edited file is known
to hold the fixes up to there.
"""

import hashlib
import re
import shlex
from pathlib import Path
from typing import Any, NamedTuple

from ...bootstrap import DELIBERATE, definition_text, dump_workflow, read_workflow, to_data
from ...errors import InvalidInput, NotFound
from ...service import Service
from ...types import Change
from ...types.engine import WorkflowRecord
from ._origins import Origin, drops, first_line, holds, origin_of, others_who_stored
from ._shown import line, moment


class Chosen(NamedTuple):
    """The workflow to run. `notes`: what whoever wrote the file should know of how it was stored."""

    workflow_id: str
    notes: tuple[str, ...] = ()


class _Edited(NamedTuple):
    """A file that is to be the next version of `stored`. `base`: the version it was exported from."""

    path: Path
    parsed: Any
    stored: WorkflowRecord
    origin: Origin | None
    base: WorkflowRecord | None

    def compare(self, *options: str) -> str:
        """The command that shows what a version has and the file has not; the newest by default."""
        export = shlex.join(("ask-copilot", "export", self.stored.workflow_id, *options))
        return f"`{export} | diff {shlex.quote(str(self.path))} -`"

    @property
    def take_over(self) -> str:
        return (
            f"Compare with {self.compare()}, take over what your file lacks and the first line, and"
            " run it again; or add --replace."
        )


def exported(stored: WorkflowRecord) -> str:
    """The definition as YAML below a line that says from which version it is."""
    return f"{first_line(stored)}{dump_workflow(stored.workflow)}"


def stored_as(asked: Service, workflow: str, *, replace: bool) -> Chosen:
    """A stored workflow by its id; a file becomes a new version when its content is new.

    Raises InvalidInput for a file that would drop a fix, or what somebody else stored, without
    *replace*.
    """
    path = Path(workflow)
    if not path.suffix and not path.exists():
        return Chosen(workflow)
    parsed = read_workflow(path)
    identifier = _slug(parsed.name)
    stored = _stored(asked, identifier)
    origin = origin_of(definition_text(path))
    if stored is None:
        made = asked.workflows.create(to_data(parsed), workflow_id=identifier)
        return Chosen(made.workflow_id, _of_another(made, origin, is_new=True))
    if stored.workflow == parsed:
        return Chosen(identifier)
    edited = _Edited(path, parsed, stored, origin, _base(asked, stored, origin))
    if not replace:
        _refuse_to_drop_a_fix(asked, edited)
        _refuse_to_drop_what_others_stored(asked, edited)
    made = asked.workflows.replace(identifier, to_data(parsed), expected_version=stored.version)
    return Chosen(
        identifier, (*_of_another(made, origin), *_without_the_newest(asked, made, edited))
    )


def _stored(asked: Service, workflow_id: str, version: int | None = None) -> WorkflowRecord | None:
    try:
        return asked.workflows.get(workflow_id, version)
    except DELIBERATE as error:
        if error.code != NotFound.code:
            raise
        return None


def _base(asked: Service, stored: WorkflowRecord, origin: Origin | None) -> WorkflowRecord | None:
    """The version that a file was exported from; None when it was not, or from elsewhere."""
    if origin is None or not 1 <= origin.version <= stored.version:
        return None
    of_then = _stored(asked, stored.workflow_id, origin.version)
    return of_then if of_then is not None and origin.is_of(of_then) else None


def _refuse_to_drop_a_fix(asked: Service, edited: _Edited) -> None:
    """Raises InvalidInput for a file that lacks a fix as far as anybody can tell."""
    stored, base = edited.stored, edited.base
    if base is not None and base.version == stored.version:
        return
    identifier = stored.workflow_id
    if _is_older(asked, edited):
        raise InvalidInput(
            str(edited.path),
            f"it is an older version of {identifier}; version {stored.version} is newer.",
            f"Run the stored one with `ask-copilot run {identifier}`, or add --replace.",
        )
    fixes = _fixes(asked, stored, since=0 if base is None else base.version)
    lacking = next((fix for fix in fixes if _is_dropped(asked, fix, edited)), None)
    if lacking is None:
        return
    came = (
        "" if base is None else f"it was exported from version {base.version} of {identifier}, and "
    )
    raise InvalidInput(
        str(edited.path),
        f"{came}version {lacking.version} of {identifier} holds a fix that was applied here.",
        edited.take_over,
    )


def _is_dropped(asked: Service, fix: Change, edited: _Edited) -> bool:
    """Whether something of *fix* that still stands is not in the file."""
    before, after = (
        asked.workflows.get(edited.stored.workflow_id, version).definition
        for version in (fix.base_version, fix.version)
    )
    mine, newest = to_data(edited.parsed), edited.stored.definition
    return drops(mine, before=before, after=after, newest=newest)


def _is_older(asked: Service, edited: _Edited) -> bool:
    """Whether the file is how the workflow was before a fix; running it would undo the fix."""
    stored = edited.stored
    return any(
        asked.workflows.get(stored.workflow_id, version).workflow == edited.parsed
        for version in range(stored.version - 1, 0, -1)
    )


def _refuse_to_drop_what_others_stored(asked: Service, edited: _Edited) -> None:
    """Raises InvalidInput for a file that lacks what somebody else stored since it was exported."""
    base, identifier = edited.base, edited.stored.workflow_id
    if base is None or not _lacks_the_newest(edited):
        return
    since = range(base.version + 1, edited.stored.version + 1)
    others = others_who_stored(asked, identifier, since)
    if others:
        version = max(others)
        raise InvalidInput(
            str(edited.path),
            f"it was exported from version {base.version} of {identifier}, and {line(others[version])}"
            f" stored version {version} after that, which is not all in it.",
            edited.take_over,
        )


def _without_the_newest(asked: Service, made: WorkflowRecord, edited: _Edited) -> tuple[str, ...]:
    """What to say to who stored a file that was exported before the newest version there was.

    It may be their own from a moment ago, which nobody can tell.
    """
    base, before = edited.base, edited.stored
    if base is None:
        return _without_what_another_stored(asked, made, edited)
    if not _lacks_the_newest(edited):
        return ()
    return (
        f"Stored as version {made.version}. Version {before.version}, of {moment(before.created_at)},"
        f" came after version {base.version}, which this file was exported from, and is not all in it:"
        f" see it with {edited.compare('--version', str(before.version))}.",
    )


def _without_what_another_stored(
    asked: Service, made: WorkflowRecord, edited: _Edited
) -> tuple[str, ...]:
    """What to say to who stored a file of which nobody knows where it is from.

    It may have been written with the newest version at hand: only what it lacks of that is told.
    """
    newest = edited.stored
    others = others_who_stored(asked, newest.workflow_id, [newest.version])
    before = _stored(asked, newest.workflow_id, newest.version - 1) if others else None
    if before is None or holds(
        to_data(edited.parsed), base=before.definition, newest=newest.definition
    ):
        return ()
    return (
        f"Stored as version {made.version}. Version {newest.version}, which"
        f" {line(others[newest.version])} stored, is not all in it: see it with"
        f" {edited.compare('--version', str(newest.version))}.",
    )


def _lacks_the_newest(edited: _Edited) -> bool:
    base, newest = edited.base, edited.stored
    return base is not None and not holds(
        to_data(edited.parsed), base=base.definition, newest=newest.definition
    )


def _of_another(
    made: WorkflowRecord, origin: Origin | None, *, is_new: bool = False
) -> tuple[str, ...]:
    """What to say to who stored the export of one workflow as another one."""
    if origin is None or origin.workflow_id == line(made.workflow_id):
        return ()
    workflow, other = line(made.workflow_id), origin.workflow_id
    if is_new:
        return (f"A new workflow {workflow}, made from version {origin.version} of {other}.",)
    return (
        f"Stored as version {made.version} of {workflow}, although the file was exported from"
        f" version {origin.version} of {other}: its name says which workflow it is.",
    )


def _fixes(asked: Service, stored: WorkflowRecord, *, since: int) -> list[Change]:
    """Those that have made a version after *since*, the newest first; without those taken back.

    An action, such as a pause, makes none: it is done at the version that there is.
    """
    return [
        change
        for change in asked.fixes.changes(stored.workflow_id)
        if change.kind == "fix" and not change.reversed
        if change.version is not None and change.version > max(since, change.base_version)
    ]


def _slug(name: str) -> str:
    """An id people can type; a name without Latin letters gets one that is only its own."""
    spelled = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
    return spelled or f"workflow-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
