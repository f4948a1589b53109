"""Which signatures are one group: aliases that are only ever added, under the rules of people.

A person's merges come first, then the aliases in the order in which they were added; one that would
bring together what a person split is passed over. What follows from both is kept as members, in the
transaction of each change, so that a reader needs one query however long the chains are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from ..types.group import RuleKind
from .database import Prepared, keep_others_out
from .group_tables import GROUP_ALIAS, GROUP_MEMBER, GROUP_RULE
from .partition import Pair, partition
from .tables import FAILURE

#: Names asked for in one query; SQLite takes no more than 32,766 values in one.
CHUNK = 500

_ROOT = Prepared(
    select(GROUP_MEMBER.c.root).where(
        GROUP_MEMBER.c.workspace_id == bindparam("workspace"),
        GROUP_MEMBER.c.signature == bindparam("one_signature"),
    )
)
_ROOTS = select(GROUP_MEMBER.c.signature, GROUP_MEMBER.c.root).where(
    GROUP_MEMBER.c.workspace_id == bindparam("workspace"),
    GROUP_MEMBER.c.signature.in_(bindparam("signatures", expanding=True)),
)
_MEMBERS = select(GROUP_MEMBER.c.signature, GROUP_MEMBER.c.root).where(
    GROUP_MEMBER.c.workspace_id == bindparam("workspace"),
    GROUP_MEMBER.c.root.in_(bindparam("roots", expanding=True)),
)
_ALIASES = (
    select(GROUP_ALIAS.c.id, GROUP_ALIAS.c.signature, GROUP_ALIAS.c.root)
    .where(
        GROUP_ALIAS.c.workspace_id == bindparam("workspace"),
        or_(
            GROUP_ALIAS.c.signature.in_(bindparam("signatures", expanding=True)),
            GROUP_ALIAS.c.root.in_(bindparam("signatures", expanding=True)),
        ),
    )
    .order_by(GROUP_ALIAS.c.id)
)
_RULED = Prepared(
    select(GROUP_RULE.c.signature, GROUP_RULE.c.other)
    .where(
        GROUP_RULE.c.workspace_id == bindparam("workspace"),
        GROUP_RULE.c.kind == bindparam("kind"),
    )
    .order_by(GROUP_RULE.c.made_at, GROUP_RULE.c.rule_id)
)
#: One entry of an index, however often it failed; `min` over many signatures would read them all.
_FIRST_SEEN = Prepared(
    select(FAILURE.c.id)
    .where(
        FAILURE.c.workspace_id == bindparam("workspace"),
        FAILURE.c.signature == bindparam("signature"),
    )
    .order_by(FAILURE.c.id)
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Merge:
    """`root` speaks for `absorbed` from now on; None when both were one group already.

    kept_apart: a person has split the two, so that nothing was done.
    """

    root: str
    absorbed: str | None
    kept_apart: bool = False


def find_roots(connection: Connection, workspace_id: str, signatures: set[str]) -> dict[str, str]:
    """The group of each of *signatures* as of now: itself until it was merged."""
    if len(signatures) == 1:
        (signature,) = signatures
        wanted = {"workspace": workspace_id, "one_signature": signature}
        row = _ROOT.first(connection, wanted)
        return {signature: signature if row is None else row.root}
    roots = {signature: signature for signature in signatures}
    for some in chunks(sorted(signatures)):
        wanted = {"workspace": workspace_id, "signatures": some}
        roots |= {row.signature: row.root for row in connection.execute(_ROOTS, wanted)}
    return roots


def find_members(
    connection: Connection, workspace_id: str, roots: set[str]
) -> Mapping[str, Sequence[str]]:
    """Every signature of the groups of *roots*, each root itself first."""
    members = {root: [root] for root in roots}
    for some in chunks(sorted(roots)):
        wanted = {"workspace": workspace_id, "roots": some}
        for row in connection.execute(_MEMBERS, wanted):
            members[row.root].append(row.signature)
    return members


def find_splits(connection: Connection, workspace_id: str) -> frozenset[Pair]:
    """The pairs of signatures that people keep apart."""
    return frozenset(map(frozenset, _ruled(connection, workspace_id, RuleKind.SPLIT)))


def find_ignored(connection: Connection, workspace_id: str) -> frozenset[str]:
    """The roots of the groups that people have opted out, as of now."""
    ignored = {signature for signature, _ in _ruled(connection, workspace_id, RuleKind.IGNORE)}
    return frozenset(find_roots(connection, workspace_id, ignored).values() if ignored else ())


def merge_groups(
    connection: Connection, workspace_id: str, one: str, other: str, *, reason: str, now: datetime
) -> Merge:
    """Make two signatures one group; the group that was seen first gives the root.

    What a person has split stays apart: then nothing is done.
    """
    keep_others_out(connection, GROUP_ALIAS)
    roots = find_roots(connection, workspace_id, {one, other})
    if roots[one] == roots[other]:
        return Merge(root=roots[one], absorbed=None)
    if _are_split(connection, workspace_id, set(roots.values())):
        return Merge(root=roots[one], absorbed=None, kept_apart=True)
    first, later = by_first_seen(connection, workspace_id, set(roots.values()))
    alias = {
        "workspace_id": workspace_id,
        "signature": later,
        "root": first,
        "reason": reason,
        "created_at": now,
    }
    connection.execute(insert(GROUP_ALIAS), alias)
    # the newest alias is taken last, so that no other group can change by it
    absorbed = (GROUP_MEMBER.c.workspace_id == workspace_id, GROUP_MEMBER.c.root == later)
    connection.execute(update(GROUP_MEMBER).where(*absorbed).values(root=first))
    member = {"workspace_id": workspace_id, "signature": later, "root": first}
    connection.execute(insert(GROUP_MEMBER), member)
    return Merge(root=first, absorbed=later)


def regroup(connection: Connection, workspace_id: str, signatures: set[str]) -> None:
    """Write the members of the groups of *signatures* anew, after a rule has come or gone."""
    keep_others_out(connection, GROUP_ALIAS)
    merges = _ruled(connection, workspace_id, RuleKind.MERGE)
    names, aliases = _connected(connection, workspace_id, signatures, merges)
    roots = partition(
        by_first_seen(connection, workspace_id, names),
        [*merges, *aliases],
        apart=find_splits(connection, workspace_id),
    )
    for some in chunks(sorted(names)):
        old = (GROUP_MEMBER.c.workspace_id == workspace_id, GROUP_MEMBER.c.signature.in_(some))
        connection.execute(delete(GROUP_MEMBER).where(*old))
    rows = [
        {"workspace_id": workspace_id, "signature": signature, "root": root}
        for signature, root in roots.items()
        if signature != root
    ]
    if rows:
        connection.execute(insert(GROUP_MEMBER), rows)


def chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """*names* in parts that one query takes."""
    for start in range(0, len(names), CHUNK):
        yield names[start : start + CHUNK]


def by_first_seen(connection: Connection, workspace_id: str, names: set[str]) -> Sequence[str]:
    """Seen first comes first; what was never seen comes last, by name."""

    def first_id(name: str) -> tuple[bool, int, str]:
        row = _FIRST_SEEN.first(connection, {"workspace": workspace_id, "signature": name})
        return row is None, 0 if row is None else row.id, name

    return sorted(names, key=first_id)


def _ruled(connection: Connection, workspace_id: str, kind: RuleKind) -> Sequence[tuple[str, str]]:
    """The signatures of all rules of one kind; twice the same where a rule names only one."""
    rows = _RULED.all(connection, {"workspace": workspace_id, "kind": kind.value})
    return [(row.signature, row.other or row.signature) for row in rows]


def _are_split(connection: Connection, workspace_id: str, roots: set[str]) -> bool:
    pairs = find_splits(connection, workspace_id)
    if not pairs:
        return False
    now = find_roots(connection, workspace_id, {name for pair in pairs for name in pair})
    return any({now[name] for name in pair} == roots for pair in pairs)


def _connected(
    connection: Connection,
    workspace_id: str,
    signatures: set[str],
    merges: Sequence[tuple[str, str]],
) -> tuple[set[str], Sequence[tuple[str, str]]]:
    """Everything that aliases and merges lead to from *signatures*, and those aliases in order."""
    names: set[str] = set()
    ends = signatures
    aliases: dict[int, tuple[str, str]] = {}
    while ends:
        names |= ends
        for some in chunks(sorted(ends)):
            wanted = {"workspace": workspace_id, "signatures": some}
            for row in connection.execute(_ALIASES, wanted):
                aliases[row.id] = (row.signature, row.root)
        found = {name for pair in aliases.values() for name in pair}
        found |= {name for pair in merges if not names.isdisjoint(pair) for name in pair}
        ends = found - names
    return names, [aliases[key] for key in sorted(aliases)]
