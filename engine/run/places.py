"""Paths of runs and places of definitions: `/rows/3/send` stands at `rows/*/send`."""

from collections.abc import Iterable, Mapping

from ..definition.reads import Node
from ..definition.steps import EACH, LoopStep


def place_of(path: str, known: Mapping[str, Node]) -> str:
    """The place of *path*, whether or not there still is a step."""
    place = ""
    for part in path.removeprefix("/").split("/"):
        holder = known.get(place)
        in_loop = holder is not None and isinstance(holder.step, LoopStep)
        is_number = in_loop and part.isdigit()
        place = f"{place}/{EACH if is_number else part}" if place else part
    return place


def is_within(inner: str, outer: str) -> bool:
    """Whether *inner* is *outer*, or inside it."""
    return inner == outer or inner.startswith(f"{outer}/")


def same_iteration(path: str, other: str) -> bool:
    """Whether two paths are nowhere in different iterations of one loop."""
    for one, two in zip(path.split("/"), other.split("/"), strict=False):
        if one != two:
            return not (one.isdigit() and two.isdigit())
    return True


def closure(start: set[str], edges: Mapping[str, Iterable[str]]) -> set[str]:
    """*start* and everything that can be reached from it."""
    found = set(start)
    waiting = list(start)
    while waiting:
        for following in edges.get(waiting.pop(), ()):
            if following not in found:
                found.add(following)
                waiting.append(following)
    return found
