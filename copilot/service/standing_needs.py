"""What is missing for fixes to be applied by themselves, told before anybody waits for it."""

from collections.abc import Iterable, Iterator, Sequence

from ..fixes import ALIASES
from ..learning import shortfall, success
from ..types.learning import Level, LevelSetting
from ..types.standing import StandingApproval, StandingState
from .parts import Parts

_ENDED = {
    StandingState.REVOKED: "it was revoked",
    StandingState.EXPIRED: "it has expired",
    StandingState.USED_UP: "it is used up",
}
_UNSIGNED = (
    "no standing approval covers the type: an owner signs one (`ask-copilot standing create`)"
)


class StandingNeeds:
    def __init__(self, parts: Parts, workspace_id: str) -> None:
        self._parts = parts
        self._workspace_id = workspace_id

    def told(self, standing: StandingApproval) -> StandingApproval:
        """*standing* with whether it acts and what is missing for that."""
        missing = (*missing_of(standing), *self.of_type(standing.fix_type))
        if standing.state in _ENDED:
            missing = missing[:1]
        return standing.model_copy(update={"acts": not missing, "missing": missing})

    def of_type(self, fix_type: str) -> tuple[str, ...]:
        """What the type lacks in this workspace, whatever was signed for it."""
        return tuple(self._of_type(ALIASES.get(fix_type, fix_type)))

    def of_levels(self, levels: Sequence[LevelSetting]) -> tuple[LevelSetting, ...]:
        """*levels*, those at `standing` and those that are signed for with what is missing."""
        signed = self._parts.store.standing.alive(self._workspace_id)
        alive = {one.fix_type for one in signed if one.state not in _ENDED}
        return tuple(
            one.model_copy(update={"missing": self._of_level(one.fix_type, signed)})
            if one.level is Level.STANDING or one.fix_type in alive
            else one
            for one in levels
        )

    def _of_level(self, fix_type: str, signed: Iterable[StandingApproval]) -> tuple[str, ...]:
        found = [one for one in signed if one.fix_type == fix_type and one.state not in _ENDED]
        lacks = [missing_of(one) for one in found]
        if not found:
            return (*self.of_type(fix_type), _UNSIGNED)
        return (*self.of_type(fix_type), *min(lacks, key=len))

    def _of_type(self, fix_type: str) -> Iterator[str]:
        workspace, levels = self._parts.autonomy.levels(self._workspace_id)
        policy = self._parts.policies.of(self._workspace_id)
        if not workspace.allows(Level.APPROVE):
            yield (
                f"the autonomy of the workspace is '{workspace.value}': an owner can raise it "
                "(`ask-copilot autonomy all approve`)"
            )
        level = levels.get(fix_type, workspace)
        if level is not Level.STANDING:
            yield (
                f"the autonomy of {fix_type} is '{level.value}': an owner can raise it "
                f"(`ask-copilot autonomy {fix_type} standing`)"
            )
        if fix_type in policy.second_person_types:
            yield f"{fix_type} takes two people, by the setting second_person_for"
        rates = self._parts.store.outcomes.rates(self._workspace_id)
        own = success(fix_type, (rate for rate in rates if rate.fix_type == fix_type))
        if (short := shortfall(own, policy.standing_floor)) is not None:
            yield short


def missing_of(standing: StandingApproval) -> tuple[str, ...]:
    """What keeps the signature itself from being used now."""
    if standing.state in _ENDED:
        return (_ENDED[standing.state],)
    if standing.state is StandingState.SUSPENDED:
        return (f"it is suspended: {(standing.suspended_because or '').rstrip('.')}",)
    most = standing.max_uses_per_day
    if most is not None and standing.uses_today >= most:
        return (f"{standing.uses_today} of {most} used today (UTC)",)
    return ()
