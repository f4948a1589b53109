"""From findings to the report: every text made fit to be shown, every fix with its button."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..fixes import Fix
from ..ports import WorkspaceContext
from ..snapshot import Snapshot
from ..storage.database import new_id
from ..types import (
    Diagnosis,
    FailedStep,
    Failure,
    FixHint,
    Pattern,
    Preview,
    Receipt,
    Report,
    SuggestedFix,
)
from .context import available_templates, integration_status
from .sanitize import one_line, sanitize

_NO_CONTEXT = WorkspaceContext()
_HEADLINE = 300


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known around a run; a source without our engine's workspace has none of it."""

    snapshot: Snapshot | None = None
    context: WorkspaceContext = _NO_CONTEXT
    output_names: Mapping[str, Sequence[str]] | None = None

    @property
    def digest(self) -> str:
        """Equal when nothing around the failure has changed."""
        content = [
            self.snapshot.digest if self.snapshot else None,
            self.context.model_dump(mode="json"),
            {step: list(names) for step, names in (self.output_names or {}).items()},
        ]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Offer:
    """A remedy in words and, where the facts allow, as a fix with its exact diff."""

    hint: FixHint
    fix: Fix | None = None
    fix_id: str | None = None
    preview: Preview | None = None


def compose(
    failure: Failure,
    diagnosis: Diagnosis,
    *,
    pattern: Pattern,
    around: Surroundings,
    offers: Sequence[Offer],
    now: datetime,
) -> Report:
    """The report before it has a price."""
    fixes = tuple(_suggested(offer) for offer in offers)
    return Report(
        analysis_id=new_id("analysis"),
        execution_id=failure.execution_id,
        workflow_id=failure.workflow_id,
        headline=_headline(failure),
        explanation=sanitize(diagnosis.explanation).text,
        root_cause=diagnosis.root_cause,
        verdict=diagnosis.verdict,
        evidence=tuple(
            one.model_copy(update={"text": one_line(one.text)}) for one in diagnosis.evidence
        ),
        failed_step=failed_step(failure),
        suggested_fixes=fixes,
        can_auto_fix=any(fix.auto_fix_available for fix in fixes),
        pattern_detected=pattern,
        available_templates=available_templates(around.context),
        integration_status=integration_status(around.context),
        retry_helps=diagnosis.retry_helps,
        signature=failure.signature,
        label=one_line(failure.label),
        later_failures=failure.later_failures,
        created_at=now,
        receipt=Receipt(credits=0, balance=None, reason=""),
    )


def _headline(failure: Failure) -> str:
    words = one_line(failure.error.message, limit=_HEADLINE) or "no error text"
    if failure.step_number is None:
        return f"The run failed: {words}"
    return f"Step {failure.step_number} failed: {words}"


def failed_step(failure: Failure) -> FailedStep:
    return FailedStep(
        step_number=failure.step_number,
        action=one_line(failure.action) if failure.action else None,
        error=sanitize(failure.error.message).text,
        timestamp=failure.occurred_at,
        path=failure.step_path,
    )


def _suggested(offer: Offer) -> SuggestedFix:
    return SuggestedFix(
        fix_id=offer.fix_id,
        type=offer.hint.type,
        description=one_line(offer.hint.description, limit=1000),
        action=offer.fix.button if offer.fix else _BUTTONS.get(offer.hint.type, "Show how"),
        tier=offer.hint.tier,
        auto_fix_available=offer.fix is not None,
        preview=offer.preview.diff if offer.preview else None,
    )


#: Texts of the buttons of remedies that a person carries out.
_BUTTONS: Mapping[str, str] = {
    "connect_integration": "Connect",
    "create_template": "Create template",
    "create_field": "Create field",
    "pause_workflow": "Pause agent",
    "resume_after_quota": "Wait for the quota",
    "retry_policy": "Retry",
}
