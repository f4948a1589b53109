"""The policies of all workspaces: read anew by each use case, changed by those who may."""

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from pydantic import JsonValue

from ..errors import InvalidInput
from ..storage.decisions import Decision, Decisions, Ruling
from ..types.account import SettingValue
from ..types.principal import Principal, Scope
from .bounds import BOUNDS, Bounds, Value, bounds_of, checked_policy, shown
from .settings import PATTERN, Policy


class Policies:
    """*defaults*: what this installation starts every workspace with.

    check: refuses a policy that this installation can't follow, when somebody wants it.
    """

    def __init__(
        self,
        decisions: Decisions,
        defaults: Policy,
        *,
        check: Callable[[Policy], object] = lambda _: None,
    ) -> None:
        self._decisions = decisions
        self._defaults = defaults
        self._check = check
        #: Each is told of a workspace that has changed settings, with their names.
        self.listeners: list[Callable[[str, Collection[str]], None]] = []

    def of(self, workspace_id: str) -> Policy:
        """What the workspace has decided, as it is now.

        Never raises for what is stored: a value that is not accepted any more counts as not there.
        """
        policy, _ = self._in_effect(self._decisions.of(workspace_id))
        return policy

    def own(self, name: str) -> Mapping[str, Value]:
        """The setting *name* in every workspace where it is not as it was to begin with."""
        default = getattr(self._defaults, name)
        values = {one: getattr(self.of(one), name) for one in self._decisions.workspaces(name)}
        return {one: value for one, value in values.items() if value != default}

    def values(self, by: Principal) -> tuple[SettingValue, ...]:
        """Every setting with its bounds, and whether *by* can change it. Raises Forbidden."""
        by.require(Scope.READ)
        policy, decided = self._in_effect(self._decisions.of(by.workspace_id))
        return tuple(
            self._value(bounds, getattr(policy, name), decided.get(name), by)
            for name, bounds in BOUNDS.items()
        )

    def change(self, by: Principal, values: Mapping[str, Any]) -> tuple[SettingValue, ...]:
        """Change all of *values* or none; None resets a setting to its default.

        Noted in the audit with the old and the new values. Raises UnknownName, InvalidInput with
        the bounds, and Forbidden with the setting; what loosens a limit is for an owner in person.
        """
        by.require(Scope.TUNE)
        wanted = {name: self._wanted(name, value) for name, value in values.items()}
        resets = {name for name, value in values.items() if value is None}
        self._decisions.change(by, lambda stored: self._rule(by, stored, wanted, resets))
        for listener in self.listeners:
            listener(by.workspace_id, wanted.keys())
        return self.values(by)

    def _wanted(self, name: str, value: object) -> Value:
        bounds = bounds_of(name)
        if bounds.fixed:
            raise InvalidInput(name, "is set by the installation.", "No workspace changes it.")
        return getattr(self._defaults, name) if value is None else bounds.check(value)

    def _rule(
        self,
        by: Principal,
        stored: Mapping[str, Decision],
        wanted: Mapping[str, Value],
        resets: set[str],
    ) -> Ruling:
        """What to write, given what is stored now; raises what `change` raises."""
        current, decided = self._in_effect(stored)
        changed = {name: new for name, new in wanted.items() if getattr(current, name) != new}
        for name, new in changed.items():
            if BOUNDS[name].is_looser(new, getattr(current, name)):
                _require_owner(by, BOUNDS[name])
        self._check(checked_policy(changed, base=current))
        writes: dict[str, str | None] = {
            name: json.dumps(shown(new)) for name, new in changed.items() if name not in resets
        }
        writes |= dict.fromkeys(resets & stored.keys())
        if not changed.keys().isdisjoint(PATTERN):
            # what did not count beside the old value must not come back beside the new one
            writes = dict.fromkeys(stored.keys() & set(PATTERN) - decided.keys()) | writes
        details: dict[str, JsonValue] = {
            name: {"from": told(getattr(current, name)), "to": told(new)}
            for name, new in changed.items()
            for told in (BOUNDS[name].told,)
        }
        return Ruling(writes, details)

    def _in_effect(self, stored: Mapping[str, Decision]) -> tuple[Policy, Mapping[str, Decision]]:
        """The policy, and the decisions it follows."""
        accepted: dict[str, Value] = {}
        for name, decision in stored.items():
            bounds = BOUNDS.get(name)
            if bounds is None or bounds.fixed:
                continue
            try:
                accepted[name] = bounds.check(json.loads(decision.value))
            except (InvalidInput, ValueError):
                continue
        try:
            policy = checked_policy(accepted, base=self._defaults)
        except InvalidInput:
            accepted = {name: value for name, value in accepted.items() if name not in PATTERN}
            policy = checked_policy(accepted, base=self._defaults)
        return policy, {name: stored[name] for name in accepted}

    def _value(
        self, bounds: Bounds, value: Value, decision: Decision | None, by: Principal
    ) -> SettingValue:
        writable = _writable(bounds, value, by)
        return SettingValue(
            name=bounds.name,
            value=shown(value) if writable else bounds.told(value),
            default=shown(getattr(self._defaults, bounds.name)),
            description=bounds.description,
            type=bounds.type,
            unit=bounds.unit,
            minimum=bounds.minimum,
            maximum=bounds.maximum,
            choices=bounds.choices,
            writable=writable,
            loosens=bounds.loosens_in_words,
            changed_by=decision.changed_by if decision else None,
            changed_by_name=decision.changed_by_name if decision else None,
            changed_at=decision.changed_at if decision else None,
        )


def _require_owner(by: Principal, bounds: Bounds) -> None:
    """Raises Forbidden, which names the setting."""
    if not by.may(Scope.GOVERN):
        reason = f"{bounds.name}: {bounds.loosens_in_words} takes an owner, and a person."
        raise by.refusal(Scope.GOVERN, reason)


def _writable(bounds: Bounds, value: Value, by: Principal) -> bool:
    if bounds.fixed or not by.may(Scope.TUNE):
        return False
    return by.may(Scope.GOVERN) or bounds.can_tighten(value)
