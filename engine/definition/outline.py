"""The steps of a definition as written, valid or not: a tree with the place of each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from .problems import Path, Problems
from .steps import EACH, MOST_STEPS, REJECTED

DEEPEST_NESTING = 8
_TEXTS = ("with", "parameters", "prompt", "message", "for_each", "state")
_PARTS = ("processors", "validators", "plugins", "tools")


@dataclass(slots=True)
class RawGroup:
    """A list of steps, under the name it has in paths; "" for the workflow's own."""

    name: str
    path: Path
    content: Mapping[str, JsonValue]
    steps: "list[RawStep]" = field(default_factory=list["RawStep"])

    def positions(self) -> dict[str, int]:
        """The position of each id, of the first step that has it."""
        found: dict[str, int] = {}
        for step in self.steps:
            if step.id is not None:
                found.setdefault(step.id, step.index)
        return found


@dataclass(slots=True)
class RawStep:
    """A step as written. `place` is how people are told of it: `fan/left/send`."""

    index: int
    id: str | None
    path: Path
    place: str
    depth: int
    content: dict[str, JsonValue]
    groups: list[RawGroup] = field(default_factory=list[RawGroup])

    @property
    def kind(self) -> str:
        return str(self.content.get("type"))

    def texts(self) -> Iterator[tuple[Path, JsonValue]]:
        """The parts in which expressions are resolved before it starts, with their places."""
        for name in (*_TEXTS, *_PARTS):
            if name in self.content:
                yield (*self.path, name), self.content[name]

    def later_texts(self) -> Iterator[tuple[Path, JsonValue]]:
        """The parts that are resolved when it has given something: they may name the step itself."""
        for name in ("fallback", "update"):
            if name in self.content:
                yield (*self.path, name), self.content[name]

    def conditions(self) -> Iterator[tuple[Path, str]]:
        """Its conditions but `until`, with their places."""
        written = [((*self.path, "while"), self.content.get("while"))]
        if self.kind == "branch":
            written += [((*group.path, "when"), group.content.get("when")) for group in self.groups]
        yield from ((path, text) for path, text in written if isinstance(text, str))


def outline(data: Mapping[str, JsonValue], problems: Problems) -> RawGroup:
    """The steps of *data* that are at least mappings; too many are noted.

    Raises `InvalidDefinition` for steps nested too deep: nothing more is looked at then.
    """
    top = RawGroup("", (), data)
    before = len(problems.found)
    top.steps = _steps(data.get("steps"), ("steps",), "", 1, problems)
    if len(problems.found) > before:
        problems.raise_any()
    count = sum(1 for _ in every(top.steps))
    if count > MOST_STEPS:
        problems.add((), f"a workflow has at most {MOST_STEPS} steps, not {count}")
    return top


def every(steps: list[RawStep]) -> Iterator[RawStep]:
    """*steps* and all inside them, each before what it holds."""
    for step in steps:
        yield step
        for group in step.groups:
            yield from every(group.steps)


def _steps(
    given: JsonValue, path: Path, prefix: str, depth: int, problems: Problems
) -> list[RawStep]:
    found: list[RawStep] = []
    for index, content in enumerate(given if isinstance(given, list) else []):
        if not isinstance(content, dict):
            continue
        step_id = content.get("id")
        known = step_id if isinstance(step_id, str) else None
        place = f"{prefix}{known[:64] if known else f'step number {index + 1}'}"
        step = RawStep(index, known, (*path, index), place, depth, content)
        problems.places[step.path] = place
        found.append(step)
        groups = _groups(step)
        if groups and depth > DEEPEST_NESTING:
            problems.add(step.path, f"steps are nested deeper than {DEEPEST_NESTING} levels")
            continue
        for name, inside, owner, items in groups:
            group = RawGroup(name, inside[:-1], owner)
            group.steps = _steps(items, inside, f"{place}/{name}/", depth + 1, problems)
            step.groups.append(group)
    return found


def _groups(step: RawStep) -> list[tuple[str, Path, Mapping[str, JsonValue], JsonValue]]:
    content = step.content
    match step.kind:
        case "branch" | "parallel":
            written = content.get("branches")
            return [
                (
                    str(one.get("id", index + 1))[:64],
                    (*step.path, "branches", index, "steps"),
                    one,
                    one.get("steps"),
                )
                for index, one in enumerate(written if isinstance(written, list) else [])
                if isinstance(one, dict)
            ]
        case "loop":
            return [(EACH, (*step.path, "steps"), content, content.get("steps"))]
        case "approval" if content.get("on_reject"):
            return [(REJECTED, (*step.path, "on_reject"), content, content["on_reject"])]
        case _:
            return []


def with_step_types(data: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """A step that does not say its type is an agent if it has a prompt and no action, else a tool."""
    return _typed_lists(data, 0) if isinstance(data.get("steps"), list) else data


def _typed_lists(content: dict[str, JsonValue], depth: int) -> dict[str, JsonValue]:
    found = dict(content)
    for name in ("steps", "on_reject"):
        steps = content.get(name)
        if isinstance(steps, list):
            found[name] = [_typed(step, depth) for step in steps]
    return found


def _typed(step: JsonValue, depth: int) -> JsonValue:
    if not isinstance(step, dict):
        return step
    if "type" not in step:
        is_agent = "prompt" in step and "action" not in step
        return {**step, "type": "agent" if is_agent else "tool"}
    if depth > DEEPEST_NESTING:
        return step
    match step["type"]:
        case "branch" | "parallel":
            branches = step.get("branches")
            if not isinstance(branches, list):
                return step
            typed: list[JsonValue] = [
                _typed_lists(one, depth + 1) if isinstance(one, dict) else one for one in branches
            ]
            return {**step, "branches": typed}
        case "loop" | "approval":
            return _typed_lists(step, depth + 1)
        case _:
            return step
