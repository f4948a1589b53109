"""Put another value where a step's parameters have a wrong one.

Or put misspelt placeholders right in a template that the workflow names, in its subject and its
body alike. Only the rules propose that, so the class says nothing of it: what it says is what a
model is told.
"""

from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field, JsonValue

from ..definitions import PARAMETERS, PlacedStep, Pointer, look_up, put, read, spelled, steps
from ..snapshot import Snapshot
from ._base import Change
from ._reach import STEP, Reach, is_destination, is_protected
from ._references import ADDRESSED, problem_with_correction
from ._text import corrected_placeholders, problem_with

LONGEST_VALUE = 10_000
LONGEST_SHOWN = 200
_TEXTS_OF_TEMPLATE = ("subject", "body")

#: Into the definition; or `/resources/template/Welcome/body`.
Path: TypeAlias = Annotated[
    str,
    Field(
        max_length=500,
        pattern=r"^/(steps(/[^/~\x00-\x1f\x7f]{1,100}){2,40}"
        r"|resources/template/[^/~\x00-\x1f\x7f]{1,100}/(subject|body))$",
    ),
]
Text: TypeAlias = Annotated[str, Field(max_length=LONGEST_VALUE)]
Number: TypeAlias = Annotated[int, Field(ge=-(2**53), le=2**53)]
Value: TypeAlias = Text | Number | float


class ReplaceValue(Change):
    """Replace one value in a step's parameters by another of the same type.

    In an agent's prompt only the names in its references can be put right. Switches (true or
    false) are not values: turning one changes what a step does.
    """

    reach: ClassVar[Reach] = Reach(
        writes=(
            ("change", f"/definition/{STEP}/with/**"),
            ("change", f"/definition/{STEP}/parameters/**"),
            ("change", f"/definition/{STEP}/prompt"),
            ("change", "/resources/template/*/subject"),
            ("change", "/resources/template/*/body"),
        )
    )
    button: ClassVar[str] = "Replace Value"

    type: Literal["replace_value"] = "replace_value"
    path: Path
    """JSON pointer into the workflow definition to a value in a step's parameters or to an
    agent's prompt, such as `/steps/1/with/range`."""
    old: Value
    """The value that stands there now, exactly."""
    value: Value
    """The value to put there, of the same type."""

    @property
    def question(self) -> str:
        return "Would you like me to replace the value for you?"

    def apply(self, snapshot: Snapshot) -> Snapshot:
        pointer = read(self.path)
        if pointer[0] != "steps":
            return self._in_template(snapshot, *pointer[2:])
        step = self._step(snapshot)
        if is_protected(pointer):
            raise self.refuse(f"{self.path} is not for a fix to change.")
        try:
            current = look_up(snapshot.definition, pointer)
        except LookupError:
            raise self.refuse(f"nothing stands at {self.path}.") from None
        if problem := self._mismatch(current) or self._unfit(snapshot, step, current):
            raise self.refuse(f"{problem}.")
        return snapshot.evolve(definition=put(snapshot.definition, pointer, self.value))

    def summary(self, snapshot: Snapshot) -> str:
        pointer = read(self.path)
        if pointer[0] != "steps":
            return self._respelt(pointer[2])
        step = self._step(snapshot)
        what = next((part for part in reversed(pointer) if not part.isdigit()), "the value")
        old, new = _what_differs(self.old, self.value)
        return f"In step {step.title!r}, {what} becomes {new} instead of {old}."

    def _in_template(self, snapshot: Snapshot, name: str, part: str) -> Snapshot:
        content = snapshot.resources.get("template", {}).get(name)
        if content is None:
            raise self.refuse(f"this workflow names no template {name!r} that is there.")
        if problem := self._mismatch(content.get(part)):
            raise self.refuse(f"{problem}.")
        changed = corrected_placeholders(str(self.old), str(self.value))
        if not changed:
            raise self.refuse("in a template only misspelt placeholders can be put right.")
        texts = {key: str(content[key]) for key in _TEXTS_OF_TEMPLATE if key in content}
        for wrong, right in changed:
            texts = {
                key: text.replace(f"{{{wrong}}}", f"{{{right}}}") for key, text in texts.items()
            }
        resource = {**content, **texts, part: self.value}
        return snapshot.evolve(resource=("template", name, resource))

    def _respelt(self, name: str) -> str:
        changed = corrected_placeholders(str(self.old), str(self.value))
        said = ", ".join(f"{two!r} instead of {one!r}" for one, two in changed)
        return f"The template {name!r} asks for {said}, in every workflow that uses it."

    def _step(self, snapshot: Snapshot) -> PlacedStep:
        pointer = read(self.path)
        for step in steps(snapshot.definition):
            depth = len(step.pointer)
            if pointer[:depth] == step.pointer and _is_text_of_step(pointer[depth:]):
                return step
        raise self.refuse(f"{self.path} is not in the parameters of a step.")

    def _mismatch(self, current: JsonValue) -> str | None:
        if type(current) is not type(self.old) or current != self.old:
            return f"{self.old!r} does not stand at {self.path} any more"
        if type(self.value) is not type(self.old):
            return "the new value has another type"
        if self.value == self.old:
            return "the new value is the old one"
        return None

    def _unfit(self, snapshot: Snapshot, step: PlacedStep, current: JsonValue) -> str | None:
        below = read(self.path)[len(step.pointer) + 1 :]
        destination, written = is_destination(below), _is_written_to(step, below)
        if not (isinstance(current, str) and isinstance(self.value, str)):
            return "it says who receives something" if destination else None
        if spelled(current).references:
            return problem_with_correction(
                current,
                self.value,
                roots=_before(snapshot, step),
                destination=destination or written,
                addressed=not ADDRESSED.isdisjoint(below),
            )
        if below == ():
            return "the wording of a prompt is not for a fix to change"
        if destination and corrected_placeholders(current, self.value):
            return None
        if destination:
            return "it says who receives something, and a person has to decide that"
        if written:
            return "it says which file is written, and a person has to decide that"
        if problem := problem_with(current):
            return f"the value there is not for a fix to change: {problem}"
        if not self.value.strip():
            return "the new value is blank"
        problem = problem_with(self.value)
        return f"the new value may not be written: {problem}" if problem else None


def _what_differs(old: Value, new: Value) -> tuple[str, str]:
    """Both values as a sentence shows them; of a longer text only the references that differ."""
    if isinstance(old, str) and isinstance(new, str) and spelled(old).references:
        pairs = zip(spelled(old).references, spelled(new).references, strict=False)
        changed = [(one.strip(), two.strip()) for one, two in pairs if one != two]
        olds, news = zip(*changed, strict=True) if changed else ((), ())
        return _clipped(", ".join(olds)), _clipped(", ".join(news))
    return _clipped(repr(old)), _clipped(repr(new))


def _clipped(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def _is_text_of_step(below: Pointer) -> bool:
    """Whether this is the way from a step to one of its parameters or its prompt."""
    return below == ("prompt",) or (len(below) > 1 and below[0] in PARAMETERS)


def _is_written_to(step: PlacedStep, below: Pointer) -> bool:
    """Whether *below* the parameters of *step* stands the file that it writes, or writes over."""
    return step.action == "write_file" and below == ("path",)


def _before(snapshot: Snapshot, step: PlacedStep) -> frozenset[str]:
    """Ids of the steps that have run when *step* does."""
    every = tuple(steps(snapshot.definition))
    return frozenset(other.id for other in every[: every.index(step)])


FIX = ReplaceValue
