"""Create the template a workflow asks for and does not find."""

from typing import ClassVar, Literal

from ..definitions import PlacedStep, leaves, spelled, steps
from ..names import words_of
from ..snapshot import Snapshot
from ._base import Change
from ._quotes import is_quoted
from ._reach import Reach
from ._text import Message, Name, Subject, likeness, mixes_scripts, placeholders

ALIASES = ("suggest_template",)

#: Parameters in which a step hands values to its template.
VALUES = ("values", "variables", "data")


class CreateTemplate(Change):
    """Create a message template that this workflow names and the workspace does not have.

    `{name}` in subject and body is a placeholder that the step fills.
    """

    reach: ClassVar[Reach] = Reach(writes=(("add", "/resources/template/*"),))
    button: ClassVar[str] = "Create Template"

    type: Literal["create_template"] = "create_template"
    name: Name
    """The name as the workflow spells it."""
    subject: Subject
    """Subject line; `{name}` stands for a value."""
    body: Message
    """Text of the message; `{name}` stands for a value. No links, no markup."""

    @property
    def placeholders(self) -> tuple[str, ...]:
        """Names of the values it needs."""
        return placeholders(f"{self.subject}\n{self.body}")

    @property
    def question(self) -> str:
        return "Would you like me to create the template for you?"

    def apply(self, snapshot: Snapshot) -> Snapshot:
        if mixes_scripts(self.name):
            raise self.refuse(f"the name {self.name!r} mixes letters of several alphabets.")
        for taken in snapshot.resources.get("template", {}):
            if taken == self.name:
                raise self.refuse(f"the template {taken!r} exists already.")
            if likeness(taken) == likeness(self.name):
                raise self.refuse(f"{self.name!r} looks like the existing template {taken!r}.")
        if not is_asked_for(snapshot, self.name):
            raise self.refuse(f"nothing in this workflow asks for a template {self.name!r}.")
        content = {"subject": self.subject, "body": self.body}
        return snapshot.evolve(resource=("template", self.name, content))

    def summary(self, snapshot: Snapshot) -> str:
        names = self.placeholders
        filled = ", filled with " + ", ".join(names) if names else ", without placeholders"
        return f"The template {self.name!r} is created{filled}."


def is_asked_for(snapshot: Snapshot, name: str) -> bool:
    """Whether the workflow spells out *name*, or picks its template only while it runs."""
    instructions = snapshot.definition.get("instructions")
    if isinstance(instructions, str) and is_quoted(instructions, name):
        return True
    return any(_asks(step, name) for step in steps(snapshot.definition))


def _asks(step: PlacedStep, name: str) -> bool:
    prompt = step.data.get("prompt")
    if isinstance(prompt, str) and is_quoted(prompt, name):
        return True
    return any(
        _names_template(pointer) and (value == name or _is_reference(value))
        for pointer, value in leaves(dict(step.parameters))
    )


def _names_template(pointer: tuple[str, ...]) -> bool:
    return any("template" in words_of(part) for part in pointer)


def _is_reference(value: object) -> bool:
    return isinstance(value, str) and bool(spelled(value).references)


FIX = CreateTemplate
