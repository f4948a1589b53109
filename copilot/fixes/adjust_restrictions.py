"""Draw a restriction of the workflow tighter, or let it use one more of the workspace's integrations."""

from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, JsonValue, model_validator

from ..definitions import steps
from ..names import words_of
from ..snapshot import Snapshot
from ._base import Change
from ._reach import Reach, is_protected
from ._text import Name

#: Words of a number that bounds from above: to lower it is always to tighten.
_CEILING = frozenset({"max", "maximum", "most", "limit"})
#: Words of a list that names all there may be, and of one that names what there may not be.
_ALLOWING = frozenset({"allowed", "permitted"})
_FORBIDDING = frozenset({"blocked", "forbidden", "excluded"})
_OPENED = frozenset({"restriction", "restrictions", "integration", "integrations"})
_MOST_ITEMS = 200

Amount: TypeAlias = Annotated[int, Field(ge=1, le=2**53)]


class AdjustRestrictions(Change):
    """Change one restriction that is there already.

    A number that bounds from above (`max_contacts_per_run`) can only be lowered. From a list of
    what is allowed an item can be taken, to a list of what is forbidden one can be added. The one
    loosening there is: `allowed_integrations` can get an integration that is connected here. The
    restrictions are the owner's, so an owner approves.
    """

    reach: ClassVar[Reach] = Reach(
        writes=(("change", "/definition/restrictions/*"),), approver="owner", opens=_OPENED
    )
    button: ClassVar[str] = "Adjust Restrictions"

    type: Literal["adjust_restrictions"] = "adjust_restrictions"
    name: Name
    """Name of the restriction, such as `max_contacts_per_run` or `allowed_integrations`."""
    old: Amount | None = None
    """The number that stands there now, exactly."""
    value: Amount | None = None
    """The lower number to put there."""
    add: Name | None = None
    """An item to put at the end of the list."""
    remove: Name | None = None
    """An item to take from the list."""

    @model_validator(mode="after")
    def _is_one_of_three(self) -> Self:
        half = (self.old is None) != (self.value is None)
        given = (self.value is not None, self.add is not None, self.remove is not None)
        if half or sum(given) != 1:
            raise ValueError("give either `old` and `value`, or `add`, or `remove`")
        return self

    @property
    def question(self) -> str:
        if self.value is not None:
            return f"Would you like me to lower '{self.name}' to {self.value} for you?"
        return "Would you like me to adjust the restrictions for you?"

    def apply(self, snapshot: Snapshot) -> Snapshot:
        if is_protected((self.name,), opened=_OPENED):
            raise self.refuse(f"{self.name!r} is not for a fix to change.")
        if not any(step.type == "agent" for step in steps(snapshot.definition)):
            raise self.refuse("no step of this workflow reads the restrictions.")
        restrictions = snapshot.definition.get("restrictions")
        if not isinstance(restrictions, dict) or self.name not in restrictions:
            raise self.refuse(f"this workflow has no restriction {self.name!r}.")
        changed = self._changed(restrictions[self.name], snapshot)
        return snapshot.evolve(
            definition={
                **snapshot.definition,
                "restrictions": {**restrictions, self.name: changed},
            }
        )

    def summary(self, snapshot: Snapshot) -> str:
        if self.value is not None:
            return f"The restriction {self.name!r} goes down from {self.old} to {self.value}."
        if self.add is not None:
            return f"{self.add!r} is added to the restriction {self.name!r}."
        return f"{self.remove!r} is taken from the restriction {self.name!r}."

    def _changed(self, current: JsonValue, snapshot: Snapshot) -> JsonValue:
        if self.value is not None:
            return self._lowered(current, self.value)
        if not isinstance(current, list):
            raise self.refuse(f"{self.name!r} is not a list.")
        if self.add is not None:
            return self._with_item(current, self.add, snapshot)
        return self._without_item(current)

    def _lowered(self, current: JsonValue, value: int) -> int:
        if type(current) is not int or current != self.old:
            raise self.refuse(f"{self.name!r} is not {self.old} any more.")
        if not self._is(_CEILING):
            raise self.refuse(f"{self.name!r} is no upper limit.")
        if value >= current:
            raise self.refuse("a limit can only be lowered.")
        return value

    def _with_item(self, current: list[JsonValue], item: str, snapshot: Snapshot) -> JsonValue:
        if item in current or len(current) >= _MOST_ITEMS:
            raise self.refuse(f"{self.name!r} has {item!r} already, or is full.")
        if not self._is(_FORBIDDING) and not self._allows_integration(item, snapshot):
            raise self.refuse(f"{item!r} can't be added to {self.name!r}.")
        return [*current, item]

    def _without_item(self, current: list[JsonValue]) -> JsonValue:
        if self.remove not in current:
            raise self.refuse(f"{self.name!r} does not have {self.remove!r}.")
        if not self._is(_ALLOWING) or len(current) == 1:
            raise self.refuse(f"{self.remove!r} can't be taken from {self.name!r}.")
        return [one for one in current if one != self.remove]

    def _allows_integration(self, item: str, snapshot: Snapshot) -> bool:
        connected = snapshot.resources.get("integration", {}).get(item, {}).get("connected")
        about = {"integration", "integrations"}.intersection(words_of(self.name))
        return self._is(_ALLOWING) and bool(about) and connected is True

    def _is(self, kind: frozenset[str]) -> bool:
        words = kind.intersection(words_of(self.name))
        other = (_ALLOWING | _FORBIDDING | _CEILING) - kind
        return bool(words) and other.isdisjoint(words_of(self.name))


FIX = AdjustRestrictions
