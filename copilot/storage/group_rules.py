"""What people said about groups: split, merge and opt out, above all that is found automatically."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, insert, or_, select

from ..errors import InvalidInput, NotFound, RuleConflict
from ..types.frozen import storable
from ..types.group import GroupRule, RuleKind
from ..types.principal import Principal
from .audit import append
from .database import Database, keep_others_out, new_id
from .group_aliases import chunks, find_members, find_roots, find_splits, regroup
from .group_tables import GROUP_ALIAS, GROUP_RULE
from .partition import Pair, partition
from .tables import FAILURE

#: Rules of a workspace; all of them are looked at whenever groups change.
MOST_RULES = 1000
LONGEST_REASON = 500
_NAMED = 3
_FIRST = "Take that back first."
_DONE = {
    RuleKind.SPLIT: "split_groups",
    RuleKind.MERGE: "merge_groups",
    RuleKind.IGNORE: "ignore_group",
}


class GroupRules:
    """Each change is one transaction, with its audit entry and the groups as they are after it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, workspace_id: str) -> tuple[GroupRule, ...]:
        """All rules in force, the oldest first."""
        with self._database.read() as connection:
            return tuple(_stored(connection, workspace_id))

    def apart(self, workspace_id: str) -> frozenset[Pair]:
        """The pairs of signatures that people keep apart."""
        with self._database.read() as connection:
            return find_splits(connection, workspace_id)

    def add(
        self,
        by: Principal,
        kind: RuleKind,
        signature: str,
        other: str | None = None,
        *,
        reason: str = "",
        rule_id: str | None = None,
    ) -> GroupRule:
        """Put a rule in force; one that is there already comes back as it is.

        other: the second signature of a split or a merge. rule_id: chosen by a request that may be
        repeated. Raises NotFound for a signature that never failed in this workspace, RuleConflict
        for what another rule says otherwise, and InvalidInput.
        """
        _check(signature, other, reason)
        with self._database.write() as connection:
            keep_others_out(connection, GROUP_ALIAS)
            keep_others_out(connection, GROUP_RULE)
            rules = _stored(connection, by.workspace_id)
            for rule in rules:
                if rule.rule_id == rule_id or _is_same(rule, kind, signature, other):
                    return rule
            if len(rules) >= MOST_RULES:
                advice = "Take back what is not needed any more."
                raise InvalidInput("groups", f"there are {MOST_RULES:,} rules already.", advice)
            for name in filter(None, (signature, other)):
                require_seen(connection, by.workspace_id, name)
            new = GroupRule(
                rule_id=rule_id or new_id("rule"),
                kind=kind,
                signature=signature,
                other=other,
                reason=storable(reason.strip()),
                made_by=storable(by.id),
                made_by_name=storable(by.name),
                made_at=self._database.now(),
            )
            _refuse_conflict(rules, new)
            connection.execute(insert(GROUP_RULE), _row(by.workspace_id, new))
            self._changed(connection, by, _DONE[kind], new)
        return new

    def remove(self, by: Principal, rule_id: str) -> GroupRule:
        """Take a rule back; what is found automatically counts again. Raises NotFound."""
        with self._database.write() as connection:
            keep_others_out(connection, GROUP_ALIAS)
            keep_others_out(connection, GROUP_RULE)
            for rule in _stored(connection, by.workspace_id):
                if rule.rule_id == rule_id:
                    self._take_back(connection, by, rule)
                    return rule
        raise NotFound("rule")

    def unignore(self, by: Principal, signature: str) -> tuple[GroupRule, ...]:
        """Take back every opt-out of the group of *signature*; none is as well. Raises NotFound."""
        workspace_id = by.workspace_id
        with self._database.write() as connection:
            keep_others_out(connection, GROUP_ALIAS)
            keep_others_out(connection, GROUP_RULE)
            require_seen(connection, workspace_id, signature)
            root = find_roots(connection, workspace_id, {signature})[signature]
            members = set(find_members(connection, workspace_id, {root})[root])
            ignoring = tuple(
                rule
                for rule in _stored(connection, workspace_id)
                if rule.kind is RuleKind.IGNORE and rule.signature in members
            )
            for rule in ignoring:
                self._take_back(connection, by, rule)
        return ignoring

    def _take_back(self, connection: Connection, by: Principal, rule: GroupRule) -> None:
        mine = (GROUP_RULE.c.workspace_id == by.workspace_id, GROUP_RULE.c.rule_id == rule.rule_id)
        connection.execute(delete(GROUP_RULE).where(*mine))
        self._changed(connection, by, "remove_group_rule", rule)

    def _changed(self, connection: Connection, by: Principal, action: str, rule: GroupRule) -> None:
        if rule.kind is not RuleKind.IGNORE:
            regroup(connection, by.workspace_id, {rule.signature, *filter(None, (rule.other,))})
        facts = rule.model_dump(mode="json", include={"rule_id", "kind", "other", "reason"})
        append(connection, by, action, rule.signature, facts, at=self._database.now())


def rules_of(
    connection: Connection, workspace_id: str, signatures: Collection[str]
) -> Sequence[GroupRule]:
    """The rules that name one of *signatures*, the oldest first."""
    found: dict[str, GroupRule] = {}
    for some in chunks(sorted(signatures)):
        named = or_(GROUP_RULE.c.signature.in_(some), GROUP_RULE.c.other.in_(some))
        found |= {rule.rule_id: rule for rule in _stored(connection, workspace_id, named)}
    return sorted(found.values(), key=lambda rule: (rule.made_at, rule.rule_id))


def require_seen(connection: Connection, workspace_id: str, signature: str) -> None:
    """Raises NotFound for a signature that never failed in this workspace."""
    wanted = select(FAILURE.c.id).where(
        FAILURE.c.workspace_id == workspace_id, FAILURE.c.signature == signature
    )
    if connection.execute(wanted.limit(1)).first() is None:
        raise NotFound("group")


def _check(signature: str, other: str | None, reason: str) -> None:
    if other == signature:
        raise InvalidInput("other", "it is the same signature.", "Name two that are not.")
    if len(reason) > LONGEST_REASON:
        problem = f"longer than {LONGEST_REASON} characters."
        raise InvalidInput("reason", problem, "Say it shorter.")


def _is_same(rule: GroupRule, kind: RuleKind, signature: str, other: str | None) -> bool:
    return rule.kind is kind and {rule.signature, rule.other} == {signature, other}


def _refuse_conflict(rules: Sequence[GroupRule], new: GroupRule) -> None:
    """Raises RuleConflict when the merges of people would join what people split."""
    if new.kind is RuleKind.IGNORE:
        return
    everything = [*rules, new]
    merges = _pairs(everything, RuleKind.MERGE)
    names = dict.fromkeys(name for rule in everything for name in _names(rule))
    roots = partition(list(names), merges)
    together = [
        rule
        for rule in everything
        if rule.kind is RuleKind.SPLIT and len({roots[name] for name in _names(rule)}) == 1
    ]
    if not together:
        return
    if new.kind is RuleKind.SPLIT:
        against = [
            rule
            for rule in rules
            if rule.kind is RuleKind.MERGE and roots[rule.signature] == roots[new.signature]
        ]
        raise RuleConflict(f"{_named(against)} made them one. {_FIRST}")
    raise RuleConflict(f"{_named(together)} keeps them apart. {_FIRST}")


def _named(rules: Sequence[GroupRule]) -> str:
    """'rule_1f0c… by Ana and rule_77ab… by Ben'; the first few are enough to go on."""
    return " and ".join(f"{rule.rule_id} by {rule.made_by_name}" for rule in rules[:_NAMED])


def _pairs(rules: Sequence[GroupRule], kind: RuleKind) -> list[tuple[str, str]]:
    return [(rule.signature, rule.other) for rule in rules if rule.kind is kind and rule.other]


def _names(rule: GroupRule) -> tuple[str, ...]:
    return tuple(filter(None, (rule.signature, rule.other)))


def _stored(
    connection: Connection, workspace_id: str, named: ColumnElement[bool] | None = None
) -> Sequence[GroupRule]:
    mine = GROUP_RULE.c.workspace_id == workspace_id
    wanted = (
        select(GROUP_RULE)
        .where(mine if named is None else and_(mine, named))
        .order_by(GROUP_RULE.c.made_at, GROUP_RULE.c.rule_id)
    )
    return [_rule(row) for row in connection.execute(wanted)]


def _rule(row: Row[Any]) -> GroupRule:
    return GroupRule.model_validate({name: getattr(row, name) for name in GroupRule.model_fields})


def _row(workspace_id: str, rule: GroupRule) -> Mapping[str, Any]:
    return {**rule.model_dump(), "kind": rule.kind.value, "workspace_id": workspace_id}
