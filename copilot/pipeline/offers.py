"""What can be done about a failure, each fix checked and shown as its exact diff."""

from collections.abc import Sequence

from ..errors import InvalidFix
from ..fixes import Change, Fix
from ..ports import DefinitionChecker
from ..runtimes import offline
from ..storage.analyses import FixDraft
from ..storage.database import new_id
from ..types import Diagnosis, Failure, FixHint
from .preview import preview
from .report import Offer, Surroundings
from .validate import validate

#: What a run that goes on by itself needs nobody to do.
_BY_ITSELF = frozenset({"resume_after_quota", "retry_policy"})


def offers_for(
    failure: Failure,
    diagnosis: Diagnosis,
    around: Surroundings,
    *,
    checker: DefinitionChecker | None,
    is_parked: bool,
) -> tuple[Offer, ...]:
    """The remedies of the rules, best first. is_parked: the run goes on by itself."""
    suggestions = offline.propose(
        diagnosis,
        failure,
        snapshot=around.snapshot,
        context=around.context,
        output_names=around.output_names or {},
        ceilings=around.allowed.ceilings,
    )
    return tuple(
        offer(one.fix, one.hint, around, checker)
        for one in suggestions
        if not (is_parked and one.hint.type in _BY_ITSELF)
    )


def offer(
    fix: Fix | None,
    hint: FixHint,
    around: Surroundings,
    checker: DefinitionChecker | None,
    *,
    cause: str | None = None,
) -> Offer:
    """A remedy with its exact diff; a fix that does not pass validation is left in words.

    cause: the root cause it is meant for. What can't help against that stays in words as well.
    """
    snapshot = around.snapshot
    if not isinstance(fix, Change) or snapshot is None or checker is None:
        return Offer(hint)
    if cause is not None and fix.causes and cause not in fix.causes:
        return Offer(hint)
    try:
        validate(fix, snapshot, problems=checker.problems, policy=around.allowed)
        fix_id = new_id("fix")
        shown, _changed = preview(fix, fix_id=fix_id, base=snapshot)
    except InvalidFix:
        return Offer(hint)
    return Offer(hint, fix=fix, fix_id=fix_id, preview=shown)


def drafts(offers: Sequence[Offer]) -> list[FixDraft]:
    """The fixes among *offers*, to be stored."""
    return [
        FixDraft(
            fix_id=one.fix_id,
            fix_type=one.hint.type,
            fix=one.fix.model_dump(mode="json"),
            preview=one.preview,
        )
        for one in offers
        if one.fix is not None and one.fix_id is not None
    ]
