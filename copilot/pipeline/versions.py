"""Two versions of the normalizer's rules side by side, so that an upgrade splits no group.

The version is in the signature: 'n1:…'. When a release brings a new one, the version before it goes
on being asked for a while. A failure that the new rules sign for the first time, and that the rules
before had in a group, is attached to that group by an alias: nothing that was learned is lost, and
patterns, watches and reuse go on. After the window only the new rules are asked, and what was
attached stays. A signature that is known already is left alone: two old groups are never joined.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from ..storage.group_aliases import find_roots, merge_groups
from ..storage.group_tables import GROUP_ALIAS
from ..storage.tables import FAILURE
from ..types import Failure

_SEEN = (
    select(FAILURE.c.id)
    .where(
        FAILURE.c.workspace_id == bindparam("workspace"),
        FAILURE.c.signature == bindparam("signature"),
    )
    .limit(1)
)
_ALIASED = (
    select(GROUP_ALIAS.c.id)
    .where(
        GROUP_ALIAS.c.workspace_id == bindparam("workspace"),
        GROUP_ALIAS.c.signature == bindparam("signature"),
    )
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Earlier:
    """The rules before these. `sign` gives what they signed a failure with, until `until`."""

    version: str
    sign: Callable[[Failure], str]
    until: datetime


#: None: these are the first rules. A release with the next ones names 'n1' here, and an end.
EARLIER: Sequence[Earlier] = ()


def attach(
    connection: Connection,
    failures: Sequence[Failure],
    *,
    earlier: Sequence[Earlier],
    now: datetime,
) -> None:
    """Let failures that are about to be recorded join the groups that earlier rules had them in."""
    for rules in earlier:
        if now >= rules.until:
            continue
        for failure in failures:
            _attach(connection, failure, rules, now)


def _attach(connection: Connection, failure: Failure, rules: Earlier, now: datetime) -> None:
    workspace_id, new = failure.workspace_id, failure.signature
    if _is_known(connection, workspace_id, new):
        return
    old = rules.sign(failure)
    if old == new or not _is_known(connection, workspace_id, old):
        return
    reason = f"the rules {rules.version} signed the same failure {old}"
    merge_groups(connection, workspace_id, new, old, reason=reason, now=now)


def _is_known(connection: Connection, workspace_id: str, signature: str) -> bool:
    wanted = {"workspace": workspace_id, "signature": signature}
    if find_roots(connection, workspace_id, {signature})[signature] != signature:
        return True
    return any(
        connection.execute(statement, wanted).first() is not None for statement in (_SEEN, _ALIASED)
    )
