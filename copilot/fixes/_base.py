"""What every fix type has: checked fields, what it changes or does, words for people."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, TypeAlias

from pydantic import BaseModel, ConfigDict

from ..errors import InvalidFix
from ..snapshot import Deed, Snapshot, Standing
from ._reach import Approver, Reach

_CHECKED = ConfigDict(
    frozen=True,
    extra="forbid",
    strict=True,
    allow_inf_nan=False,
    use_attribute_docstrings=True,
    hide_input_in_errors=True,
)


class Change(BaseModel, ABC):
    """A change of a workflow or of what it names, as data that anybody may have written.

    A subclass has a `type` literal equal to its file name, bounds on every string, and says in
    `reach` what it may write. `button` is the text of the button that applies it, `question` how
    a person is asked whether to. `causes` are the root causes it can help against; none named: any.
    """

    model_config = _CHECKED

    reach: ClassVar[Reach]
    button: ClassVar[str]
    causes: ClassVar[frozenset[str]] = frozenset()

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

    @property
    def approver(self) -> Approver:
        """Whose approval this one needs: at least that of its type's reach."""
        return self.reach.approver

    def has_effect(self, snapshot: Snapshot) -> bool:
        """Whether it fits *snapshot* and changes something: only then it is worth offering."""
        try:
            return self.apply(snapshot).digest != snapshot.digest
        except InvalidFix:
            return False

    def refuse(self, problem: str) -> InvalidFix:
        """The error to raise, with this fix's type in it."""
        return InvalidFix(type_of(self), problem)


class Action(BaseModel, ABC):
    """Something that is done instead of a change of a definition. Only the rules offer one.

    A subclass has a `type` literal equal to its file name and bounds on every string. `button` and
    `question` are as those of a change; `inverse` tells what taking it back does, None that nothing
    can be taken back. One that is `by_hand` is handed over: a person does it, and we apply nothing.
    """

    model_config = _CHECKED

    approver: ClassVar[Approver] = "editor"
    button: ClassVar[str]
    inverse: ClassVar[str | None]
    by_hand: ClassVar[bool] = False

    @abstractmethod
    def concerns(self, standing: Standing) -> Standing:
        """The part of *standing* that it goes by: what its approval is bound to."""

    @abstractmethod
    def check(self, standing: Standing) -> None:
        """Raises `InvalidFix` where it could have no effect now."""

    @abstractmethod
    def summary(self, standing: Standing) -> str:
        """One sentence that tells a person what is done, naming the things."""

    @abstractmethod
    def told(self, standing: Standing) -> Sequence[str]:
        """What happens, in sentences: what a person approves, or the steps they take."""

    @abstractmethod
    def deed(self, standing: Standing) -> Deed | None:
        """What is to be done; None where a person does it."""

    @property
    @abstractmethod
    def question(self) -> str:
        """'Would you like me to pause this agent?'"""

    @property
    def execution(self) -> str | None:
        """The run it is about, if it is about one."""
        return None

    def has_effect(self, standing: Standing) -> bool:
        """Whether it could do anything now: only then it is worth offering."""
        try:
            self.check(standing)
        except InvalidFix:
            return False
        return True

    def refuse(self, problem: str) -> InvalidFix:
        """The error to raise, with this fix's type in it."""
        return InvalidFix(type_of(self), problem)


class HandOver(Action):
    """An action that a person carries out elsewhere: we show how, and see whether it is done."""

    inverse: ClassVar[str | None] = None
    by_hand: ClassVar[bool] = True

    def deed(self, standing: Standing) -> None:
        return None

    @abstractmethod
    def is_done(self, standing: Standing) -> bool:
        """Raises `InvalidFix` where what it is about is gone."""

    @abstractmethod
    def found(self, standing: Standing) -> str:
        """One sentence about how it stands: 'Gmail is not connected yet.'"""


Fix: TypeAlias = Change | Action


def type_of(fix: Fix) -> str:
    """The fix's type: the name of its file. (A `type` field here would forbid the literals.)"""
    return str(type(fix).model_fields["type"].default)
