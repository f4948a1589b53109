"""What belongs to one run alone: where it says what, what followed, what was different before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ..errors import NotFound
from ..ports import Circumstances, QuotaUse, RunHistory
from ..types import Diagnosis, Evidence, FollowingStep, GreenRun, RootCause, RunRecord, StepRecord
from .context.changes import ago, changes_since
from .diagnose import telling
from .locate import Located, Told
from .report import Surroundings
from .sanitize import one_line

MOST_FOLLOWING = 20
MOST_LIMITS = 5
#: Causes that the use of limits tells more about.
_OF_LIMITS = frozenset({RootCause.RATE_LIMIT, RootCause.QUOTA_EXHAUSTED})


@dataclass(frozen=True, slots=True)
class Findings:
    """What is known of one failed run beside its report.

    evidence: a change since the last green run that is about what failed, where there is one.
    """

    located: Located
    diagnosis: Diagnosis
    changes: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    last_green: GreenRun | None = None
    quota_use: tuple[str, ...] = ()

    def of_this_run(self) -> Mapping[str, Any]:
        """The fields of its report, every text fit to be shown."""
        told, diagnosis = self.located.told, self.diagnosis
        placed = telling([_shown(_placed(one, told)) for one in diagnosis.evidence])
        return {
            "evidence": (*placed, *self.evidence),
            "alternatives": tuple(
                one.model_copy(update={"evidence": _shown(_placed(one.evidence, told))})
                for one in diagnosis.alternatives
            ),
            "grounds": diagnosis.grounds,
            "collect": diagnosis.collect,
            "followed_by": tuple(map(_following, self.located.followed[:MOST_FOLLOWING])),
            "failed_beside": tuple(map(_following, self.located.beside[:MOST_FOLLOWING])),
            "location_note": self.located.note,
            "wrapped_by": one_line(told.wrapper) if told.wrapper else None,
            "changes_since": tuple(one_line(text, limit=400) for text in self.changes),
            "last_green_run": self.last_green,
            "quota_use": tuple(map(one_line, self.quota_use)),
        }


def look_back(
    found: Findings, run: RunRecord, history: RunHistory, around: Surroundings
) -> Findings:
    """*found* with what has changed since the workflow last went well, and what limits are used."""
    limits: Sequence[QuotaUse] = ()
    if found.diagnosis.root_cause in _OF_LIMITS:
        limits = history.quota_use(run.workspace_id)[:MOST_LIMITS]
    found = replace(found, quota_use=tuple(map(_limit, limits)))
    before = run.started_at or found.located.occurred_at
    try:
        green = history.last_green(run.workspace_id, run.workflow_id, before=before)
        if green is None:
            return found
        failed = history.circumstances(run.workspace_id, run.execution_id)
    except NotFound:  # it has been deleted meanwhile
        return found
    return _with_changes(found, green, failed, history, around, run.workspace_id)


def _with_changes(
    found: Findings,
    green: Circumstances,
    failed: Circumstances,
    history: RunHistory,
    around: Surroundings,
    workspace_id: str,
) -> Findings:
    moment = found.located.occurred_at
    step = found.located.step
    told = changes_since(
        green,
        failed,
        history.touched(workspace_id, after=green.finished_at or green.started_at, before=moment),
        step_path=step.path if step else None,
        named=frozenset(found.diagnosis.captures.values()),
        connected=around.context.integrations,
        failed_at=moment,
    )
    return replace(
        found,
        changes=tuple(one.text for one in told),
        evidence=tuple(
            Evidence(source="change", text=one_line(one.text, limit=400))
            for one in told[:1]
            if one.touches
        ),
        last_green=_green_run(green, moment),
    )


def _green_run(green: Circumstances, failed_at: datetime) -> GreenRun:
    ended = green.finished_at or green.started_at
    return GreenRun(
        execution_id=green.execution_id,
        workflow_version=green.workflow_version,
        finished_at=ended,
        ago=f"{ago(ended, failed_at)} this failure",
    )


def _placed(evidence: Evidence, told: Told) -> Evidence:
    """*evidence* as it stands in the run: the error may have been found inside another one's."""
    fields = {
        "message": (told.field, told.start),
        "error_type": (told.type_field, told.type_start),
    }
    if evidence.field is None or evidence.start is None or evidence.end is None:
        return evidence
    field, shift = fields.get(evidence.field, (evidence.field, 0))
    return evidence.model_copy(
        update={
            "source": field.partition(".")[0],
            "step": told.step,
            "field": field,
            "start": evidence.start + shift,
            "end": evidence.end + shift,
        }
    )


def _shown(evidence: Evidence) -> Evidence:
    """*evidence* fit to be shown; what had to be changed for that is no quotation any more."""
    text = one_line(evidence.text)
    if text == evidence.text:
        return evidence
    return evidence.model_copy(update={"text": text, "field": None, "start": None, "end": None})


def _following(step: StepRecord) -> FollowingStep:
    return FollowingStep(
        step_number=step.number,
        path=step.path,
        action=one_line(step.action),
        error=one_line(step.error.message) if step.error else None,
    )


def _limit(use: QuotaUse) -> str:
    until = f", room again at {use.resets_at:%Y-%m-%d %H:%M} UTC" if use.resets_at else ""
    return f"{use.account}: {use.used:,} of {use.limit} used{until}"
