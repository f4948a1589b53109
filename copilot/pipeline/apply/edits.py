"""What was edited of what a fix touched, before a run that is to say whether the fix has held."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from ...errors import NotFound
from ...ports import RunHistory, Versions
from ...snapshot import ResourceKind, Snapshot
from ...storage.changes import ChangeRecord, Changes
from ...storage.findings import Edit
from ...storage.outcomes import Watch
from ...types import RunRecord
from .reversal import is_as_left, touched_resources

_EVER = datetime.max.replace(tzinfo=UTC)
_NOTHING: Collection[str] = frozenset()


class Edits:
    """Compares, part by part, what a change left with the workflow that a run was carried out with.

    versions, history: of the workflows, and of what they name. Templates and the like have no past there, only the
    moment of their last edit: one that was edited after a run had ended is taken to have been in
    that run as the fix left it.
    """

    def __init__(self, changes: Changes, *, versions: Versions, history: RunHistory) -> None:
        self._changes = changes
        self._versions = versions
        self._history = history

    def before(
        self, watches: Sequence[Watch], runs: Sequence[RunRecord]
    ) -> Mapping[tuple[str, str], Edit]:
        """By change and run, where there was one; for runs that have the change at all."""
        found: dict[tuple[str, str], Edit] = {}
        for watch in watches:
            mine = [run for run in runs if _has(run, watch)]
            if not mine:
                continue
            original = self._changes.get(watch.workspace_id, watch.change_id)
            for run in mine:
                edit = self._edit(original, watch.version, run)
                if edit is not None:
                    found[watch.change_id, run.execution_id] = edit
        return found

    def _edit(self, original: ChangeRecord, made: int, run: RunRecord) -> Edit | None:
        """made: the version that the change made."""
        touched = touched_resources(original.before, original.after)
        version = run.workflow_version or made
        if version == made and not touched:
            return None
        later = self._edited_later(run) if touched else _NOTHING
        also = self._not_named(original, made, touched) if touched else _NOTHING
        first: int | None = None
        while version >= made and not self._is_as_left(original, version, later, also):
            first, version = version, version - 1
        if first is None:
            return None
        # in the version of the change itself only what has no versions can differ
        return Edit(None if first == made else first)

    def _is_as_left(
        self, original: ChangeRecord, version: int, later: Collection[str], also: Collection[str]
    ) -> bool:
        found = self._at(original, version, also)
        # where it is gone nothing speaks for an edit
        return found is None or is_as_left(original.before, original.after, found, but=later)

    def _not_named(
        self, original: ChangeRecord, made: int, touched: Sequence[tuple[ResourceKind, str]]
    ) -> Collection[str]:
        """Those that only a text speaks of: that no version names them is no edit."""
        found = self._at(original, made, _NOTHING)
        there = {} if found is None else found.resources
        return {name for kind, name in touched if name not in there.get(kind, {})}

    def _at(self, original: ChangeRecord, version: int, also: Collection[str]) -> Snapshot | None:
        change = original.change
        try:
            return self._versions.at(change.workspace_id, change.workflow_id, version, also=also)
        except NotFound:
            return None

    def _edited_later(self, run: RunRecord) -> Collection[str]:
        if run.finished_at is None:
            return _NOTHING
        touched = self._history.touched(run.workspace_id, after=run.finished_at, before=_EVER)
        return {f"{one.kind}/{one.name}" for one in touched}


def _has(run: RunRecord, watch: Watch) -> bool:
    return (
        not run.test_mode
        and run.workflow_id == watch.workflow_id
        and run.workflow_version is not None
        and run.workflow_version >= watch.version
    )
