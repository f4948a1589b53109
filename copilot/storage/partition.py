"""Which things are one, given what joins them and what keeps them apart."""

from collections.abc import Collection, Iterable, Mapping, Sequence

Pair = frozenset[str]


def partition(
    names: Sequence[str],
    joins: Iterable[tuple[str, str]],
    *,
    apart: Collection[Pair] = (),
) -> Mapping[str, str]:
    """The root of each of *names*, which are in order of first sight: the first of its group.

    Joins are taken in their order. One that would bring a pair of *apart* together is passed over,
    so that what came before it stays as it was; a join or pair with a strange name is as well.
    """
    rank = {name: place for place, name in enumerate(names)}
    root = dict(zip(names, names, strict=True))
    members: dict[str, list[str]] = {name: [name] for name in names}
    enemies: dict[str, set[str]] = {}
    for one, other in (tuple(pair) for pair in apart if len(pair) == 2):
        enemies.setdefault(one, set()).add(other)
        enemies.setdefault(other, set()).add(one)
    for one, other in joins:
        if one not in rank or other not in rank or root[one] == root[other]:
            continue
        first, later = sorted((root[one], root[other]), key=rank.__getitem__)
        if any(root.get(foe) == first for name in members[later] for foe in enemies.get(name, ())):
            continue
        for name in members[later]:
            root[name] = first
        members[first] += members.pop(later)
    return root
