"""What was done about the same failure in this workflow before, and what was learned from it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from ..definitions import place_of
from ..learning import Lessons, held_back
from ..policy import Policy
from ..storage.past_fixes import PastFix
from ..storage.store import Store
from ..types import AlreadyFixed, Failure, OutcomeState
from ..types.learning import Level
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
        already_fixed=_already_fixed(here, failure),
    )


def _is_about(one: PastFix, failure: Failure, root: str) -> bool:
    return one.root == root and _place(one.watch.step_path) == _place(failure.step_path)


def _already_fixed(past: Sequence[PastFix], failure: Failure) -> AlreadyFixed | None:
    """The newest fix in place that the failed run did not have, unless the failure came back.

    It was made for the same names: what has put one missing template right says nothing of another.
    """
    version = failure.workflow_version
    if version is None:
        return None
    for one in past:
        watch = one.watch
        if one.is_applied and watch.version > version and one.entities == failure.entities:
            if watch.state is OutcomeState.REGRESSED:
                return None
            return AlreadyFixed(
                change_id=watch.change_id,
                fix_type=watch.fix_type,
                version=watch.version,
                state=watch.state,
                words=(
                    f"This has been fixed since, in version {watch.version} (the run had version "
                    f"{version}). {outcome_of(watch).explanation}"
                ),
            )
    return None


def _place(path: str | None) -> str | None:
    return None if path is None else place_of(path)
