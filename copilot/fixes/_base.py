"""What every fix type has: fields a model may fill, a reach, a pure change, words for people."""

from abc import ABC, abstractmethod
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from ..errors import InvalidFix
from ..snapshot import Snapshot
from ._reach import Reach


class Change(BaseModel, ABC):
    """A change of a workflow or of what it names, as data that anybody may have written.

    A subclass has a `type` literal equal to its file name, bounds on every string, and says in
    `reach` what it may write. `button` is the text of the button that applies it, `question` how
    a person is asked whether to.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )

    reach: ClassVar[Reach]
    button: ClassVar[str]

    @abstractmethod
    def apply(self, snapshot: Snapshot) -> Snapshot:
        """*snapshot* changed; the one given stays as it is.

        Raises `InvalidFix` when it does not fit this snapshot or would have no effect there.
        """

    @abstractmethod
    def summary(self, snapshot: Snapshot) -> str:
        """One sentence that tells a person what would change, naming the things."""

    @property
    @abstractmethod
    def question(self) -> str:
        """'Would you like me to create the template for you?'"""

    def has_effect(self, snapshot: Snapshot) -> bool:
        """Whether it fits *snapshot* and changes something: only then it is worth offering."""
        try:
            return self.apply(snapshot).digest != snapshot.digest
        except InvalidFix:
            return False

    def refuse(self, problem: str) -> InvalidFix:
        """The error to raise, with this fix's type in it."""
        return InvalidFix(type_of(self), problem)


def type_of(fix: Change) -> str:
    """The fix's type: the name of its file. (A `type` field here would forbid the literals.)"""
    return str(type(fix).model_fields["type"].default)
