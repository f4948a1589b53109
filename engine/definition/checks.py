"""What a form can't say about a definition: names that must exist, once, and early enough."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel, JsonValue, ValidationError

from ..errors import InvalidDefinition
from .expressions import INPUTS, Reference, parse, references
from .problems import Path, Problems, add_errors
from .suggestions import did_you_mean, near


@dataclass(frozen=True, slots=True)
class RawStep:
    """A step as written, whether or not it is valid."""

    index: int
    id: str | None
    content: dict[str, JsonValue]

    @property
    def path(self) -> Path:
        return ("steps", self.index)

    def texts(self) -> Iterator[tuple[Path, JsonValue]]:
        """The parts in which expressions are resolved, with their places."""
        for name in ("with", "parameters", "prompt"):
            if name in self.content:
                yield (*self.path, name), self.content[name]


def raw_steps(data: Mapping[str, JsonValue]) -> list[RawStep]:
    """The steps of *data* that are at least mappings."""
    steps = data.get("steps")
    found: list[RawStep] = []
    for index, content in enumerate(steps if isinstance(steps, list) else []):
        if isinstance(content, dict):
            step_id = content.get("id")
            found.append(RawStep(index, step_id if isinstance(step_id, str) else None, content))
    return found


def check_ids(steps: list[RawStep], problems: Problems) -> dict[str, int]:
    """The position of each id; duplicates and the reserved name are noted."""
    positions: dict[str, int] = {}
    for step in steps:
        if step.id is None:
            continue
        if step.id == INPUTS:
            problems.add(step.path, f"the id {INPUTS!r} is taken: it names the run's inputs")
        if step.id in positions:
            first = positions[step.id] + 1
            problems.add(
                step.path, f"duplicate step id {step.id!r}: steps {first} and {step.index + 1}"
            )
        positions.setdefault(step.id, step.index)
    return positions


def check_actions(
    steps: list[RawStep], actions: Mapping[str, type[BaseModel]], problems: Problems
) -> None:
    """Every action exists and understands its parameters, as far as they are known by now."""
    for step in steps:
        name = step.content.get("action")
        if not isinstance(name, str) or problems.is_full:
            continue
        if name not in actions:
            alike = near(name, actions)
            problems.add(step.path, f"unknown action {name[:100]!r}.{did_you_mean(alike)}")
            continue
        given = step.content.get("with", step.content.get("parameters", {}))
        if isinstance(given, dict):
            _check_parameters(given, actions[name], problems, (*step.path, "with"))


def _check_parameters(
    given: dict[str, JsonValue], model: type[BaseModel], problems: Problems, base: Path
) -> None:
    try:
        model.model_validate(given)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        known = [one for one in found if one["type"] == "extra_forbidden" or _is_final(one, given)]
        add_errors(problems, known, model=model, base=base)


def _is_final(error: Any, given: JsonValue) -> bool:
    """Whether the error will still be there when the expressions have been resolved."""
    place = error["loc"][:-1] if error["type"] == "missing" else error["loc"]
    value: Any = given
    for part in place:
        if isinstance(value, dict) and part in value:
            value = cast("dict[str, Any]", value)[part]
        elif isinstance(value, list) and isinstance(part, int):
            value = cast("list[Any]", value)[part]
    return error["type"] == "missing" or not _has_expression(cast("JsonValue", value))


def _has_expression(value: JsonValue) -> bool:
    try:
        return bool(references(value))
    except InvalidDefinition:
        return True


def check_references(
    steps: list[RawStep], positions: Mapping[str, int], inputs: list[str], problems: Problems
) -> None:
    """Every expression can be read and leads to an input or to an earlier step."""
    order = _Order(steps, positions)
    for step in steps:
        for base, text in step.texts():
            for path, reference in _located(text, base, problems):
                if problems.is_full:
                    return
                _check_reference(step, path, reference, inputs=inputs, order=order, to=problems)
    for cycle in order.cycles():
        first = steps[order.places[cycle[0]]]
        chain = " -> ".join([*cycle, cycle[0]])
        problems.add(first.path, f"these steps wait for each other in a cycle: {chain}")


def _located(
    value: JsonValue, path: Path, problems: Problems | None
) -> Iterator[tuple[Path, Reference]]:
    if isinstance(value, str) and "{{" in value:
        try:
            pieces = parse(value)
        except InvalidDefinition as error:
            if problems is not None:
                problems.add(path, error.args[0][0])
            return
        yield from ((path, piece) for piece in pieces if isinstance(piece, Reference))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _located(item, (*path, index), problems)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _located(item, (*path, key), problems)


def _check_reference(
    step: RawStep,
    path: Path,
    reference: Reference,
    *,
    inputs: list[str],
    order: "_Order",
    to: Problems,
) -> None:
    root = reference.root
    if root == INPUTS:
        name = reference.keys[0] if reference.keys else None
        if name is not None and name not in inputs:
            alike = near(str(name), inputs)
            to.add(
                path, f"{reference} refers to an input that is not declared.{did_you_mean(alike)}"
            )
    elif root not in order.positions:
        alike = near(root, [*order.positions, INPUTS])
        to.add(path, f"{reference} refers to a step that does not exist.{did_you_mean(alike)}")
    elif order.positions[root] >= step.index and not order.is_circular(step.id, root):
        to.add(path, f"{reference} refers to {root}, which runs later")


class _Order:
    """Which steps read which, and the groups among them that wait for each other."""

    def __init__(self, steps: list[RawStep], positions: Mapping[str, int]) -> None:
        self.positions = positions
        self.places = {
            step.id: place for place, step in reversed(list(enumerate(steps))) if step.id
        }
        self._reads: dict[str, list[str]] = {
            step.id: list(
                dict.fromkeys(
                    reference.root
                    for base, text in step.texts()
                    for _, reference in _located(text, base, None)
                    if reference.root in positions
                )
            )
            for step in reversed(steps)
            if step.id
        }
        self._group = _groups(self._reads)

    def is_circular(self, reader: str | None, read: str) -> bool:
        """Whether *read*, which *reader* reads, in turn waits for *reader*."""
        return reader is not None and self._group[reader] == self._group[read]

    def cycles(self) -> Iterator[list[str]]:
        """One cycle of each group that has any, starting at its first step."""
        members: dict[int, list[str]] = {}
        for step_id in sorted(self._reads, key=self.places.__getitem__):
            members.setdefault(self._group[step_id], []).append(step_id)
        for group in members.values():
            if len(group) > 1 or group[0] in self._reads[group[0]]:
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
