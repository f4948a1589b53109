"""What can be done instead of a change: remedies made actions where the facts speak for it.

The rules alone do this. An account comes from the workspace, a time from what stopped the run; a
model names neither.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from pydantic import JsonValue

from ..errors import InvalidFix
from ..fixes import ACTIONS, parse_action
from ..storage.database import new_id
from ..types import Diagnosis, Failure, FixHint, Pattern, Report, RootCause
from .preview import preview_action
from .report import Offer, Surroundings, suggested
from .sanitize import one_line

PAUSE, CONNECT, RESUME = "pause_workflow", "connect_integration", "resume_after_quota"
_REPEATED = "Repeated failure"
#: Causes that an account or a limit is behind.
_ACTED_ON = frozenset(
    {
        RootCause.MISSING_INTEGRATION,
        RootCause.AUTH_ERROR,
        RootCause.PERMISSION_DENIED,
        RootCause.RATE_LIMIT,
        RootCause.QUOTA_EXHAUSTED,
    }
)
_LONGEST_LABEL = 300
_NOT_CONNECTED = "integration_not_connected"
_TO_PAUSE = FixHint(type=PAUSE, description="Pause this agent until somebody has looked at it")


def is_about_actions(diagnosis: Diagnosis, pattern: Pattern) -> bool:
    """Whether any action is worth thinking of: only then it is asked how things stand."""
    named = any(hint.type in ACTIONS for hint in diagnosis.fixes)
    return pattern.warns or named or diagnosis.root_cause in _ACTED_ON


def acting(offers: Sequence[Offer], failure: Failure, around: Surroundings) -> tuple[Offer, ...]:
    """*offers*, with those in words made actions that would have an effect now."""
    return tuple(
        one if one.fix is not None else _acting(one.hint, failure, around) for one in offers
    )


def pausing(
    failure: Failure, pattern: Pattern, around: Surroundings, *, told_in: str | None = None
) -> Offer | None:
    """Pausing the workflow, where the failure repeats and it is not paused.

    told_in: the analysis that is told again; its actions have the same ids each time.
    """
    if not pattern.warns:
        return None
    for reason in (f"{_REPEATED}: {one_line(failure.label, limit=_LONGEST_LABEL)}", _REPEATED):
        fix_id = _id_of(told_in, PAUSE)
        if (made := _made(_TO_PAUSE, {"reason": reason}, around, fix_id)) is not None:
            return made
    return None


def for_this_run(
    report: Report, failure: Failure, around: Surroundings, *, first_told_about: str
) -> tuple[Report, tuple[Offer, ...]]:
    """A report that is told again, with the actions of this run, and those that are new.

    first_told_about: the run that it was made for. A timer is bound to its run.
    """
    fixes, added = list(report.suggested_fixes), list[Offer]()
    for place, fix in enumerate(fixes):
        if fix.type == RESUME and (fix.fix_id is None or first_told_about != failure.execution_id):
            hint = FixHint(type=RESUME, description=fix.description, tier=fix.tier)
            own = _acting(hint, failure, around, told_in=report.analysis_id)
            fixes[place] = suggested(own)
            added.append(own)
    pause_fix_id = report.pause_fix_id
    if pause_fix_id is None:
        pause = pausing(failure, report.pattern_detected, around, told_in=report.analysis_id)
        if pause is not None:
            pause_fix_id = pause.fix_id
            added.append(pause)
    update = {
        "suggested_fixes": tuple(fixes),
        "can_auto_fix": any(fix.auto_fix_available for fix in fixes),
        "pause_fix_id": pause_fix_id,
    }
    return report.model_copy(update=update), tuple(added)


def as_it_stands(report: Report, around: Surroundings) -> Report:
    """*report* without what has been done by now: the timer is set, or the workflow is paused."""
    standing = around.standing
    update: dict[str, object] = {}
    if standing is not None and standing.run is not None and standing.run.timer is not None:
        fixes = tuple(one for one in report.suggested_fixes if one.type != RESUME)
        update["auto_resume_at"] = standing.run.timer
        update["suggested_fixes"] = fixes
        update["can_auto_fix"] = any(fix.auto_fix_available for fix in fixes)
    if standing is not None and standing.paused is not None:
        update |= {"can_pause": False, "pause_fix_id": None}
    return report.model_copy(update=update) if update else report


def _acting(
    hint: FixHint, failure: Failure, around: Surroundings, *, told_in: str | None = None
) -> Offer:
    fix_id = _id_of(told_in, f"{hint.type}:{failure.execution_id}")
    for fields in _fields(hint, failure):
        if (made := _made(hint, fields, around, fix_id)) is not None:
            return made
    return Offer(hint)


def _id_of(told_in: str | None, what: str) -> str:
    """The id of an action: by chance, or the same again in an analysis that is told again."""
    if told_in is None:
        return new_id("fix")
    return f"fix_{hashlib.sha256(f'{told_in}:{what}'.encode()).hexdigest()[:32]}"


def _fields(hint: FixHint, failure: Failure) -> Iterator[Mapping[str, JsonValue]]:
    """What an action of this kind may be about, the likeliest first."""
    if hint.type == RESUME:
        yield {"execution_id": failure.execution_id}
    elif hint.type == CONNECT:
        error = failure.error
        looked_for = error.details.get("name")
        if error.code == _NOT_CONNECTED and "available" in error.details:
            # our engine looked among the accounts of the workspace, for this very name
            yield {"integration": looked_for, "by_name": True}
            return
        named = (hint.parameters.get("integration"), looked_for)
        yield from ({"integration": name} for name in named if isinstance(name, str))


def _made(
    hint: FixHint, fields: Mapping[str, JsonValue], around: Surroundings, fix_id: str
) -> Offer | None:
    if around.snapshot is None or around.standing is None or hint.type in around.allowed.refused:
        return None
    try:
        action = parse_action({"type": hint.type, **fields})
        shown, _ = preview_action(
            action, fix_id=fix_id, base=around.snapshot, standing=around.standing
        )
    except InvalidFix:
        return None
    return Offer(hint, fix=action, fix_id=fix_id, preview=shown)
