"""Create the custom field a workflow asks for and does not find."""

import re
from typing import ClassVar, Literal

from ..definitions import PlacedStep, leaves, steps
from ..names import words_of
from ..snapshot import Snapshot
from ._base import Change
from ._quotes import is_quoted
from ._reach import Reach
from ._text import Name, likeness, mixes_scripts

_KEY = re.compile(r"[^\W\d_][\w .-]{0,99}")


class CreateField(Change):
    """Create a custom field that this workflow names and the workspace does not have."""

    reach: ClassVar[Reach] = Reach(writes=(("add", "/resources/custom_field/*"),))
    button: ClassVar[str] = "Create Field"

    type: Literal["create_field"] = "create_field"
    name: Name
    """The name as the workflow spells it."""
    label: Name
    """What people read: 'Lead score' for `leadScore`."""
    holds: Literal["text", "number", "date"] = "text"
    """What its values are."""

    @property
    def question(self) -> str:
        return f"Would you like me to create the field '{self.name}' for you?"

    def apply(self, snapshot: Snapshot) -> Snapshot:
        if _KEY.fullmatch(self.name) is None or mixes_scripts(self.name):
            raise self.refuse(f"{self.name!r} is no name for a field.")
        for taken in snapshot.resources.get("custom_field", {}):
            if likeness(taken) == likeness(self.name):
                raise self.refuse(f"the field {taken!r} exists already.")
        if not is_asked_for(snapshot, self.name):
            raise self.refuse(f"nothing in this workflow asks for a field {self.name!r}.")
        content = {"label": self.label, "type": self.holds}
        return snapshot.evolve(resource=("custom_field", self.name, content))

    def summary(self, snapshot: Snapshot) -> str:
        return f"The custom field {self.name!r} is created; it holds a {self.holds}."


def is_asked_for(snapshot: Snapshot, name: str) -> bool:
    """Whether the workflow spells out *name* as a field."""
    instructions = snapshot.definition.get("instructions")
    if isinstance(instructions, str) and is_quoted(instructions, name):
        return True
    return any(_asks(step, name) for step in steps(snapshot.definition))


def _asks(step: PlacedStep, name: str) -> bool:
    prompt = step.data.get("prompt")
    if isinstance(prompt, str) and is_quoted(prompt, name):
        return True
    return any(
        value == name and any({"field", "fields"}.intersection(words_of(part)) for part in pointer)
        for pointer, value in leaves(dict(step.parameters))
    )


FIX = CreateField
