"""What the workflow is: its instructions, its limits, the step that failed and those beside it."""

from collections.abc import Iterator, Mapping, Sequence

from pydantic import JsonValue

from ...definitions import PARAMETERS, STEP_LISTS, PlacedStep, leaves, spell, step_at, steps
from ...types import Failure, RunRecord
from ..report import Surroundings
from .material import Piece, piece, plain

MOST_VALUES = 30
MOST_NEIGHBOURS = 4
_SECTION = "agent_configuration"


def pieces_of_agent(run: RunRecord, failure: Failure, around: Surroundings) -> Iterator[Piece]:
    """Instructions and restrictions as the run had them, values as they stand there now.

    A value of the failed step has its JSON pointer as path: what replaces it needs both exactly.
    """
    definition = around.snapshot.definition if around.snapshot else {}
    instructions = run.instructions or definition.get("instructions")
    if isinstance(instructions, str):
        yield from piece(
            _SECTION, "agent.instructions", instructions, path="/instructions", weight=5
        )
    restrictions: JsonValue = run.restrictions or definition.get("restrictions")
    if restrictions:
        text = plain(restrictions)
        yield from piece(_SECTION, "agent.restrictions", text, path="/restrictions", weight=3)
    every = tuple(steps(definition))
    failed = step_at(definition, failure.step_path)
    if failed is not None:
        yield from _values(failed)
    beside = "\n".join(
        plain(_own(step), at=spell(step.pointer)) for step in _neighbours(every, failed)
    )
    yield from piece(_SECTION, "definition.beside", beside, path="/steps", weight=4)


def _values(step: PlacedStep) -> Iterator[Piece]:
    """What the step is, then each value of it that can be replaced."""
    own, path = _own(step), spell(step.pointer)
    fixed = {key: value for key, value in own.items() if key not in _REPLACEABLE}
    yield from piece(_SECTION, "definition.step", plain(fixed), path=path, weight=3)
    found = leaves({key: value for key, value in own.items() if key in _REPLACEABLE})
    for _, (pointer, value) in zip(range(MOST_VALUES), found, strict=False):
        place = spell((*step.pointer, *pointer))
        text = value if isinstance(value, str) else plain(value)
        yield from piece(_SECTION, _KINDS[type(value)], text, path=place, weight=4)


_REPLACEABLE = frozenset({*PARAMETERS, "prompt"})
#: A number and a text that reads like one are two values.
_KINDS: Mapping[type, str] = {
    str: "definition.text",
    int: "definition.number",
    float: "definition.number",
    bool: "definition.switch",
    type(None): "definition.nothing",
}


def _own(step: PlacedStep) -> dict[str, JsonValue]:
    """What *step* says of itself, without the steps that stand in it."""
    return {key: value for key, value in step.data.items() if key not in _STEPS_INSIDE}


_STEPS_INSIDE = frozenset({*STEP_LISTS, "branches"})


def _neighbours(every: Sequence[PlacedStep], failed: PlacedStep | None) -> list[PlacedStep]:
    """Those before and after in reading order; the last ones where none is known to have failed."""
    if failed is None:
        return list(every[-MOST_NEIGHBOURS:])
    middle = next(place for place, step in enumerate(every) if step.pointer == failed.pointer)
    half = MOST_NEIGHBOURS // 2
    return [
        step
        for place, step in enumerate(every[: middle + half + 1])
        if place >= middle - half and place != middle
    ]
