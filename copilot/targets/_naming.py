"""Names of resources: what a definition may name, and what can't be taken for a new one."""

from collections.abc import Iterable, Iterator

from pydantic import JsonValue

from ..snapshot import Snapshot


def texts(value: JsonValue) -> Iterator[str]:
    """Every text that stands alone in a definition: what names a resource is one of them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)


def new_names(snapshot: Snapshot) -> frozenset[str]:
    """As 'template/Welcome': those that were not there when the snapshot was taken."""
    keys = {f"{kind}/{name}" for kind, named in snapshot.resources.items() for name in named}
    return frozenset(keys - snapshot.resource_versions.keys())


def taken(new: Iterable[str], existing: Iterable[str]) -> list[str]:
    """Names that differ from an existing one by case alone: people could not tell them apart."""
    known = frozenset(existing)
    folded = {key.casefold(): key for key in known}
    return [
        f"{key}: the workspace already has {folded[key.casefold()]}"
        for key in sorted(frozenset(new) - known)
        if key.casefold() in folded
    ]
