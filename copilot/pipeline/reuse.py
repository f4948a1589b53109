"""An analysis served again: for which runs it holds, and what of it belongs to one run alone."""

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
            "receipt": Receipt(credits=0, balance=balance, reason="known already"),
            **found.of_this_run(),
        }
    )
