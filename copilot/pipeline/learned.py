"""Offers as a workspace's experience and its levels of autonomy have them: marked, ordered, cut."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..learning import Lessons, by_itself
from ..storage.changes import ChangeRecord
from ..storage.past_fixes import fix_key
from ..types import (
    AlreadyFixed,
    Diagnosis,
    OutcomeState,
    Report,
    RootCause,
    Verdict,
)
from ..types.learning import Level
from ..types.message import BESIDES, MessageParts
from ..types.standing import StandingApproval
from .done import with_what_changed
from .report import Offer
from .sanitize import one_line

ONLY_COUNTED = "This workspace counts its failures and has none explained (autonomy: observe)."


def as_learned(offer: Offer, lessons: Lessons) -> Offer:
    """*offer* as far as its type may go here, with how often exactly this fix has failed before."""
    if offer.fix is None:
        return offer
    if (why := lessons.held_back.get(offer.hint.type)) is not None:
        told = f"{offer.hint.description.rstrip('.')}. {why}"
        return Offer(offer.hint.model_copy(update={"description": told}))
    failed = lessons.failed.get(fix_key(offer.fix.model_dump(mode="json")), 0)
    if not lessons.level_of(offer.hint.type).allows(Level.APPROVE):
        return Offer(offer.hint, preview=offer.preview, failed_before=failed)
    return replace(offer, failed_before=failed) if failed else offer


def shown(offers: Sequence[Offer], lessons: Lessons) -> tuple[Offer, ...]:
    """Those that may be seen: none of a type whose level is below `suggest`."""
    return tuple(one for one in offers if lessons.level_of(one.hint.type).allows(Level.SUGGEST))


def prepared(offers: Sequence[Offer], lessons: Lessons, diagnosis: Diagnosis) -> tuple[Offer, ...]:
    """The offers of the rules as they may be shown, marked and in order."""
    marked = shown([as_learned(one, lessons) for one in offers], lessons)
    return ordered(marked, lessons, diagnosis.root_cause, diagnosis.verdict)


def ordered(
    offers: Sequence[Offer], lessons: Lessons, cause: RootCause, verdict: Verdict
) -> tuple[Offer, ...]:
    """Fixes by what has held here, the best first; words stay where they are.

    Where the diagnosis is confirmed the evidence has singled out the first fix: no rate puts
    another before it. Only that exactly this one has failed here before does.
    """
    places = [place for place, one in enumerate(offers) if one.fix is not None]
    fixes = [offers[place] for place in places]
    keep = 1 if fixes and verdict is Verdict.CONFIRMED and not fixes[0].failed_before else 0
    fixes[keep:] = sorted(
        fixes[keep:],
        key=lambda one: (
            one.failed_before > 0,
            lessons.standing(one.hint.type, cause.value),
        ),
    )
    found = list(offers)
    for place, one in zip(places, fixes, strict=True):
        found[place] = one
    return tuple(found)


def as_allowed(report: Report, lessons: Lessons) -> Report:
    """*report* without what the workspace's own level keeps from being told."""
    report = without_done(report.model_copy(update={"already_fixed": lessons.already_fixed}))
    if lessons.level.allows(Level.SUGGEST):
        return report
    cut: dict[str, Any] = {
        "suggested_fixes": (),
        "can_auto_fix": False,
        "parts": report.parts.model_copy(update={"options": (), "question": None, "asks": None}),
        "pause_fix_id": None,
        "pattern_detected": report.pattern_detected.model_copy(update={"recommendation": None}),
    }
    if lessons.level is Level.OBSERVE:
        cut |= {
            "explanation": ONLY_COUNTED,
            "evidence": (),
            "alternatives": (),
            "grounds": "",
            "collect": (),
            "parts": MessageParts(explains=True),
        }
    return report.model_copy(update=cut)


def without_done(report: Report) -> Report:
    """*report* without the remedies that a fix in place has made needless, a pause among them.

    What stays is what can be applied beside it, and what a model has to say that was asked in spite
    of it.
    """
    done = report.already_fixed
    if done is None:
        return report
    by_model = report.model is not None and report.model.answered
    fixes = tuple(
        one
        for one in report.suggested_fixes
        if one.type != done.fix_type and (one.preview is not None or by_model)
    )
    pattern = report.pattern_detected.model_copy(update={"recommendation": None})
    parts = {"lead": BESIDES, "options": (), "question": None, "asks": None}
    return report.model_copy(
        update={
            "suggested_fixes": fixes,
            "can_auto_fix": any(fix.auto_fix_available for fix in fixes),
            "can_pause": False,
            "pause_fix_id": None,
            "pattern_detected": pattern,
            "parts": report.parts.model_copy(update=parts),
        }
    )


def fixed_by_itself(report: Report, made: ChangeRecord, *, under: StandingApproval) -> Report:
    """*report* as it is told once a change was *made* with nobody asked."""
    change = made.change
    version = change.base_version if change.version is None else change.version
    signed_by = one_line(under.created_by_name)
    told = by_itself(change.fix_type, standing_id=under.standing_id, signed_by=signed_by)
    fixed = AlreadyFixed(
        change_id=change.change_id,
        fix_type=change.fix_type,
        version=version,
        state=OutcomeState.NOT_EXERCISED,
        words=f"This was fixed by itself, in version {version}: {told}",
        standing_id=under.standing_id,
    )
    fixed = with_what_changed(fixed, made, "No run that counts has ended since.")
    return without_done(report.model_copy(update={"already_fixed": fixed}))


def free_because(lessons: Lessons) -> str | None:
    """Why an analysis costs nothing and asks no model, unless somebody wants one."""
    if lessons.level is Level.OBSERVE:
        return "only counted"
    return "fixed already" if lessons.already_fixed is not None else None


def asks_model(lessons: Lessons, require: bool) -> bool:
    """Whether a model may be asked; about what is fixed already only where somebody wants it."""
    if lessons.level is Level.OBSERVE:
        return False
    return require or lessons.already_fixed is None


def may_act(lessons: Lessons) -> bool:
    """Whether anything can be approved in this workspace."""
    return lessons.level.allows(Level.APPROVE)
