"""Let a step go on with the good rows when some of them are invalid."""

import re
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field, JsonValue

from ..definitions import STEP_LISTS, PlacedStep, look_up, put, root_of, spelled, steps
from ..snapshot import Snapshot
from ._base import Change
from ._reach import STEP, Reach, is_destination, is_protected
from ._text import Name

ACTION = "filter_rows"
Check: TypeAlias = Literal["email", "filled"]
_OPERATORS: dict[Check, str] = {"email": "is_email", "filled": "is_not_empty"}
_LONGEST_ID = 64

Id: TypeAlias = Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]


class SkipInvalid(Change):
    """Put a check before a step: rows that do not pass it are skipped, the others go on.

    The step must take its rows whole from another one, as in `messages: "{{ step2 }}"`.
    """

    reach: ClassVar[Reach] = Reach(
        writes=(
            ("add", "/definition/steps/*"),
            ("add", f"/definition/{STEP}/steps/*"),
            ("add", f"/definition/{STEP}/on_reject/*"),
            ("add", f"/definition/{STEP}/branches/*/steps/*"),
            ("change", f"/definition/{STEP}/with/*"),
            ("change", f"/definition/{STEP}/parameters/*"),
        ),
        new_actions=frozenset({ACTION}),
    )
    button: ClassVar[str] = "Skip Invalid Rows"

    type: Literal["skip_invalid"] = "skip_invalid"
    step: Id
    """Id of the step that fails on an invalid row."""
    parameter: Name
    """The parameter of that step through which its rows come, such as `messages` or `rows`."""
    field: Name
    """The column that has to be valid."""
    check: Check
    """`email`: it holds an e-mail address. `filled`: it is not empty."""

    @property
    def question(self) -> str:
        return "Would you like me to add the skip logic?"

    def apply(self, snapshot: Snapshot) -> Snapshot:
        every = tuple(steps(snapshot.definition))
        step = self._step(every)
        source = self._source(step)
        condition: JsonValue = {"field": self.field, "op": _OPERATORS[self.check]}
        if _is_checked(every, source, condition):
            raise self.refuse("these rows are checked already.")
        own_id = _free_id(f"valid_{self.parameter}", {other.id for other in every})
        check: JsonValue = {
            "id": own_id,
            "name": f"Skip rows {self._flaw}",
            "type": "tool",
            "action": ACTION,
            "with": {"rows": source, "where": [condition]},
        }
        way = (*step.pointer, step.parameters_key, self.parameter)
        changed = put(snapshot.definition, way, f"{{{{ {own_id} }}}}")
        *around, place = step.pointer
        beside = look_up(changed, around)
        if not isinstance(beside, list) or around[-1] not in STEP_LISTS:
            raise self.refuse(f"step {self.step!r} does not stand in a list of steps.")
        listed = [*beside[: int(place)], check, *beside[int(place) :]]
        return snapshot.evolve(definition=put(changed, around, listed))

    def summary(self, snapshot: Snapshot) -> str:
        step = self._step(tuple(steps(snapshot.definition)))
        return (
            f"Before step {step.title!r} a new step skips every row {self._flaw};"
            " the others go on as before."
        )

    @property
    def _flaw(self) -> str:
        if self.check == "email":
            return f"without a valid e-mail address in {self.field!r}"
        return f"in which {self.field!r} is empty"

    def _step(self, every: tuple[PlacedStep, ...]) -> PlacedStep:
        found = [step for step in every if step.id == self.step]
        if not found:
            raise self.refuse(f"this workflow has no step {self.step!r}.")
        if len(found) > 1:
            raise self.refuse(f"this workflow has more than one step {self.step!r}.")
        return found[0]

    def _source(self, step: PlacedStep) -> str:
        """The reference through which the rows come. A message's receivers are no rows."""
        if is_protected((self.parameter,)) or is_destination((self.parameter,)):
            raise self.refuse(f"{self.parameter!r} is not for a fix to change.")
        value = step.parameters.get(self.parameter)
        found = spelled(value) if isinstance(value, str) else None
        is_whole = found is not None and found.literals == ("", "") and root_of(found.references[0])
        if not (is_whole and isinstance(value, str)):
            raise self.refuse(
                f"step {self.step!r} does not take its {self.parameter!r} whole from another step."
            )
        return value


def _is_checked(every: tuple[PlacedStep, ...], source: str, condition: JsonValue) -> bool:
    """Whether *source* is a step of ours that makes this check."""
    root = root_of(spelled(source).references[0])
    return any(
        other.id == root and other.action == ACTION and condition in _conditions(other)
        for other in every
    )


def _conditions(step: PlacedStep) -> list[JsonValue]:
    where = step.parameters.get("where")
    return where if isinstance(where, list) else []


def _free_id(wanted: str, taken: set[str]) -> str:
    """*wanted* as a step id nobody has, numbered from 2 if need be."""
    base = re.sub(r"[^A-Za-z0-9_]+", "_", wanted)[: _LONGEST_ID - 6]
    numbered = (f"{base}_{number}" for number in range(2, len(taken) + 3))
    return base if base not in taken else next(own for own in numbered if own not in taken)


FIX = SkipInvalid
