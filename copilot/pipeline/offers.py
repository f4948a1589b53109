"""What can be done about a failure, each fix checked and shown as its exact diff."""

from collections.abc import Sequence

from ..errors import InvalidFix
from ..fixes import Fix
from ..ports import DefinitionChecker
from ..runtimes import offline
from ..snapshot import Snapshot
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
    )
    return tuple(
        _offer(one.fix, one.hint, around.snapshot, checker)
        for one in suggestions
        if not (is_parked and one.hint.type in _BY_ITSELF)
    )


def _offer(
    fix: Fix | None, hint: FixHint, snapshot: Snapshot | None, checker: DefinitionChecker | None
) -> Offer:
    """A fix that does not pass validation is left in words: the idea may still help."""
    if fix is None or snapshot is None or checker is None:
        return Offer(hint)
    try:
        validate(fix, snapshot, problems=checker.problems)
        fix_id = new_id("fix")
        shown, _changed = preview(fix, fix_id=fix_id, base=snapshot)
    except InvalidFix:
        return Offer(hint)
    return Offer(hint, fix=fix, fix_id=fix_id, preview=shown)


def drafts(offers: Sequence[Offer]) -> list[FixDraft]:
    """The fixes among *offers*, to be stored."""
    return [
        FixDraft(
            fix_id=offer.fix_id,
            fix_type=offer.hint.type,
            fix=offer.fix.model_dump(mode="json"),
            preview=offer.preview,
        )
        for offer in offers
        if offer.fix is not None and offer.fix_id is not None
    ]
