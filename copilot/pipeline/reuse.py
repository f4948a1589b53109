"""An analysis served again: for which runs it holds, and what of it belongs to one run alone."""

from collections.abc import Mapping
from typing import Any

from knowledge_base import KnowledgeBase

from ..definitions import place_of
from ..storage.analyses import ReuseKey
from ..types import Failure, Pattern, Receipt, Report, RunRecord
from .findings import Findings
from .report import Surroundings, failed_step, headline


def reuse_key(
    run: RunRecord,
    failure: Failure,
    root: str,
    *,
    around: Surroundings,
    knowledge: KnowledgeBase,
) -> ReuseKey:
    """A run of the version that is current now is known by what that version says.

    What is said of a run that goes on by itself is not said of one that has failed. Nor is what was
    said before a workspace changed what it knows itself.
    """
    known = f" {knowledge.revision}" if knowledge.own else ""
    waits = " waits" if run.is_parked else ""
    snapshot = around.snapshot
    is_current = snapshot is not None and snapshot.version == failure.workflow_version
    return ReuseKey(
        workspace_id=failure.workspace_id,
        workflow_id=failure.workflow_id,
        workflow_version=None if is_current else failure.workflow_version,
        step_path=place_of(failure.step_path) if failure.step_path else None,
        group_root=root,
        entities=failure.entities,
        context_hash=f"{around.digest}{waits}{known}",
    )


def answers_for(earlier: Report, *, asks_model: bool) -> bool:
    """Whether *earlier* is good enough: not one of the rules alone where a model would be asked."""
    return not asks_model or (earlier.model is not None and earlier.model.answered)


def served_again(
    earlier: Report,
    run: RunRecord,
    failure: Failure,
    *,
    pattern: Pattern,
    found: Findings,
    balance: int | None,
) -> Report:
    """What is stored, with what belongs to this run put in its place; for nothing."""
    return earlier.model_copy(
        update={
            "execution_id": run.execution_id,
            "headline": headline(failure, waits=run.is_parked),
            "failed_step": failed_step(failure),
            "auto_resume_at": run.auto_resume_at,
            "later_failures": failure.later_failures,
            "pattern_detected": pattern,
            "served_from": earlier.analysis_id,
            "receipt": Receipt(credits=0, balance=balance, reason="known already"),
            **_of_this_run(earlier, found),
        }
    )


def _of_this_run(earlier: Report, found: Findings) -> Mapping[str, Any]:
    """What this run adds. What a model said of the failure stays as it was said, without the places
    in the other run."""
    own = found.of_this_run()
    if earlier.model is None or not earlier.model.answered:
        return own
    placeless = {"step": None, "field": None, "start": None, "end": None}
    said = {
        "evidence": tuple(one.model_copy(update=placeless) for one in earlier.evidence),
        "alternatives": earlier.alternatives,
        "grounds": earlier.grounds,
        "collect": earlier.collect,
    }
    return {**own, **said}
