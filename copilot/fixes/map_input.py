"""Let a step read another output or input of this workflow."""

import re
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, Field, JsonValue

from ..definitions import PARAMETERS, PlacedStep, Pointer, look_up, put, read, spelled, steps
from ..snapshot import Snapshot
from ._base import Change
from ._placing import problem_with_reading
from ._reach import STEP, Reach, is_destination, is_protected
from ._references import ADDRESSED, is_confidential
from ._text import problem_with

#: What a step has beside its parameters and in which it reads.
_TEXTS = ("prompt", "for_each")

#: As the engine writes them, but for a quoted key: that is a column's heading, not a path.
_REFERENCE = re.compile(
    r"[A-Za-z_][A-Za-z0-9_]{0,63}"
    r"""(\.[A-Za-z0-9_-]{1,100}|\[-?[0-9]{1,4}\]|\["[\w .-]{1,100}"\]){0,8}"""
)


def _check_reference(reference: str) -> str:
    if not _REFERENCE.fullmatch(reference):
        raise ValueError("it is no reference, such as read.rows")
    if problem := problem_with(reference):
        raise ValueError(problem)
    if is_confidential(reference):
        raise ValueError("it names something confidential")
    return reference


Path: TypeAlias = Annotated[
    str, Field(max_length=500, pattern=r"^/steps(/[^/~\x00-\x1f\x7f]{1,100}){2,40}$")
]
Reference: TypeAlias = Annotated[
    str, Field(min_length=1, max_length=300), AfterValidator(_check_reference)
]


class MapInput(Change):
    """Read another output or input in a step's parameters, its prompt or a loop's list.

    Either a reference that stands there is exchanged, or a value that is missing in an object of
    the parameters is added. Who receives something can't be mapped.
    """

    reach: ClassVar[Reach] = Reach(
        writes=(
            ("change", f"/definition/{STEP}/with/**"),
            ("change", f"/definition/{STEP}/parameters/**"),
            ("change", f"/definition/{STEP}/prompt"),
            ("change", f"/definition/{STEP}/for_each"),
            ("add", f"/definition/{STEP}/with/*/*"),
            ("add", f"/definition/{STEP}/parameters/*/*"),
        ),
        references_only=True,
    )
    button: ClassVar[str] = "Map Input"

    type: Literal["map_input"] = "map_input"
    path: Path
    """JSON pointer into the workflow definition to a value in a step's parameters, an agent's
    prompt or a loop's list, such as `/steps/1/with/rows`, `/steps/2/prompt`, `/steps/3/for_each`.
    """
    old: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    """The reference that stands there now, without braces, such as `read.emials`. Left out where
    nothing stands there yet: one more value for an object such as `values`."""
    reads: Reference
    """What to read instead, without braces: `read.rows`, `inputs.region`, `loop.item.email`."""

    @property
    def question(self) -> str:
        return f"Would you like me to read {self.reads!r} there for you?"

    def apply(self, snapshot: Snapshot) -> Snapshot:
        pointer, step = read(self.path), self._step(snapshot)
        below = pointer[len(step.pointer) :]
        if is_protected(pointer):
            raise self.refuse(f"{self.path} is not for a fix to change.")
        if is_destination(below):
            raise self.refuse("it says who receives something, and a person has to decide that.")
        if problem := problem_with_reading(snapshot.definition, step, self.reads):
            raise self.refuse(f"{self.reads} can't be read there: {problem}.")
        if self.old is None:
            return self._added(snapshot, pointer, below)
        if ADDRESSED.intersection(below) and _root(self.old) != _root(self.reads):
            raise self.refuse(
                "these rows say who receives something, so they stay the same step's."
            )
        return snapshot.evolve(definition=put(snapshot.definition, pointer, self._text(snapshot)))

    def summary(self, snapshot: Snapshot) -> str:
        title, what = self._step(snapshot).title, read(self.path)[-1]
        if self.old is None:
            return f"In step {title!r}, {what} is read from {self.reads}."
        return f"In step {title!r}, {what} reads {self.reads} instead of {self.old.strip()}."

    def _step(self, snapshot: Snapshot) -> PlacedStep:
        pointer = read(self.path)
        for step in steps(snapshot.definition):
            depth = len(step.pointer)
            if pointer[:depth] == step.pointer and _is_read(pointer[depth:]):
                return step
        raise self.refuse(f"{self.path} is not in the parameters of a step.")

    def _text(self, snapshot: Snapshot) -> str:
        """The text that stands there, with the other reference in it."""
        try:
            current = look_up(snapshot.definition, read(self.path))
        except LookupError:
            raise self.refuse(f"nothing stands at {self.path}.") from None
        found = spelled(current if isinstance(current, str) else "")
        old = (self.old or "").strip()
        if old not in {reference.strip() for reference in found.references}:
            raise self.refuse(f"{old!r} is not read at {self.path} any more.")
        if old == self.reads:
            raise self.refuse("it is read there already.")
        pieces = [found.literals[0]]
        for reference, literal in zip(found.references, found.literals[1:], strict=True):
            pieces += [_braced(self.reads if reference.strip() == old else reference), literal]
        return "".join(pieces)

    def _added(self, snapshot: Snapshot, pointer: Pointer, below: Pointer) -> Snapshot:
        *above, name = pointer
        try:
            holder: JsonValue = look_up(snapshot.definition, above)
        except LookupError:
            holder = None
        if len(below) != _OF_A_VALUE or not isinstance(holder, dict):
            raise self.refuse(f"{self.path} is not a value of an object in the parameters.")
        if name in holder:
            raise self.refuse(f"something stands at {self.path} already.")
        added = {**holder, name: _braced(self.reads)}
        return snapshot.evolve(definition=put(snapshot.definition, above, added))


#: `with`, the parameter, and the name in its object.
_OF_A_VALUE = 3


def _is_read(below: Pointer) -> bool:
    """Whether this is the way from a step to something that it reads."""
    return (len(below) == 1 and below[0] in _TEXTS) or (len(below) > 1 and below[0] in PARAMETERS)


def _braced(reference: str) -> str:
    return f"{{{{ {reference.strip()} }}}}"


def _root(reference: str) -> str:
    return re.split(r"[.\[]", reference.strip(), maxsplit=1)[0]


FIX = MapInput
