"""Which failures are one kind, and what people say about it."""

from collections.abc import Sequence

from ..pipeline.grouping import explain
from ..pipeline.sanitize import one_line
from ..storage.group_reading import SeenMember
from ..types.group import GroupDetail, GroupMember, GroupRule, GroupSummary, RuleKind
from ..types.principal import Scope
from .caller import Caller
from .parts import Parts

_LONGEST_TEXT = 300


class LocalGroups:
    """Implements `Groups`."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def list(self, *, limit: int = 50) -> Sequence[GroupSummary]:
        self._caller.require(Scope.READ)
        workspace_id = self._caller.workspace_id
        self._parts.intake.catch_up(workspace_id)
        groups = self._parts.store.groups.list(workspace_id, limit=limit)
        return tuple(_shown(group) for group in groups)

    def get(self, signature: str) -> GroupDetail:
        self._caller.require(Scope.READ)
        self._parts.intake.catch_up(self._caller.workspace_id)
        return self._detail(signature)

    def split(self, signature: str, other: str, *, reason: str = "") -> GroupRule:
        return self._add(RuleKind.SPLIT, signature, other, reason)

    def merge(self, signature: str, other: str, *, reason: str = "") -> GroupRule:
        return self._add(RuleKind.MERGE, signature, other, reason)

    def ignore(self, signature: str, *, reason: str = "") -> GroupRule:
        return self._add(RuleKind.IGNORE, signature, None, reason)

    def unignore(self, signature: str) -> GroupDetail:
        self._caller.require(Scope.APPROVE)
        self._parts.store.group_rules.unignore(self._caller.principal, signature)
        return self._detail(signature)

    def forget(self, rule_id: str) -> None:
        self._caller.require(Scope.APPROVE)
        self._parts.store.group_rules.remove(self._caller.principal, rule_id)

    def _add(self, kind: RuleKind, signature: str, other: str | None, reason: str) -> GroupRule:
        """A rule decides what is told of a fix and what is hidden, as an approval does."""
        self._caller.require(Scope.APPROVE)
        return self._parts.store.group_rules.add(
            self._caller.principal,
            kind,
            signature,
            other,
            reason=reason,
            rule_id=self._caller.id_for("rule"),
        )

    def _detail(self, signature: str) -> GroupDetail:
        seen = self._parts.store.groups.get(self._caller.workspace_id, signature)
        samples = [failure for member in seen.members for failure in member.samples]
        return GroupDetail(
            **dict(_shown(seen.summary)),
            likeness=explain(samples),
            members=tuple(_member(member) for member in seen.members if member.samples),
            aliases=seen.aliases,
            rules=seen.rules,
        )


def _shown(group: GroupSummary) -> GroupSummary:
    return group.model_copy(update={"label": one_line(group.label)})


def _member(member: SeenMember) -> GroupMember:
    newest = member.samples[0]
    return GroupMember(
        signature=member.signature,
        label=one_line(newest.label),
        text=one_line(newest.error.message, limit=_LONGEST_TEXT),
        failures=member.failures,
    )
