"""What failed in a run, and what the knowledge base says of it: nothing is stored and nobody asked."""

from collections.abc import Sequence

from knowledge_base import KnowledgeBase

from ..types import Diagnosis, ErrorRecord, Failure, Normalized, RunRecord
from ..types.message import place
from .diagnose import diagnose
from .locate import locate
from .normalize import normalize
from .report import GUESS


def examine(run: RunRecord, *, keep: Sequence[str] = ()) -> Failure:
    """Which step failed first, and which kind of error it is. Raises NotAnalysable.

    keep: expressions whose matches tell failures apart; see the setting group_keep.
    """
    found = locate(run)
    error = found.error
    normal = _normal(error, error.message, keep)
    plain = GUESS.sub("", error.message)
    # what is guessed to be meant differs with what there is, and is the same failure all the same
    same = normal if plain == error.message else _normal(error, plain, keep)
    step = found.step
    return Failure(
        workspace_id=run.workspace_id,
        workflow_id=run.workflow_id,
        workflow_version=run.workflow_version,
        execution_id=run.execution_id,
        test_mode=run.test_mode,
        step_path=step.path if step else None,
        step_number=step.number if step else None,
        action=step.action if step else None,
        error=error,
        occurred_at=found.occurred_at,
        signature=same.signature,
        key=same.key,
        label=same.label,
        entities=tuple((entity.kind, entity.value) for entity in normal.entities),
        later_failures=found.later_failures,
    )


def _normal(error: ErrorRecord, message: str, keep: Sequence[str]) -> Normalized:
    return normalize(
        message,
        error_type=error.type,
        traceback=error.traceback,
        fingerprint=error.fingerprint,
        keep=keep,
    )


def explain(failure: Failure, knowledge: KnowledgeBase) -> Diagnosis:
    """What kind of failure it is, by its error alone."""
    error = failure.error
    return diagnose(
        message=error.message,
        error_type=error.type,
        traceback=error.traceback,
        step_action=failure.action,
        code=error.code,
        details=error.details,
        knowledge=knowledge,
        where=place(failure.step_number, failure.step_path),
        occurred_at=failure.occurred_at,
    )
