"""What is wrong with a definition, each with its place, in words for the person who wrote it."""

import re
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeAlias, Union, cast, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from ..errors import InvalidDefinition
from .steps import STEP_ID, STEP_TYPES, WAIT
from .suggestions import did_you_mean, near

Path: TypeAlias = tuple[str | int, ...]

MOST_PROBLEMS = 100
_STEP_LISTS = ("steps", "on_reject")
_A_MAPPING = "give a mapping of names to values"
_PLAIN = {
    "bool_parsing": "give true or false",
    "bool_type": "give true or false",
    "decimal_parsing": "give a number",
    "decimal_type": "give a number",
    "dict_type": _A_MAPPING,
    "finite_number": "give a number",
    "float_parsing": "give a number",
    "float_type": "give a number",
    "int_from_float": "give a whole number",
    "int_parsing": "give a whole number",
    "int_type": "give a whole number",
    "list_type": "give a list",
    "mapping_type": _A_MAPPING,
    "model_attributes_type": _A_MAPPING,
    "model_type": _A_MAPPING,
    "string_type": "give text",
    "tuple_type": "give a list",
}
_FORMS = {
    STEP_ID: "begin with a letter or _, go on with letters, digits or _, 64 in all",
    WAIT: "write it like 30m, 4h or 2d",
}


@dataclass(slots=True)
class Problems:
    """Collects problems of one source; keeps the first hundred and counts the rest."""

    source: str
    lines: Mapping[Path, int] = field(default_factory=dict[Path, int])
    places: dict[Path, str] = field(default_factory=dict["Path", str])
    found: list[str] = field(default_factory=list[str])
    more: int = 0

    @property
    def is_full(self) -> bool:
        return len(self.found) >= MOST_PROBLEMS

    def add(self, path: Path, text: str, *, line: int | None = None) -> None:
        """Note *text* about the place *path*, which may lead deeper than anything that is there."""
        if self.is_full:
            self.more += 1
            return
        place = self._place(path)
        at = line or self._line(path)
        said = f"{self.source}: {place}{text.removesuffix('.')}"
        said += f" (line {at})" if at is not None else ""
        if said not in self.found:
            self.found.append(said)

    def raise_any(self) -> None:
        """Raise `InvalidDefinition` if there is anything to say."""
        if self.found:
            rest = (f"{self.source}: and {self.more} more problems",) if self.more else ()
            raise InvalidDefinition((*self.found, *rest))

    def _place(self, path: Path) -> str:
        for length in range(len(path), 1, -1):
            if (step := self.places.get(path[:length])) is not None:
                rest = path[length:]
                return f"{step}: " + (f"{_spelled(rest)}: " if rest else "")
        match path:
            case ("steps", int(index), *rest):
                return f"step number {index + 1}: " + (f"{_spelled(rest)}: " if rest else "")
            case ():
                return ""
            case _:
                return f"{_spelled(path)}: "

    def _line(self, path: Path) -> int | None:
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None


def add_errors(
    problems: Problems,
    errors: Iterable[ErrorDetails],
    *,
    model: type[BaseModel],
    base: Path = (),
) -> None:
    """Note every error pydantic found in *model*, whose data sits at *base*."""
    found = list(errors)
    inner = {error["loc"][:end] for error in found for end in range(1, len(error["loc"]))}
    for error in found:
        if problems.is_full:
            problems.more += 1
            continue
        if error["type"] == "too_short" and error["loc"] in inner:
            continue  # pydantic counts only the items it could read
        inside = error["loc"]
        path, text = _described(error, model)
        problems.add(base + path, text, line=problems.lines.get(base + _untagged(inside)))


def _described(error: ErrorDetails, model: type[BaseModel]) -> tuple[Path, str]:
    inside = error["loc"]
    path = _untagged(inside)
    match error["type"]:
        case "extra_forbidden":
            name = str(inside[-1])
            known = field_names(model, inside[:-1])
            return path[:-1], f"unknown field {_shown(name)}.{did_you_mean(near(name, known))}"
        case "missing":
            return path[:-1], f"the field {str(inside[-1])!r} is missing{_advice(str(inside[-1]))}"
        case "too_short" if path[-1:] == ("steps",):
            return path, f"{'a workflow' if len(path) == 1 else 'it'} needs at least one step"
        case "union_tag_invalid" if "steps" in path or "on_reject" in path:
            tag = str(error.get("ctx", {}).get("tag"))
            return path, f"unknown type {_shown(tag)}.{did_you_mean(near(tag, STEP_TYPES))}"
        case kind:
            said = _PLAIN.get(kind) or _of_its_limits(error) or _as_pydantic_says(error)
            return path, f"{said}{_not(error)}{_meant(error)}"


def _of_its_limits(error: ErrorDetails) -> str | None:
    limits = error.get("ctx", {})
    match error["type"]:
        case "string_too_short" if limits.get("min_length") == 1:
            return "give some text"
        case "string_too_long":
            return f"give at most {limits['max_length']} characters"
        case "too_long":
            return f"give at most {limits['max_length']}, not {limits['actual_length']}"
        case "string_pattern_mismatch":
            return _FORMS.get(str(limits.get("pattern")))
        case _:
            return None


def _as_pydantic_says(error: ErrorDetails) -> str:
    message = error["msg"].removeprefix("Input ").removeprefix("Value error, ")
    return f"{message[:1].lower()}{message[1:]}"


def _meant(error: ErrorDetails) -> str:
    """A suggestion, where the names that may be given are few and known."""
    given = error.get("input")
    if error["type"] != "literal_error" or not isinstance(given, str):
        return ""
    known = re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected")))
    return f".{advice}" if (advice := did_you_mean(near(given, known))) else ""


def _advice(name: str) -> str:
    return ": a loop needs a bound, like 100" if name == "max_iterations" else ""


def _not(error: ErrorDetails) -> str:
    """', not 3', where what was given is short enough to be shown."""
    given = error.get("input")
    return f", not {_shown(given)}" if isinstance(given, str | int | float) else ""


def field_names(model: type[BaseModel], inside: Path) -> list[str]:
    """The names a person may write at *inside* of a value of *model*."""
    places: list[Any] = [model]
    for part in inside:
        places = [deeper for place in places for deeper in _deeper(place, part)]
    return [
        info.alias or name
        for place in places
        for option in _options(place)
        for name, info in option.model_fields.items()
    ]


def _deeper(annotation: Any, part: str | int) -> Iterator[Any]:
    for option in _branches(annotation):
        if _is_model(option):
            yield from _fields_called(option, part)
        else:
            arguments = [item for item in get_args(option) if item is not Ellipsis]
            yield from arguments[-1:]


def _fields_called(model: type[BaseModel], part: str | int) -> Iterator[Any]:
    for name, info in model.model_fields.items():
        if part in (name, info.alias):
            yield info.annotation
        elif name == "type" and info.default == part:
            yield model  # the tag of a union, which pydantic puts in the place


def _options(annotation: Any) -> Iterator[type[BaseModel]]:
    return (option for option in _branches(annotation) if _is_model(option))


def _branches(annotation: Any) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _branches(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for option in get_args(annotation):
            yield from _branches(option)
    else:
        yield annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _untagged(inside: Path) -> Path:
    """*inside* without the step types that pydantic puts behind the positions of steps."""
    found: list[str | int] = []
    for part in inside:
        in_list = len(found) > 1 and found[-2] in _STEP_LISTS and isinstance(found[-1], int)
        if not (in_list and part in STEP_TYPES):
            found.append(part)
    return tuple(found)


def _spelled(path: Iterable[str | int]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")[:120]


def _shown(value: Any) -> str:
    text = repr(cast("object", value))
    return text if len(text) <= 60 else f"{text[:57]}..."
