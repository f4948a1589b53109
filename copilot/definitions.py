"""Finding the way in a workflow definition as plain data: steps, leaves, pointers, references."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pydantic import JsonValue

Pointer: TypeAlias = tuple[str, ...]
Scalar: TypeAlias = str | int | float | bool | None

#: A tool step's parameters are written `with`; `parameters` is accepted for it.
PARAMETERS = ("with", "parameters")
#: What a step reads beside its parameters.
_TEXTS = ("prompt", "for_each", "state", "update", "message")
#: Lists in which steps stand.
STEP_LISTS = ("steps", "on_reject")
#: Any iteration of a loop, in a place.
EACH = "*"
#: Levels of data, which is twice that of steps and more: no deeper definition can be stored.
MOST_NESTED = 64

_BRACES = re.compile(r"(?<!\\)\{\{([^{}]{1,500})\}\}")
_REFERENCE = re.compile(
    r"""[ ]*([A-Za-z_][A-Za-z0-9_]*)((?:\.[A-Za-z0-9_-]{1,100}|\[-?[0-9]{1,9}\]|\["[^"'\\{}]{1,100}"\]){0,10})[ ]*"""
)


@dataclass(frozen=True, slots=True)
class PlacedStep:
    """A step with where it stands: `pointer` in the definition, `place` as runs name it.

    A place is a path without the iterations of loops: `/rows/*/send` for `/rows/4/send`.
    """

    pointer: Pointer
    place: str
    id: str
    data: Mapping[str, JsonValue]

    @property
    def type(self) -> str:
        return kind_of(self.data) or ""

    @property
    def title(self) -> str:
        """What people call it."""
        name = self.data.get("name")
        return name if isinstance(name, str) and name else self.id

    @property
    def action(self) -> str:
        return str(self.data.get("action", ""))

    @property
    def parameters(self) -> Mapping[str, JsonValue]:
        key = self.parameters_key
        found = self.data.get(key)
        return found if isinstance(found, dict) else {}

    @property
    def reads(self) -> frozenset[str]:
        """Where its references begin: ids of other steps, names of loops, and `inputs`."""
        own = [self.data.get(key) for key in _TEXTS]
        texts = [leaf for _, leaf in leaves([dict(self.parameters), *own])]
        found = [spelled(text).references for text in texts if isinstance(text, str)]
        roots = (root_of(reference) for references in found for reference in references)
        return frozenset(root for root in roots if root)

    def holds(self, other: "PlacedStep") -> bool:
        """Whether *other* stands inside it."""
        depth = len(self.pointer)
        return depth < len(other.pointer) and other.pointer[:depth] == self.pointer

    @property
    def parameters_key(self) -> str:
        """The key under which this step has its parameters."""
        return next((key for key in PARAMETERS if key in self.data), PARAMETERS[0])


def kind_of(data: Mapping[str, JsonValue]) -> str | None:
    """The kind of step *data* is; one without `type` tells by `action` or `prompt`."""
    declared = data.get("type")
    if isinstance(declared, str):
        return declared
    return "tool" if "action" in data else "agent" if "prompt" in data else None


def steps(definition: Mapping[str, JsonValue]) -> Iterator[PlacedStep]:
    """Every step in reading order, those inside branches and loops too."""
    yield from _steps(definition.get("steps"), ("steps",), "", MOST_NESTED)


def _steps(value: JsonValue, pointer: Pointer, place: str, depth: int) -> Iterator[PlacedStep]:
    if depth == 0:
        return
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _steps(item, (*pointer, str(index)), place, depth - 1)
    elif isinstance(value, dict):
        own_id = value.get("id")
        if isinstance(own_id, str):
            place = f"{place}/{own_id}"
            if kind_of(value):
                yield PlacedStep(pointer, place, own_id, value)
        for key, item in value.items():
            if key not in PARAMETERS and isinstance(item, dict | list):
                below = place + _below(value, key)
                yield from _steps(item, (*pointer, key), below, depth - 1)


def _below(holder: Mapping[str, JsonValue], key: str) -> str:
    """What stands between a step's place and that of a step under its *key*."""
    match holder.get("type"), key:
        case "loop", "steps":
            return f"/{EACH}"
        case "approval", "on_reject":
            return "/reject"
        case _:
            return ""


def place_of(path: str) -> str:
    """The place of a step that a run calls *path*: in any iteration of the loops around it."""
    parts = path.split("/")
    return "/".join([*parts[:2], *(EACH if part.isdigit() else part for part in parts[2:])])


def step_at(definition: Mapping[str, JsonValue], path: str | None) -> PlacedStep | None:
    """The step a run calls *path*; by its id alone when that is unmistakable, else None."""
    if not path:
        return None
    every = tuple(steps(definition))
    place = place_of(path)
    exact = [step for step in every if step.place == place]
    if len(exact) == 1:
        return exact[0]
    last = path.rpartition("/")[2]
    named = [step for step in every if step.id == last]
    return named[0] if len(named) == 1 else None


def leaves(value: JsonValue, pointer: Pointer = ()) -> Iterator[tuple[Pointer, Scalar]]:
    """Every scalar under *value* with the pointer to it."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*pointer, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*pointer, str(index)))
    else:
        yield pointer, value


def spell(pointer: Pointer) -> str:
    """The pointer as text, `/steps/1/with/range` (RFC 6901)."""
    return "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in pointer)


def read(text: str) -> Pointer:
    """The parts of a pointer written as text (RFC 6901)."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])


def look_up(value: JsonValue, pointer: Sequence[str]) -> JsonValue:
    """What stands at *pointer*. Raises LookupError when nothing does."""
    for part in pointer:
        if isinstance(value, dict):
            value = value[part]
        elif isinstance(value, list):
            value = value[_index(part)]
        else:
            raise LookupError(part)
    return value


def put(
    definition: Mapping[str, JsonValue], pointer: Sequence[str], new: JsonValue
) -> dict[str, JsonValue]:
    """A copy of *definition* with *new* at *pointer*.

    Raises LookupError when nothing stands there.
    """
    first, *rest = pointer
    return {**definition, first: _put(definition[first], rest, new)}


def _put(value: JsonValue, pointer: Sequence[str], new: JsonValue) -> JsonValue:
    if not pointer:
        return new
    part, *rest = pointer
    if isinstance(value, dict):
        return {**value, part: _put(value[part], rest, new)}
    if isinstance(value, list):
        index = _index(part)
        return [*value[:index], _put(value[index], rest, new), *value[index + 1 :]]
    raise LookupError(part)


def _index(part: str) -> int:
    """A list index as RFC 6901 writes it: digits, no sign, no leading zero."""
    if not (part.isascii() and part.isdigit()) or (len(part) > 1 and part[0] == "0"):
        raise LookupError(part)
    return int(part[:9])


@dataclass(frozen=True, slots=True)
class Spelled:
    """A text taken apart: what stands between the references, and the references as written."""

    literals: tuple[str, ...]
    references: tuple[str, ...]


def spelled(text: str) -> Spelled:
    """Take *text* apart at its references; `\\{{` begins none."""
    parts = _BRACES.split(text)
    return Spelled(tuple(parts[::2]), tuple(parts[1::2]))


def root_of(reference: str) -> str | None:
    """The step or `inputs` a reference begins with, None when it is no valid reference."""
    found = _REFERENCE.fullmatch(reference)
    return found.group(1) if found else None


def upstream(definition: Mapping[str, JsonValue], step: PlacedStep) -> frozenset[str]:
    """Ids of *step* and of all steps whose output it reads, straight or through others.

    Those around it are read too: a loop decides what the steps inside it are about.
    """
    every = tuple(steps(definition))
    found: dict[Pointer, PlacedStep] = {}
    waiting = [step]
    while waiting:
        one = waiting.pop()
        if one.pointer not in found:
            found[one.pointer] = one
            reads = one.reads
            waiting.extend(other for other in every if other.id in reads or other.holds(one))
    return frozenset(one.id for one in found.values())
