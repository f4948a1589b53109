"""The nightly look at whether two groups are one failure in other words: aliases are only added."""

from .pipeline.merge import Known, merge
from .pipeline.normalize import normalize
from .storage.group_reading import KnownKey
from .storage.store import Store

#: Aliases that are written by one transaction.
BATCH = 100


def join_groups(store: Store, workspace_id: str) -> int:
    """Add an alias for each pair that `merge` finds among what is known; gives how many.

    All of it is found again by the next pass, so that a process that is killed loses nothing, and
    what is one group already costs no write. What people have split stays apart, and what came with
    a fingerprint of its own is left to it.
    """
    known = [_known(one) for one in store.groups.known(workspace_id) if not one.error.fingerprint]
    found = merge(known, apart=store.group_rules.apart(workspace_id))
    joins = [(alias.signature, alias.root, alias.reason) for alias in found]
    return sum(
        store.failures.join(workspace_id, joins[start : start + BATCH])
        for start in range(0, len(joins), BATCH)
    )


def _known(one: KnownKey) -> Known:
    error = one.error
    normal = normalize(error.message, error_type=error.type, traceback=error.traceback)
    exception = normal.facets.get("exception", "")
    return Known(one.signature, one.key, one.label, exception=exception)
