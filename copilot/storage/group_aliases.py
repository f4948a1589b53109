"""Which signatures are one group: aliases that are only ever added, followed to their ends."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select

from .database import Prepared, keep_others_out
from .tables import FAILURE, GROUP_ALIAS

#: Names asked for in one query; SQLite takes no more than 32,766 values in one.
CHUNK = 500

_LINK = Prepared(
    select(GROUP_ALIAS.c.signature, GROUP_ALIAS.c.root).where(
        GROUP_ALIAS.c.workspace_id == bindparam("workspace"),
        GROUP_ALIAS.c.signature == bindparam("one_signature"),
    )
)
_LINKS = select(GROUP_ALIAS.c.signature, GROUP_ALIAS.c.root).where(
    GROUP_ALIAS.c.workspace_id == bindparam("workspace"),
    GROUP_ALIAS.c.signature.in_(bindparam("signatures", expanding=True)),
)


@dataclass(frozen=True, slots=True)
class Merge:
    """`root` speaks for `absorbed` from now on; None when both were one group already."""

    root: str
    absorbed: str | None


def find_roots(connection: Connection, workspace_id: str, signatures: set[str]) -> dict[str, str]:
    """Follow the aliases of *signatures* to their ends, one query a link."""
    roots = {signature: signature for signature in signatures}
    ends = signatures
    while ends:
        links = _links(connection, workspace_id, ends)
        roots = {start: links.get(end, end) for start, end in roots.items()}
        ends = set(links.values())
    return roots


def _links(connection: Connection, workspace_id: str, signatures: set[str]) -> dict[str, str]:
    if len(signatures) == 1:
        (signature,) = signatures
        wanted = {"workspace": workspace_id, "one_signature": signature}
        return {row.signature: row.root for row in _LINK.all(connection, wanted)}
    links: dict[str, str] = {}
    for some in chunks(sorted(signatures)):
        wanted = {"workspace": workspace_id, "signatures": some}
        links |= {row.signature: row.root for row in connection.execute(_LINKS, wanted)}
    return links


def merge_groups(
    connection: Connection, workspace_id: str, one: str, other: str, *, reason: str, now: datetime
) -> Merge:
    """Make two signatures one group; the group that was seen first gives the root."""
    keep_others_out(connection, GROUP_ALIAS)  # two merges at once could close a ring
    roots = find_roots(connection, workspace_id, {one, other})
    if roots[one] == roots[other]:
        return Merge(root=roots[one], absorbed=None)
    first, later = _by_first_seen(connection, workspace_id, set(roots.values()))
    alias = {
        "workspace_id": workspace_id,
        "signature": later,
        "root": first,
        "reason": reason,
        "created_at": now,
    }
    connection.execute(insert(GROUP_ALIAS), alias)
    return Merge(root=first, absorbed=later)


def chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """*names* in parts that one query takes."""
    for start in range(0, len(names), CHUNK):
        yield names[start : start + CHUNK]


def _by_first_seen(connection: Connection, workspace_id: str, pair: set[str]) -> Sequence[str]:
    """Seen first comes first; what was never seen comes last, by name."""

    def first_id(signature: str) -> tuple[bool, int, str]:
        wanted = (
            select(FAILURE.c.id)
            .where(FAILURE.c.workspace_id == workspace_id, FAILURE.c.signature == signature)
            .order_by(FAILURE.c.id)
            .limit(1)
        )
        found = connection.execute(wanted).scalar_one_or_none()
        return found is None, found or 0, signature

    return sorted(pair, key=first_id)
