"""Repeated failures of a workspace: what they are, who has seen them, and why runs fail at all."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from ..errors import InvalidInput, NotFound
from ..pipeline.detect import dismiss, reopen
from ..pipeline.sanitize import one_line
from ..storage.causes import CountedKind
from ..storage.patterns import StoredPattern
from ..types import RootCause
from ..types.engine import WorkflowRecord
from ..types.insight import FailureGroup
from ..types.pattern import CauseBreakdown, PatternLife
from ..types.principal import Scope
from .caller import Caller
from .causes import break_down
from .parts import Parts
from .pattern_view import PatternView
from .reasons import checked_reason

#: Days that a breakdown is about where nothing is said, and the most.
DAYS = 30
MOST_DAYS = 366


class Pauses(Protocol):
    def pause(self, workflow_id: str, *, reason: str = "") -> WorkflowRecord: ...


class LocalPatterns:
    """Implements `Patterns`. *workflows* is asked to pause one, as its own caller."""

    def __init__(self, parts: Parts, caller: Caller, workflows: Pauses) -> None:
        self._parts = parts
        self._caller = caller
        self._workflows = workflows
        self._patterns = parts.store.patterns
        self._view = PatternView(parts.store, parts.analyzer, parts.policies.of)

    def list(self, *, resolved: bool = False, limit: int = 50) -> Sequence[FailureGroup]:
        self._caller.require(Scope.READ)
        workspace_id = self._caller.workspace_id
        self._parts.intake.catch_up(workspace_id)
        return self._view.of_workspace(workspace_id, resolved=resolved, limit=limit)

    def dismiss(self, workflow_id: str, signature: str, *, reason: str = "") -> PatternLife:
        self._caller.require(Scope.APPROVE)  # it hides a warning: no machine is talked into it
        said = checked_reason(reason)
        version = self._version(workflow_id)

        def decide(one: StoredPattern, now: datetime) -> StoredPattern:
            who = self._caller.principal
            return dismiss(one, by=who.id, by_name=who.name, reason=said, version=version, at=now)

        after = self._patterns.change(self._caller.workspace_id, workflow_id, signature, decide)
        self._record("dismiss_pattern", after, said)
        return self._patterns.life(self._caller.workspace_id, after)

    def reopen(self, workflow_id: str, signature: str, *, reason: str = "") -> PatternLife:
        self._caller.require(Scope.RUN)
        said = checked_reason(reason)

        def decide(one: StoredPattern, now: datetime) -> StoredPattern:
            return reopen(one, by_name=self._caller.principal.name, reason=said, at=now)

        after = self._patterns.change(self._caller.workspace_id, workflow_id, signature, decide)
        self._record("reopen_pattern", after, said)
        return self._patterns.life(self._caller.workspace_id, after)

    def pause(self, workflow_id: str, signature: str, *, reason: str = "") -> WorkflowRecord:
        self._caller.require(Scope.RUN)
        said = checked_reason(reason)
        one = self._patterns.get(self._caller.workspace_id, workflow_id, signature)
        return self._workflows.pause(workflow_id, reason=said or _why(one))

    def causes(
        self,
        *,
        workflow_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> CauseBreakdown:
        self._caller.require(Scope.READ)
        workspace_id = self._caller.workspace_id
        end = until or self._parts.store.database.now()
        start = since or end - timedelta(days=DAYS)
        if not timedelta() < end - start <= timedelta(days=MOST_DAYS):
            problem = f"the time from {start.isoformat()} to {end.isoformat()} can't be looked at."
            raise InvalidInput("since", problem, f"Give up to {MOST_DAYS} days, the start first.")
        self._parts.intake.catch_up(workspace_id)
        kinds = self._parts.store.causes.kinds(workspace_id, workflow_id, since=start, until=end)
        return break_down(
            kinds, ask=self._ask_rules, workflow_id=workflow_id, since=start, until=end
        )

    def _ask_rules(self, kind: CountedKind) -> RootCause:
        failure = self._parts.store.failures.get(self._caller.workspace_id, kind.newest_id)
        return self._parts.analyzer.explain(failure).root_cause

    def _version(self, workflow_id: str) -> int | None:
        """The newest version; None for a workflow of another system."""
        try:
            return self._parts.target.snapshot(self._caller.workspace_id, workflow_id).version
        except NotFound:
            return None

    def _record(self, action: str, one: StoredPattern, reason: str) -> None:
        self._caller.record(action, one.workflow_id, signature=one.signature, reason=reason)


def _why(one: StoredPattern) -> str:
    runs = "1 run" if one.failures == 1 else f"{one.failures} runs"
    return f"Repeated failure: {one_line(one.label)} ({runs})"
