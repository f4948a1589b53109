"""What was done about the same failure in this workflow before, and what was learned from it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from ..definitions import place_of
from ..learning import Lessons, by_itself, held_back
from ..policy import Policy
from ..storage.past_fixes import PastFix
from ..storage.store import Store
from ..types import AlreadyFixed, Failure, OutcomeState
from ..types.learning import Level
from .done import with_what_changed
from .sanitize import one_line
from .watch import outcome_of

Levels = Callable[[str], tuple[Level, Mapping[str, Level]]]
_AS_EVER: tuple[Level, Mapping[str, Level]] = (Level.APPROVE, {})


def lessons_for(
    store: Store, failure: Failure, root: str, *, policy: Policy, levels: Levels | None
) -> Lessons:
    """What is known before fixes are looked for. levels: how far types may go; None: as far as ever.

    root: the group of *failure*.
    """
    workspace_id = failure.workspace_id
    rates = store.outcomes.rates(workspace_id)
    past = store.past_fixes.of(workspace_id, failure.workflow_id) if rates else ()
    here = [one for one in past if _is_about(one, failure, root)]
    level, own = levels(workspace_id) if levels else _AS_EVER
    return Lessons(
        rates=rates,
        failed=Counter(one.key for one in here if one.key is not None and one.has_failed),
        held_back=held_back(rates, policy.fix_floor),
        level=level,
        levels=own,
        already_fixed=_already_fixed(store, here, failure),
    )


def _is_about(one: PastFix, failure: Failure, root: str) -> bool:
    return one.root == root and _place(one.watch.step_path) == _place(failure.step_path)


def _already_fixed(store: Store, past: Sequence[PastFix], failure: Failure) -> AlreadyFixed | None:
    """The newest fix in place that the failed run did not have, unless the failure came back.

    Nor where somebody has edited what it touched: nobody knows then whether it is still fixed.
    It was made for the same names: what has put one missing template right says nothing of another.
    """
    version = failure.workflow_version
    if version is None:
        return None
    for one in past:
        watch = one.watch
        if one.is_applied and watch.version > version and one.entities == failure.entities:
            if watch.state is OutcomeState.REGRESSED or watch.edit is not None:
                return None
            stands = outcome_of(watch).explanation
            fixed = AlreadyFixed(
                change_id=watch.change_id,
                fix_type=watch.fix_type,
                version=watch.version,
                state=watch.state,
                words=_done(one, version),
                standing_id=one.standing_id,
            )
            if one.standing_id is None:
                return fixed.model_copy(update={"words": f"{fixed.words} {stands}"})
            made = store.changes.get(failure.workspace_id, watch.change_id)
            return with_what_changed(fixed, made, stands)
    return None


def _done(one: PastFix, version: int) -> str:
    """Who it was that fixed what a run of *version* failed on: somebody, or nobody."""
    when = f"since, in version {one.watch.version} (the run had version {version})"
    if one.standing_id is None or one.signed_by is None:
        return f"This has been fixed {when}."
    signed_by = one_line(one.signed_by)
    told = by_itself(one.watch.fix_type, standing_id=one.standing_id, signed_by=signed_by)
    return f"This has been fixed by itself {when}: {told}"


def _place(path: str | None) -> str | None:
    return None if path is None else place_of(path)
