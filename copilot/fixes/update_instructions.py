"""Tell the workflow's agents what to do about it: a line more, or another name."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from ..definitions import steps
from ..snapshot import ResourceKind, Snapshot
from ._base import Change
from ._quotes import swap_quoted
from ._reach import Reach
from ._text import Name, Paragraph

LONGEST_INSTRUCTIONS = 100_000
#: An integration is an account somebody acts with: never to be swapped in passing.
_NAMEABLE: tuple[ResourceKind, ...] = ("template", "custom_field", "document")


class UpdateInstructions(Change):
    """Change the instructions that the workflow's agents follow.

    Either `add` a paragraph ("If the template 'X' is missing, use 'Y'."), or put the existing name
    `new` wherever `old` stands in quotes.
    """

    reach: ClassVar[Reach] = Reach(
        writes=(("change", "/definition/instructions"), ("add", "/definition/instructions"))
    )
    button: ClassVar[str] = "Update Instructions"

    type: Literal["update_instructions"] = "update_instructions"
    add: Paragraph | None = None
    """A paragraph to put at the end, in plain words, without links or template syntax."""
    old: Name | None = None
    """A name that stands in quotes in the instructions."""
    new: Name | None = None
    """The name of a template, field or document of this workspace to put there."""

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        swaps = self.old is not None and self.new is not None
        half = (self.old is None) != (self.new is None)
        if half or swaps == (self.add is not None):
            raise ValueError("give either `add`, or both `old` and `new`")
        return self

    @property
    def question(self) -> str:
        return "Would you like me to update the instructions for you?"

    def apply(self, snapshot: Snapshot) -> Snapshot:
        if not any(step.type == "agent" for step in steps(snapshot.definition)):
            raise self.refuse("no step of this workflow reads the instructions.")
        current = snapshot.definition.get("instructions", "")
        if not isinstance(current, str):
            raise self.refuse("the instructions of this workflow are not text.")
        text = self._with_line(current) if self.add else self._with_name(current, snapshot)
        if len(text) > LONGEST_INSTRUCTIONS:
            raise self.refuse("the instructions would become too long.")
        return snapshot.evolve(definition={**snapshot.definition, "instructions": text})

    def summary(self, snapshot: Snapshot) -> str:
        if self.add is not None:
            return f'The instructions get one more paragraph: "{self.add.strip()}"'
        return f"In the instructions, the name '{self.new}' takes the place of '{self.old}'."

    def _with_line(self, current: str) -> str:
        line = (self.add or "").strip()
        if line in current:
            raise self.refuse("the instructions say so already.")
        return f"{current.rstrip()}\n{line}\n" if current.strip() else f"{line}\n"

    def _with_name(self, current: str, snapshot: Snapshot) -> str:
        old, new = self.old or "", self.new or ""
        if not any(new in snapshot.resources.get(kind, {}) for kind in _NAMEABLE):
            raise self.refuse(f"this workspace has no template, field or document {new!r}.")
        if old == new:
            raise self.refuse("the new name is the old one.")
        changed, count = swap_quoted(current, old, new)
        if not count:
            raise self.refuse(f"the instructions do not name {old!r} in quotes.")
        return changed


FIX = UpdateInstructions
