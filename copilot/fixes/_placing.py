"""Where a step stands: what it can read there, and how another one is put before it."""

import re
from collections.abc import Mapping

from pydantic import JsonValue

from ..definitions import PlacedStep, Pointer, look_up, put, steps

INPUTS = "inputs"
_LONGEST_ID = 64
_LOOP_NAMES = frozenset({"item", "number", "previous", "state"})

_FIRST_KEY = re.compile(r"""\.([A-Za-z0-9_-]+)|\["([^"]+)"\]""")


def free_id(definition: Mapping[str, JsonValue], wanted: str) -> str:
    """*wanted* as a name that neither a step nor a loop's variable has, numbered if need be."""
    taken = {INPUTS}
    for step in steps(definition):
        taken |= {step.id, variable_of(step)} if step.type == "loop" else {step.id}
    base = re.sub(r"[^A-Za-z0-9_]+", "_", wanted)[: _LONGEST_ID - 6]
    numbered = (f"{base}_{number}" for number in range(2, len(taken) + 3))
    return base if base not in taken else next(own for own in numbered if own not in taken)


def variable_of(loop: PlacedStep) -> str:
    """The name under which steps inside *loop* see what it goes through."""
    return str(loop.data.get("as", "loop"))


def put_before(
    definition: Mapping[str, JsonValue], step: PlacedStep, new: JsonValue
) -> dict[str, JsonValue]:
    """A copy of *definition* with the step *new* in front of *step*.

    Raises LookupError where *step* does not stand in a list.
    """
    *around, place = step.pointer
    beside = look_up(dict(definition), around)
    if not isinstance(beside, list):
        raise LookupError(place)
    return put(definition, around, [*beside[: int(place)], new, *beside[int(place) :]])


def problem_with_reading(
    definition: Mapping[str, JsonValue], step: PlacedStep, reference: str
) -> str | None:
    """Why *step* can't read *reference*, as far as the definition tells; None when it can.

    It sees the inputs that are declared, the steps that have run by then and the loops around it.
    """
    root = re.split(r"[.\[]", reference, maxsplit=1)[0]
    found = _FIRST_KEY.match(reference[len(root) :])
    key = (found[1] or found[2]) if found else None
    every = tuple(steps(definition))
    if root == INPUTS:
        declared = definition.get(INPUTS)
        names = set(declared) if isinstance(declared, dict) else set[str]()
        return None if key in names else "this workflow declares no such input"
    if root in {variable_of(one) for one in every if one.type == "loop" and one.holds(step)}:
        return None if key in _LOOP_NAMES else f"a loop has no {key!r}"
    if root in _run_before(every, step):
        return None
    return f"no step before this one is called {root!r}"


def _run_before(every: tuple[PlacedStep, ...], step: PlacedStep) -> frozenset[str]:
    """Ids of the steps that stand before *step*, in its list or in one around it."""
    ways = [
        step.pointer[: depth + 1] for depth in range(1, len(step.pointer)) if _is_index(step, depth)
    ]
    return frozenset(
        other.id
        for other in every
        for way in ways
        if _is_sibling(other.pointer, way) and int(other.pointer[-1]) < int(way[-1])
    )


def _is_index(step: PlacedStep, depth: int) -> bool:
    return step.pointer[depth].isdigit()


def _is_sibling(one: Pointer, two: Pointer) -> bool:
    return len(one) == len(two) and one[:-1] == two[:-1]
