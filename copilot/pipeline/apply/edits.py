"""What was edited of what a fix touched, before a run that is to say whether the fix has held."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TypeAlias

from ...errors import NotFound
from ...ports import RunHistory, Versions
from ...snapshot import Snapshot
from ...storage.changes import ChangeRecord, Changes
from ...storage.findings import Edit
from ...storage.outcomes import Watch
from ...types import OutcomeState, RunRecord
from .reversal import is_as_left, touched_resources

_EVER = datetime.max.replace(tzinfo=UTC)
_NOTHING: frozenset[str] = frozenset()
#: Changes that are remembered before all of them are forgotten.
_MOST = 1000
#: By version: since which one the place is edited, None where it is as the change left it.
_Since: TypeAlias = dict[int, int | None]


class Edits:
    """Compares, part by part, what a change left with the workflow that a run was carried out with.

    versions, history: of the workflows, and of what they name. Templates and the like have no past
    there, only the moment of their last edit: one that was edited after a run had ended is taken to
    have been in that run as the fix left it.

    A version is compared once, not for each run that has it: a version stays as it is. Where the
    change touched templates and the like too, that holds for the runs of one call.
    """

    def __init__(self, changes: Changes, *, versions: Versions, history: RunHistory) -> None:
        self._changes = changes
        self._versions = versions
        self._history = history
        self._since: dict[str, _Since] = {}
        self._held: dict[str, int] = {}

    def before(
        self, watches: Sequence[Watch], runs: Sequence[RunRecord]
    ) -> Mapping[tuple[str, str], Edit]:
        """By change and run, where there was one; for runs that have the change at all.

        Of a change that is verified only two things are news: that it is edited in a version that
        no run had before, and a run that fails. Other runs are not looked at.
        """
        found: dict[tuple[str, str], Edit] = {}
        for watch in watches:
            mine = [run for run in runs if _has(run, watch) and not self._is_no_news(watch, run)]
            if not mine:
                continue
            past = self._past(watch)
            for run in mine:
                version = run.workflow_version or watch.version
                later = self._edited_later(run) & past.names if past.names else _NOTHING
                since = past.edited_since(version, but=later)
                if since is None:
                    self._held[watch.change_id] = version
                    continue
                # in the version of the change itself only what has no versions can differ
                edit = Edit(None if since == watch.version else since)
                found[watch.change_id, run.execution_id] = edit
        return found

    def _is_no_news(self, watch: Watch, run: RunRecord) -> bool:
        return (
            watch.state is OutcomeState.VERIFIED
            and not run.status.is_failure
            and self._held.get(watch.change_id) == run.workflow_version
        )

    def _past(self, watch: Watch) -> "_Past":
        if len(self._since) >= _MOST or len(self._held) >= _MOST:
            self._since, self._held = {}, {}
        original = self._changes.get(watch.workspace_id, watch.change_id)
        past = _Past(original, watch.version, self._versions)
        if not past.names:
            past.since[_NOTHING] = self._since.setdefault(watch.change_id, {})
        return past

    def _edited_later(self, run: RunRecord) -> frozenset[str]:
        if run.finished_at is None:
            return _NOTHING
        touched = self._history.touched(run.workspace_id, after=run.finished_at, before=_EVER)
        return frozenset(f"{one.kind}/{one.name}" for one in touched)


class _Past:
    """What has become, version by version, of what a change left in the version it *made*.

    names: the resources that it touched, as 'template/Outbound v3'. since: what was found out, by
    the names that were not looked at.
    """

    def __init__(self, original: ChangeRecord, made: int, versions: Versions) -> None:
        self._original = original
        self._made = made
        self._versions = versions
        self._touched = touched_resources(original.before, original.after)
        self.names = frozenset(f"{kind}/{name}" for kind, name in self._touched)
        self.since: dict[frozenset[str], _Since] = {}

    def edited_since(self, version: int, *, but: frozenset[str]) -> int | None:
        """The first of the versions up to *version* that all are edited; None if it is not."""
        if version == self._made and not self.names:
            return None
        known = self.since.setdefault(but, {})
        edited: list[int] = []
        while version >= self._made and version not in known:
            if self._is_as_left(version, but):
                known[version] = None
                break
            edited.append(version)
            version -= 1
        since = known.get(version)
        for one in reversed(edited):
            since = known[one] = since or one
        return since

    def _is_as_left(self, version: int, but: Collection[str]) -> bool:
        found = self._at(version, self._not_named)
        # where it is gone nothing speaks for an edit
        return found is None or is_as_left(
            self._original.before, self._original.after, found, but=but
        )

    @cached_property
    def _not_named(self) -> Collection[str]:
        """Those that only a text speaks of: that no version names them is no edit."""
        found = self._at(self._made, _NOTHING) if self._touched else None
        there = {} if found is None else found.resources
        return {name for kind, name in self._touched if name not in there.get(kind, {})}

    def _at(self, version: int, also: Collection[str]) -> Snapshot | None:
        change = self._original.change
        try:
            return self._versions.at(change.workspace_id, change.workflow_id, version, also=also)
        except NotFound:
            return None


def _has(run: RunRecord, watch: Watch) -> bool:
    return (
        not run.test_mode
        and run.workflow_id == watch.workflow_id
        and run.workflow_version is not None
        and run.workflow_version >= watch.version
    )
