"""Kinds of failure with all that is stored of them: life, rhythm, impact, and where else."""

from collections.abc import Callable, Sequence

from ..pipeline.analyze import Analyzer
from ..pipeline.detect import find_elsewhere, rhythm_of, sum_up
from ..pipeline.sanitize import one_line
from ..policy import Policy
from ..storage.patterns import StoredPattern
from ..storage.run_facts import Ending
from ..storage.store import Store
from ..types import Pattern
from ..types.insight import FailureGroup


class PatternView:
    """policy: what a workspace has decided."""

    def __init__(self, store: Store, analyzer: Analyzer, policy: Callable[[str], Policy]) -> None:
        self._store = store
        self._analyzer = analyzer
        self._policy = policy

    def of_workflow(self, workspace_id: str, workflow_id: str) -> tuple[FailureGroup, ...]:
        """The kinds of failure among its last failed runs, the most frequent first."""
        groups = self._analyzer.patterns(workspace_id, workflow_id)
        known = self._store.patterns.of_workflow(
            workspace_id, workflow_id, {group.signature for group in groups}
        )
        endings = self._store.run_facts.endings(workspace_id, workflow_id)
        return tuple(
            self._told(workspace_id, group, known.get(group.signature), endings) for group in groups
        )

    def of_workspace(
        self, workspace_id: str, *, resolved: bool, limit: int
    ) -> tuple[FailureGroup, ...]:
        """Its patterns, those that are new, worsening or regressed first, then the last seen."""
        with self._store.database.reads():
            found = self._store.patterns.newest(workspace_id, resolved=resolved, limit=limit)
            seen = {
                workflow_id: {
                    group.signature: group for group in self.of_workflow(workspace_id, workflow_id)
                }
                for workflow_id in {one.workflow_id for one in found}
            }
            roots = self._store.failures.roots(workspace_id, [one.signature for one in found])
            told = [
                seen[one.workflow_id].get(roots[one.signature])
                or self._gone(workspace_id, one, roots[one.signature])
                for one in found
            ]
        return tuple(sorted(told, key=_urgent_first))

    def _gone(self, workspace_id: str, one: StoredPattern, root: str) -> FailureGroup:
        """A pattern that none of the last failed runs has any more, by its last failure."""
        window = self._policy(workspace_id).pattern_window
        group = FailureGroup(
            signature=root,
            label=one_line(one.label),
            workflow_id=one.workflow_id,
            pattern=Pattern(
                is_pattern=False,
                error_message=one.label,
                failure_count=0,
                window=window,
                first_occurred=one.first_occurred,
                last_occurred=one.last_occurred,
            ),
            executions=(one.last_execution_id,),
        )
        endings = self._store.run_facts.endings(workspace_id, one.workflow_id)
        return self._told(workspace_id, group, one, endings)

    def _told(
        self,
        workspace_id: str,
        group: FailureGroup,
        known: StoredPattern | None,
        endings: Sequence[Ending],
    ) -> FailureGroup:
        needed = self._policy(workspace_id).verify_runs
        names = self._store.patterns.names(workspace_id, group.signature)
        runs = self._store.run_facts.of_group(workspace_id, group.workflow_id, names)
        rhythm = rhythm_of(endings, group.signature, needed=needed)
        life = None if known is None else self._store.patterns.life(workspace_id, known)
        return group.model_copy(
            update={
                "life": life,
                "rhythm": rhythm,
                "impact": sum_up(
                    runs,
                    failures=0 if known is None else known.failures,
                    since=None if known is None else known.first_occurred,
                ),
                "elsewhere": find_elsewhere(
                    self._store.run_facts.places(workspace_id, names),
                    group.workflow_id,
                ),
                "pattern": group.pattern.model_copy(
                    update={
                        "state": None if known is None else known.state,
                        "rhythm": None if rhythm is None else rhythm.words,
                    }
                ),
            }
        )


def _urgent_first(group: FailureGroup) -> tuple[int, float]:
    life, last = group.life, group.pattern.last_occurred
    when = 0.0 if last is None else -last.timestamp()
    if life is None:
        return 2, when
    return (0 if life.state.is_urgent else 1 if life.state.is_open else 2), when
