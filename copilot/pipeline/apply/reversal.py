"""What taking a fix back makes of the workflow as it is now."""

import copy
from collections.abc import Collection, Mapping, Sequence

from pydantic import JsonValue

from ...snapshot import ResourceKind, Snapshot
from ...storage.changes import ChangeRecord
from .merging import EditedSince, without_change


def restored(original: ChangeRecord, current: Snapshot) -> Snapshot:
    """*current* with the parts that the change touched as they were before it.

    A resource that the change created is absent again; what it did not touch stays as it is now.
    Of an action only its deed is kept, for it to be known what is to be undone. Raises EditedSince
    when one of these parts is not as the change left it.
    """
    before, after = original.before, original.after
    resources = copy.deepcopy(current.resources)
    for kind, name in touched_resources(before, after):
        if _is_edited(after, current, kind, name):
            raise EditedSince(edited(kind, name, current.resources.get(kind, {}).get(name)))
        resources.setdefault(kind, {}).pop(name, None)
        if name in before.resources.get(kind, {}):
            resources[kind][name] = copy.deepcopy(before.resources[kind][name])
    definition = without_change(before.definition, after.definition, current.definition)
    return current.model_copy(
        update={
            "definition": copy.deepcopy(definition),
            "resources": resources,
            "deed": after.deed,
        }
    )


def is_as_left(
    before: Snapshot, after: Snapshot, found: Snapshot, *, but: Collection[str] = frozenset()
) -> bool:
    """Whether all that differs between *before* and *after* is in *found* as *after* has it.

    but: resources that are not looked at, as 'template/Outbound v3'.
    """
    if any(
        _is_edited(after, found, kind, name)
        for kind, name in touched_resources(before, after)
        if f"{kind}/{name}" not in but
    ):
        return False
    try:
        without_change(before.definition, after.definition, found.definition)
    except EditedSince:
        return False
    return True


def touched_resources(before: Snapshot, after: Snapshot) -> Sequence[tuple[ResourceKind, str]]:
    """Those that differ: that were made, edited or deleted."""
    old, new = before.resources, after.resources
    return [
        (kind, name)
        for kind in old.keys() | new.keys()
        for name in old.get(kind, {}).keys() | new.get(kind, {}).keys()
        if old.get(kind, {}).get(name) != new.get(kind, {}).get(name)
    ]


def _is_edited(after: Snapshot, found: Snapshot, kind: ResourceKind, name: str) -> bool:
    return found.resources.get(kind, {}).get(name) != after.resources.get(kind, {}).get(name)


def edited(kind: ResourceKind, name: str, found: Mapping[str, JsonValue] | None) -> str:
    """Why a resource that the fix touched can't go back, by how it was *found*; None is deleted."""
    what = kind.replace("_", " ")
    if found is None:
        return (
            f"The {what} '{name}' was deleted after the fix. The diff shows it: put it back first, "
            "or change the workflow by hand."
        )
    return (
        f"The {what} '{name}' was edited after the fix, so taking it back would lose that. The diff "
        f"shows the edits: put them back first, or change the {what} by hand."
    )


def notice(runs_started: int) -> str | None:
    if not runs_started:
        return None
    runs, them = ("1 run has", "it") if runs_started == 1 else (f"{runs_started} runs have", "them")
    return f"{runs} already started with the fix; this does not stop or repeat {them}."
