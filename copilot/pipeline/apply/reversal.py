"""What taking a fix back makes of the workflow as it is now."""

import copy
from collections.abc import Sequence

from ...snapshot import ResourceKind, Snapshot
from ...storage.changes import ChangeRecord


def same_where_touched(original: ChangeRecord, current: Snapshot) -> bool:
    """Whether every part that the change touched is still as the change left it."""
    before, after = original.before, original.after
    if before.definition != after.definition and current.definition != after.definition:
        return False
    return all(
        current.resources.get(kind, {}).get(name) == after.resources.get(kind, {}).get(name)
        for kind, name in _touched_resources(original)
    )


def restored(original: ChangeRecord, current: Snapshot) -> Snapshot:
    """*current* with the parts that the change touched as they were before it.

    A resource that the change created is absent again; what it did not touch stays as it is now.
    Of an action only its deed is kept, for it to be known what is to be undone.
    """
    before, after = original.before, original.after
    resources = copy.deepcopy(current.resources)
    for kind, name in _touched_resources(original):
        resources.setdefault(kind, {}).pop(name, None)
        if name in before.resources.get(kind, {}):
            resources[kind][name] = copy.deepcopy(before.resources[kind][name])
    definition = current.definition if before.definition == after.definition else before.definition
    return current.model_copy(
        update={
            "definition": copy.deepcopy(definition),
            "resources": resources,
            "deed": after.deed,
        }
    )


def _touched_resources(original: ChangeRecord) -> Sequence[tuple[ResourceKind, str]]:
    before, after = original.before.resources, original.after.resources
    return [
        (kind, name)
        for kind in before.keys() | after.keys()
        for name in before.get(kind, {}).keys() | after.get(kind, {}).keys()
        if before.get(kind, {}).get(name) != after.get(kind, {}).get(name)
    ]


def notice(runs_started: int) -> str | None:
    if not runs_started:
        return None
    runs = "1 run has" if runs_started == 1 else f"{runs_started} runs have"
    return f"{runs} already started with the fix; this does not stop or repeat them."
