"""What the copilot may change or do. Add a type: a file here with a `Change` or `Action` called FIX.

The file name is the type. A change says in its `reach` what it may write; `pipeline/validate.py`
checks that from outside, so that a mistake in `apply` can't go further. An action says what it
does and what takes it back.
"""

import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, TypeVar, cast

from pydantic import BaseModel, BeforeValidator, JsonValue, SerializeAsAny, ValidationError

from ..errors import InvalidFix
from ..registry import aliases, discover, pick
from ._base import Action, Change, Fix, HandOver, type_of
from ._ceilings import Asked, Ceilings, asked_by
from ._quotes import is_quoted
from ._reach import Approver, Difference, Reach, differences
from ._rises import number_of, shown_number

__all__ = [
    "ACTIONS",
    "ALIASES",
    "FIXES",
    "Action",
    "AnyFix",
    "Approver",
    "Asked",
    "Ceilings",
    "Change",
    "Difference",
    "Fix",
    "HandOver",
    "Reach",
    "asked_by",
    "differences",
    "is_quoted",
    "json_schema",
    "number_of",
    "parse",
    "parse_action",
    "parse_any",
    "shown_number",
    "type_of",
]

_modules = discover(sys.modules[__name__])


def _of_kind(kind: type[Any]) -> Mapping[str, Any]:
    found = {name: module.FIX for name, module in _modules.items()}
    return MappingProxyType({name: one for name, one in found.items() if issubclass(one, kind)})


#: The changes: all that a model may propose.
FIXES: Mapping[str, type[Change]] = _of_kind(Change)
#: What is done instead of a change: offered by the rules alone, where the facts speak for it.
ACTIONS: Mapping[str, type[Action]] = _of_kind(Action)
#: Older names of fix types that are still understood, with the type they stand for.
ALIASES: Mapping[str, str] = aliases(_modules)


def parse(data: object) -> Change:
    """One change from plain data, checked strictly; a change is returned as it is.

    Raises `UnknownName` for a type nobody registered, actions among them, and `InvalidFix` for
    anything that does not fit the type: missing, unknown, too long or wrongly typed fields, and
    text it may not write.
    """
    return data if isinstance(data, Change) else _parse(data, FIXES)


def parse_action(data: object) -> Action:
    """One action, as `parse` does it."""
    return data if isinstance(data, Action) else _parse(data, ACTIONS)


def parse_any(data: object) -> Fix:
    """One change or action, as `parse` does it: for what the rules offer and what is stored."""
    return data if isinstance(data, Change | Action) else _parse(data, {**FIXES, **ACTIONS})


_AnyType = TypeVar("_AnyType", bound=BaseModel)


def _parse(data: object, types: Mapping[str, type[_AnyType]]) -> _AnyType:
    if not isinstance(data, Mapping):
        raise InvalidFix("?", "it is not an object with a type.")
    fields = cast("Mapping[str, JsonValue]", data)
    named = fields.get("type")
    if not isinstance(named, str):
        raise InvalidFix("?", "it has no type.")
    name = ALIASES.get(named, named)
    model = pick(types, name[:100], kind="fix type")
    try:
        return model.model_validate({**fields, "type": name})
    except ValidationError as error:
        raise InvalidFix(name, _first_problem(error)) from None


def _first_problem(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    place = ".".join(str(part) for part in found[0]["loc"][:1])
    message = found[0]["msg"].removeprefix("Value error, ")
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{place[:60]}: {message}{more}." if place else f"{message}{more}."


#: A field of this type holds any fix and keeps all its fields when it is written out.
AnyFix = Annotated[SerializeAsAny[Fix], BeforeValidator(parse_any)]


def json_schema() -> dict[str, Any]:
    """What one change looks like, as JSON Schema: any of the types."""
    return {"anyOf": [model.model_json_schema() for model in FIXES.values()]}
