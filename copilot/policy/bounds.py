"""What a setting can be set to, as facts for a form, as a check, and in words."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any, TypeAlias, cast
from urllib.parse import urljoin

from pydantic import JsonValue, ValidationError

from ..errors import InvalidInput, UnknownName
from ..names import candidates
from .fix_types import listed
from .forms import OWN_WORDS
from .settings import ALONE, PATTERN, Direction, Policy

Value: TypeAlias = int | float | Decimal | bool | str | None

_DEFAULT = "default"
_YES, _NO = frozenset({"true", "yes", "on"}), frozenset({"false", "no", "off"})
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?")
_TYPES = {"integer": "integer", "number": "number", "boolean": "boolean", "string": "text"}
_SMALLEST_STEP = Decimal("0.0001")
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Bounds:
    """One setting as it is declared.

    minimum and maximum: the least and most that is accepted; `above` is a minimum that is not.
    unset: the least and the most that counts while the value is None. opens: the value is an
    address that whoever knows it can use.
    """

    name: str
    description: str
    type: str
    unit: str | None
    loosens: Direction | None
    fixed: bool
    form: str | None
    opens: bool
    nullable: bool
    money: bool
    minimum: float | None
    above: float | None
    maximum: float | None
    unset: tuple[float, float]
    choices: tuple[str, ...]

    def check(self, value: object) -> Value:
        """*value* as the policy has it. Raises InvalidInput with the bounds in words."""
        try:
            checked = Policy.model_validate(
                {self.name: self._exact(value)}, strict=True, context=ALONE
            )
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            if first["type"] == OWN_WORDS:
                raise InvalidInput(self.name, first["msg"], "") from None
            if first["type"] == "decimal_max_places":
                raise InvalidInput(self.name, "must have at most 4 decimals.", "") from None
            raise InvalidInput(self.name, f"must be {self.words}.", "") from None
        return cast(Value, getattr(checked, self.name))

    def told(self, value: Value) -> JsonValue:
        """The value for those who must not use it: 'https://hooks.example.com/… (1f3a09bc)'.

        The digest tells two of them apart.
        """
        if not self.opens or not value:
            return shown(value)
        digest = hashlib.sha256(str(value).encode()).hexdigest()[:8]
        return f"{urljoin(str(value), '/')}… ({digest})"

    @property
    def words(self) -> str:
        """'a whole number from 2 to 100 (runs)'."""
        if self.form is not None:
            return self.form
        if self.choices:
            return f"{', '.join(self.choices[:-1])} or {self.choices[-1]}"
        if self.type == "boolean":
            return "true or false"
        unit = f" ({self.unit})" if self.unit else ""
        if self.above is not None:
            return f"more than {_plain(self.above)} and at most {_plain(self.maximum)}{unit}"
        kind = "a whole number" if self.type == "integer" else "a number"
        return f"{kind} from {_plain(self.minimum)} to {_plain(self.maximum)}{unit}"

    @property
    def loosens_in_words(self) -> str | None:
        removing = " or removing" if self.nullable else ""
        match self.loosens:
            case None:
                return None
            case "up" if self.type == "boolean":
                return "turning it on"
            case "down" if self.type == "boolean":
                return "turning it off"
            case "up" if self.choices:
                return f"choosing {' or '.join(self.choices[1:])}"
            case "up":
                return f"raising{removing} it"
            case "down":
                return f"lowering{removing} it"
            case "fewer":
                return "taking one out"
            case "any":
                return "any change"

    def is_looser(self, new: Value, old: Value) -> bool:
        """Whether going from *old* to *new* gives away safety; in doubt it does."""
        if self.loosens is None or new == old:
            return False
        match self.loosens:
            case "up":
                return self._most(new) > self._least(old)
            case "down":
                return self._least(new) < self._most(old)
            case "fewer":
                return not listed(str(old)) <= listed(str(new))
            case "any":
                return True

    def can_tighten(self, current: Value) -> bool:
        """Whether there is a change from *current* that gives nothing away."""
        match self.loosens:
            case None:
                return True
            case "up":
                least = 0 if self.type in ("boolean", "choice") else self.minimum
                return least is not None and self._least(current) > least
            case "down":
                most = 1 if self.type == "boolean" else self.maximum
                return most is not None and self._most(current) < most
            case "fewer":
                return True
            case "any":
                return False

    def _exact(self, value: object) -> object:
        """Money from a number without what binary fractions add to it."""
        if not self.money or isinstance(value, bool) or not isinstance(value, int | float):
            return value
        return Decimal(value) if isinstance(value, int) else Decimal(str(value))

    def _least(self, value: Value) -> float | Decimal:
        if self.choices:  # they are declared from the tightest on
            return self.choices.index(cast(str, value))
        return self.unset[0] if value is None else cast(Decimal, value)

    def _most(self, value: Value) -> float | Decimal:
        if self.choices:
            return self.choices.index(cast(str, value))
        return self.unset[1] if value is None else cast(Decimal, value)


def bounds_of(name: str) -> Bounds:
    """Raises UnknownName with the close matches."""
    try:
        return BOUNDS[name]
    except KeyError:
        near = candidates(name, BOUNDS)
        raise UnknownName("setting", name[:_LONGEST_NAME], near or tuple(BOUNDS)) from None


def parse_setting(name: str, text: str) -> JsonValue:
    """The value that somebody typed for a setting; 'default' gives None, which resets it.

    Raises UnknownName, and InvalidInput for a text that is nothing of the setting's type. Whether
    it is in bounds is for the workspace's policies to say.
    """
    bounds, text = bounds_of(name), text.strip()
    if text == _DEFAULT:
        return None
    if bounds.type in ("text", "choice"):
        return text
    if bounds.type == "boolean" and text.lower() in _YES | _NO:
        return text.lower() in _YES
    if bounds.type == "integer" and _INTEGER.fullmatch(text):
        return int(text)
    if bounds.type == "number" and _NUMBER.fullmatch(text):
        return shown(Decimal(text))
    raise InvalidInput(name, f"must be {bounds.words}.", "")


def shown(value: Value) -> JsonValue:
    """The value as JSON has it; money has few enough digits for a number to hold it exactly."""
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == value.to_integral_value() else float(value)


def checked_policy(values: Mapping[str, object], *, base: Policy | None = None) -> Policy:
    """*base*, or the defaults, with other *values*. Raises InvalidInput and UnknownName."""
    checked = {name: bounds_of(name).check(value) for name, value in values.items()}
    merged = dict(base or Policy()) | checked
    try:
        return Policy.model_validate(merged)
    except ValidationError:  # each is fine, but not together
        least, most = PATTERN
        problem = f"must be at most {most}: {merged[least]} is above {merged[most]}."
        raise InvalidInput(least, problem, "Change both at once.") from None


def _plain(number: float | None) -> str:
    return "" if number is None else str(shown(Decimal(str(number))))


def _declared(name: str, schema: Mapping[str, Any]) -> Bounds:
    options: list[Mapping[str, Any]] = schema.get("anyOf", [schema])
    main = options[0]
    above = main.get("exclusiveMinimum")
    minimum = main.get("minimum") if above is None else float(Decimal(above) + _SMALLEST_STEP)
    endless = (float("inf"), float("inf"))
    return Bounds(
        name=name,
        description=schema["description"],
        type="choice" if "enum" in main else _TYPES[main["type"]],
        unit=schema["unit"],
        loosens=schema["loosens"],
        fixed=schema["fixed"],
        form=schema["form"],
        opens=schema["opens"],
        nullable={"type": "null"} in options,
        money=main["type"] == "number" and len(options) > 1,
        minimum=minimum,
        above=above,
        maximum=main.get("maximum"),
        unset=tuple(schema["unset"]) if schema["unset"] else endless,
        choices=tuple(main.get("enum", ())),
    )


BOUNDS: Mapping[str, Bounds] = MappingProxyType(
    {
        name: _declared(name, schema)
        for name, schema in Policy.model_json_schema()["properties"].items()
    }
)
