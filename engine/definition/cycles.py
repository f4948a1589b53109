"""Steps of one list that wait for each other."""

from collections.abc import Iterator, Mapping


class Order:
    """Which steps of one list read which, and the groups among them that wait for each other.

    *positions* is where each stands, *reads* names what each reads of the others.
    """

    def __init__(self, positions: Mapping[str, int], reads: Mapping[str, list[str]]) -> None:
        self.positions = positions
        self._reads = reads
        self._group = _groups(reads)

    def is_circular(self, reader: str | None, read: str) -> bool:
        """Whether *read*, which *reader* reads, in turn waits for *reader*."""
        return reader is not None and self._group[reader] == self._group[read]

    def cycles(self) -> Iterator[list[str]]:
        """One cycle of each group of several steps, starting at its first step."""
        members: dict[int, list[str]] = {}
        for step_id in sorted(self._reads, key=self.positions.__getitem__):
            members.setdefault(self._group[step_id], []).append(step_id)
        for group in members.values():
            if len(group) > 1:
                yield self._cycle_from(group[0])

    def _cycle_from(self, start: str) -> list[str]:
        came_from: dict[str, str] = {}
        waiting = [start]
        for current in waiting:
            for read in self._reads[current]:
                if read == start:
                    return _way_back(current, start, came_from)
                if self._group[read] == self._group[start] and read not in came_from:
                    came_from[read] = current
                    waiting.append(read)
        return [start]


def _way_back(end: str, start: str, came_from: Mapping[str, str]) -> list[str]:
    way = [end]
    while way[-1] != start:
        way.append(came_from[way[-1]])
    return way[::-1]


def _groups(reads: Mapping[str, list[str]]) -> dict[str, int]:
    """The strongly connected group of each step, by Kosaraju's two passes, in linear time."""
    read_by: dict[str, list[str]] = {step: [] for step in reads}
    for step, others in reads.items():
        for other in others:
            read_by[other].append(step)
    seen: set[str] = set()
    finished = [step for start in reads for step in _finishing(start, reads, seen)]
    group: dict[str, int] = {}
    reached: set[str] = set()
    for number, start in enumerate(reversed(finished)):
        group |= dict.fromkeys(_finishing(start, read_by, reached), number)
    return group


def _finishing(start: str, edges: Mapping[str, list[str]], seen: set[str]) -> list[str]:
    """What is newly reached from *start*, each after everything reached from it."""
    if start in seen:
        return []
    seen.add(start)
    order: list[str] = []
    stack = [(start, iter(edges[start]))]
    while stack:
        step, following = stack[-1]
        found = next((other for other in following if other not in seen), None)
        if found is None:
            order.append(step)
            stack.pop()
        else:
            seen.add(found)
            stack.append((found, iter(edges[found])))
    return order
