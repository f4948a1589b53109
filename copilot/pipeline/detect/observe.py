"""Moves the life of repeated failures on when runs have ended, inside one transaction.

Of each workflow the window is read once for all runs that come together, and each failure is then
seen as of its own time, so that it makes no difference how many runs are taken in at once.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from ...policy import Policy
from ...storage.patterns import (
    StoredPattern,
    Turn,
    find_live_patterns,
    find_patterns,
    find_verified,
    save_pattern,
)
from ...storage.run_facts import (
    Ending,
    FailedRun,
    WindowEntry,
    add_endings,
    find_runs,
    read_window,
    record_runs,
)
from ...types import Failure, RunRecord, RunStatus
from ...types.pattern import PatternState
from .life import after_failure, after_success, resolve

#: A run that has ended with what failed in it, normalized; nothing for a run that succeeded.
Ended = tuple[RunRecord, Sequence[Failure]]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """threshold of the last *window* failed runs make a pattern, *passes* successful ones end it."""

    threshold: int
    window: int
    passes: int

    @classmethod
    def of(cls, policy: Policy) -> "Thresholds":
        return cls(policy.pattern_threshold, policy.pattern_window, policy.verify_runs)


def observe(
    connection: Connection,
    workspace_id: str,
    ended: Sequence[Ended],
    *,
    verified: Collection[str],
    thresholds: Thresholds,
    now: datetime,
    complete: bool = True,
) -> None:
    """Let runs that have ended, in their order, turn the patterns of their workflows.

    Their failures are recorded already. verified: ids of changes that these runs may have verified.
    complete: whether the source tells of successful runs too; if not, nothing is known of the
    rhythm. A run that was delivered before changes nothing but what it used.
    """
    counted = [(run, failures) for run, failures in ended if not run.test_mode]
    by_workflow: dict[str, list[Ended]] = defaultdict(list)
    for run, failures in counted:
        by_workflow[run.workflow_id].append((run, failures))
    fresh = record_runs(
        connection, workspace_id, [_used(run, failures[0]) for run, failures in counted if failures]
    )
    if complete:
        add_endings(connection, workspace_id, _endings(by_workflow))
    live: dict[str, list[StoredPattern]] = defaultdict(list)
    for one in find_live_patterns(connection, workspace_id, by_workflow):
        live[one.workflow_id].append(one)
    made_for = find_verified(connection, workspace_id, verified)
    for workflow_id, runs in by_workflow.items():
        failed = any(failures for _, failures in runs)
        if failed or live[workflow_id]:
            lives = _Lives(connection, workspace_id, workflow_id, thresholds, now)
            lives.open(live[workflow_id], runs)
            for run, failures in runs:
                lives.see(run, failures, is_fresh=run.execution_id in fresh)
            lives.settle(made_for)
            lives.save()


class _Lives:
    """The patterns of one workflow while some of its runs are looked at, by root."""

    def __init__(
        self,
        connection: Connection,
        workspace_id: str,
        workflow_id: str,
        thresholds: Thresholds,
        now: datetime,
    ) -> None:
        self._connection = connection
        self._workspace_id = workspace_id
        self._workflow_id = workflow_id
        self._given = thresholds
        self._now = now
        self._failed: Sequence[WindowEntry] = ()
        self._before: dict[str, StoredPattern] = {}
        self._patterns: dict[str, StoredPattern] = {}

    def open(self, live: Iterable[StoredPattern], runs: Sequence[Ended]) -> None:
        """Read what the runs may turn: what is live, and what has the name of a failure."""
        failed = sum(bool(failures) for _, failures in runs)
        if failed:
            self._failed = read_window(
                self._connection,
                self._workspace_id,
                self._workflow_id,
                self._given.window + failed,
            )
        names = {entry.signature for entry in self._failed} | {one.signature for one in live}
        self._before = find_patterns(
            self._connection, self._workspace_id, self._workflow_id, names, for_update=True
        )
        self._patterns = dict(self._before)

    def see(self, run: RunRecord, failures: Sequence[Failure], *, is_fresh: bool) -> None:
        if failures:
            self._see_failure(run, is_fresh=is_fresh)
        elif run.status is RunStatus.SUCCEEDED:
            at = run.finished_at or self._now
            for root, one in self._patterns.items():
                if one.state is not PatternState.RESOLVED:
                    self._patterns[root] = after_success(one, needed=self._given.passes, at=at)

    def settle(self, verified: Mapping[tuple[str, str], str]) -> None:
        """A fix that is verified ends what it was made for."""
        for root, one in self._patterns.items():
            change = verified.get((self._workflow_id, root))
            if change is not None and one.state is not PatternState.RESOLVED:
                self._patterns[root] = resolve(
                    one, at=self._now, reason=f"the fix {change} is verified"
                )

    def save(self) -> None:
        for root, one in self._patterns.items():
            if one != self._before.get(root):
                save_pattern(self._connection, self._workspace_id, one)

    def _see_failure(self, run: RunRecord, *, is_fresh: bool) -> None:
        place = next(
            (
                index
                for index, entry in enumerate(self._failed)
                if entry.execution_id == run.execution_id
            ),
            None,
        )
        if place is None:
            return  # too old to be among the last failed runs, or it failed again since
        window = self._failed[place : place + self._given.window]
        root = window[0].root
        one = self._patterns.get(root)
        if window[0].is_ignored:
            return
        if one is not None:
            self._patterns[root] = self._again(one, window, root, run, is_fresh=is_fresh)
        elif sum(entry.root == root for entry in window) >= self._given.threshold:
            self._patterns[root] = self._first(window, root, run)
        self._end_what_is_gone(window)

    def _again(
        self,
        one: StoredPattern,
        window: Sequence[WindowEntry],
        root: str,
        run: RunRecord,
        *,
        is_fresh: bool,
    ) -> StoredPattern:
        at = window[0].occurred_at
        if at <= one.last_occurred and not is_fresh:
            return one  # delivered before
        counted = replace(
            one,
            signature=root,
            label=window[0].label,
            last_occurred=max(at, one.last_occurred),
            last_execution_id=run.execution_id,
            workflow_version=run.workflow_version,
            failures=one.failures + is_fresh,
            passed=0,
        )
        return after_failure(counted, window, root, version=run.workflow_version)

    def _first(self, window: Sequence[WindowEntry], root: str, run: RunRecord) -> StoredPattern:
        members = [entry for entry in window if entry.root == root]
        names = sorted({entry.signature for entry in members})
        at = members[0].occurred_at
        earlier = [
            known.occurred_at
            for known in find_runs(self._connection, self._workspace_id, self._workflow_id, names)
            if known.occurred_at <= at
        ]
        many = f"{len(members)} of the last {len(window)} failed runs failed so"
        return StoredPattern(
            workflow_id=self._workflow_id,
            signature=root,
            label=members[0].label,
            state=PatternState.NEW,
            since=at,
            detected_at=at,
            first_occurred=min([members[-1].occurred_at, *earlier]),
            last_occurred=at,
            last_execution_id=run.execution_id,
            workflow_version=run.workflow_version,
            failures=max(len(members), len(earlier)),
            turns=(Turn(PatternState.NEW, at, many),),
        )

    def _end_what_is_gone(self, window: Sequence[WindowEntry]) -> None:
        """What is in none of the last failed runs any more is over, if it was not said already."""
        there = {entry.root for entry in window}
        for root, one in self._patterns.items():
            if root not in there and one.state is not PatternState.RESOLVED:
                gone = f"none of the last {len(window)} failed runs failed so"
                self._patterns[root] = resolve(one, at=window[0].occurred_at, reason=gone)


def _endings(runs: Mapping[str, Sequence[Ended]]) -> dict[str, list[Ending]]:
    found = {
        workflow_id: [
            Ending(run.execution_id, failures[0].signature if failures else None)
            for run, failures in some
            if failures or run.status is RunStatus.SUCCEEDED
        ]
        for workflow_id, some in runs.items()
    }
    return {workflow_id: endings for workflow_id, endings in found.items() if endings}


def _used(run: RunRecord, failure: Failure) -> FailedRun:
    tokens = [step.tokens for step in run.steps if step.tokens is not None]
    credits = [step.credits_used for step in run.steps if step.credits_used is not None]
    return FailedRun(
        execution_id=run.execution_id,
        workflow_id=run.workflow_id,
        signature=failure.signature,
        occurred_at=failure.occurred_at,
        trigger=run.trigger,
        started_by=run.started_by,
        tokens=sum(tokens) if tokens else None,
        credits=sum(credits) if credits else None,
        cost_usd=run.cost_usd,
    )
