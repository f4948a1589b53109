"""How much happens without a person, by workspace and fix type: observe up to standing approval.

Raising a level takes an owner in person, lowering it whoever may change settings. Both are noted
in the audit, as is what the policy takes away from a type whose standing fix did not hold.
"""

from collections.abc import Callable, Mapping

from knowledge_base.vocabulary import FIX_TYPES

from .errors import ApprovalRefused, InvalidInput
from .fixes import ACTIONS
from .learning import effective, meets, success
from .registry import pick
from .storage.autonomy import AutonomyStore, SetLevel
from .storage.outcomes import FixRate
from .types.learning import Level, LevelSetting
from .types.principal import Principal, Scope

#: The name of the workspace's own level.
ALL = "all"
DEFAULT = Level.APPROVE
_NAMES = {ALL: ALL} | {name: name for name in FIX_TYPES if name != "manual"}


class Autonomy:
    """rates: how fixes have held in a workspace. floor: of its standing approvals, from 0 to 1."""

    def __init__(
        self,
        store: AutonomyStore,
        *,
        rates: Callable[[str], tuple[FixRate, ...]],
        floor: Callable[[str], float],
    ) -> None:
        self._store = store
        self._rates = rates
        self._floor = floor

    def levels(self, workspace_id: str) -> tuple[Level, Mapping[str, Level]]:
        """The workspace's own level, and those of types that were set."""
        stored = self._store.of(workspace_id)
        levels = {name: one.level for name, one in stored.items()}
        return levels.pop(ALL, DEFAULT), levels

    def level_of(self, workspace_id: str, fix_type: str) -> Level:
        """What counts for *fix_type*."""
        workspace, levels = self.levels(workspace_id)
        return effective(workspace, levels.get(fix_type))

    def require_approvable(self, workspace_id: str, fix_type: str) -> None:
        """Raises ApprovalRefused where fixes of the type are only shown."""
        workspace, levels = self.levels(workspace_id)
        level = effective(workspace, levels.get(fix_type))
        if not level.allows(Level.APPROVE):
            low = [ALL] if not workspace.allows(Level.APPROVE) else []
            if not levels.get(fix_type, Level.APPROVE).allows(Level.APPROVE):
                low.append(fix_type)
            commands = " and ".join(f"`ask-copilot autonomy {one} approve`" for one in low)
            raise ApprovalRefused(
                f"the autonomy of {fix_type} is '{level.value}' in this workspace: nothing is "
                "applied. An owner can raise it.",
                f"An owner can raise it: {commands}, or PUT to the workspace's autonomy.",
            )

    def shown(self, workspace_id: str) -> tuple[LevelSetting, ...]:
        """The workspace's own level first, then every fix type."""
        stored, rates = self._store.of(workspace_id), self._rates(workspace_id)
        floor = self._floor(workspace_id)
        return tuple(_shown(name, stored, rates, floor) for name in _NAMES)

    def set(self, by: Principal, fix_type: str, level: Level) -> tuple[LevelSetting, ...]:
        """Raises UnknownName, InvalidInput, and Forbidden for who may not raise it."""
        by.require(Scope.TUNE)
        name = pick(_NAMES, fix_type, kind="fix type")
        if name == ALL and level is Level.STANDING:
            problem = "can't be 'standing' for all types at once."
            raise InvalidInput("level", problem, "Name the fix type.")
        if name in ACTIONS and level is Level.STANDING:
            problem = f"{name} is an action, not a change: no standing approval covers it."
            raise InvalidInput("level", problem, "The most for it is 'approve'.")

        def check(stored: Mapping[str, SetLevel]) -> Level:
            before = _level(name, stored)
            if not before.allows(level) and not by.may(Scope.GOVERN):
                reason = f"Raising the autonomy of {name} takes an owner, and a person."
                raise by.refusal(Scope.GOVERN, reason)
            return before

        self._store.set(by, name, level, check=check)
        return self.shown(by.workspace_id)

    def demote(self, by: Principal, fix_type: str, *, why: str) -> None:
        """Take standing approval from a type; nothing happens to one that has none."""

        def check(stored: Mapping[str, SetLevel]) -> Level:
            before = _level(fix_type, stored)
            return before if before is Level.STANDING else DEFAULT

        self._store.set(by, fix_type, DEFAULT, check=check, why=why)


def _level(name: str, stored: Mapping[str, SetLevel]) -> Level:
    """What *name* is set to; a type that is not set is where its workspace is."""
    if name in stored:
        return stored[name].level
    return stored[ALL].level if ALL in stored else DEFAULT


def _shown(
    name: str, stored: Mapping[str, SetLevel], rates: tuple[FixRate, ...], floor: float
) -> LevelSetting:
    own = stored.get(name)
    workspace = _level(ALL, stored)
    own_rate = success(name, (rate for rate in rates if rate.fix_type == name))
    return LevelSetting(
        fix_type=name,
        level=_level(name, stored),
        effective=workspace if name == ALL else effective(workspace, own.level if own else None),
        is_default=own is None,
        set_by_name=own.set_by_name if own else None,
        set_at=own.set_at if own else None,
        meets_floor=name != ALL and meets(own_rate, floor),
    )
