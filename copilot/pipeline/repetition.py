"""Whether a failure repeats, by what is stored of those before it."""

from collections.abc import Sequence
from dataclasses import replace

from ..policy import Policy
from ..storage.failures import Sighting, SightingGroup
from ..storage.store import Store
from ..types import Diagnosis, Failure, Pattern, RunRecord
from ..types.insight import FailureGroup
from .detect import detect, rhythm_of, stand_with
from .sanitize import one_line


def repetition(
    store: Store, run: RunRecord, failure: Failure, root: str, diagnosis: Diagnosis, policy: Policy
) -> Pattern:
    """The pattern that *failure*, of the group *root*, is part of."""
    recent = store.failures.recent_failures(
        failure.workspace_id, failure.workflow_id, limit=policy.pattern_window
    )
    current = Sighting.of(failure, root)
    ignored = store.failures.is_ignored(failure.workspace_id, root, window=recent)
    if run.is_parked or ignored:  # counts as little as a test
        current = replace(current, test_mode=True)
    found = detect(
        current,
        recent,
        root_cause=diagnosis.root_cause,
        captures=diagnosis.captures,
        threshold=policy.pattern_threshold,
        window=policy.pattern_window,
    )
    workflow = (failure.workspace_id, failure.workflow_id)
    known = store.patterns.of_group(*workflow, root, failure.signature)
    roots = {seen.signature: seen.root for seen in (*recent, current)}
    endings = store.run_facts.endings(*workflow, roots=roots)
    rhythm = rhythm_of(endings, root, needed=policy.verify_runs)
    state = stand_with(known, current, is_pattern=found.is_pattern)
    return found.model_copy(update={"state": state, "rhythm": rhythm.words if rhythm else None})


def group_of(
    group: SightingGroup, recent: Sequence[Sighting], diagnosis: Diagnosis, policy: Policy
) -> FailureGroup:
    """A kind of failure among the *recent* ones; diagnosis: of its newest."""
    return FailureGroup(
        signature=group.root,
        label=one_line(group.newest.label),
        workflow_id=group.newest.workflow_id,
        pattern=detect(
            Sighting.of(group.newest, group.root),
            recent,
            root_cause=diagnosis.root_cause,
            captures=diagnosis.captures,
            threshold=policy.pattern_threshold,
            window=policy.pattern_window,
        ),
        executions=group.executions,
    )
