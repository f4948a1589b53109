"""What the copilot may change. Add a type: a file here with a `Change` subclass called FIX.

The file name is the type. A type says in its `reach` what it may write; `pipeline/validate.py`
checks that from outside, so that a mistake in `apply` can't go further.
"""

import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, TypeAlias, cast

from pydantic import BeforeValidator, JsonValue, SerializeAsAny, ValidationError

from ..errors import InvalidFix
from ..registry import aliases, discover, pick
from ._base import Change, type_of
from ._reach import Approver, Difference, Reach, differences

__all__ = [
    "ALIASES",
    "FIXES",
    "AnyFix",
    "Approver",
    "Change",
    "Difference",
    "Fix",
    "Reach",
    "differences",
    "json_schema",
    "parse",
    "type_of",
]

#: Every fix is a change so far; one that does something instead (connect, pause) will join here.
Fix: TypeAlias = Change

_modules = discover(sys.modules[__name__])

FIXES: Mapping[str, type[Fix]] = MappingProxyType(
    {name: cast("type[Fix]", module.FIX) for name, module in _modules.items()}
)
#: Older names of fix types that are still understood, with the type they stand for.
ALIASES: Mapping[str, str] = aliases(_modules)


def parse(data: object) -> Fix:
    """One fix from plain data, checked strictly; a fix is returned as it is.

    Raises `UnknownName` for a type nobody registered and `InvalidFix` for anything that does not
    fit the type: missing, unknown, too long or wrongly typed fields, and text it may not write.
    """
    if isinstance(data, Change):
        return data
    if not isinstance(data, Mapping):
        raise InvalidFix("?", "it is not an object with a type.")
    fields = cast("Mapping[str, JsonValue]", data)
    named = fields.get("type")
    if not isinstance(named, str):
        raise InvalidFix("?", "it has no type.")
    name = ALIASES.get(named, named)
    model = pick(FIXES, name[:100], kind="fix type")
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
AnyFix = Annotated[SerializeAsAny[Fix], BeforeValidator(parse)]


def json_schema() -> dict[str, Any]:
    """What one fix looks like, as JSON Schema: any of the types."""
    return {"anyOf": [model.model_json_schema() for model in FIXES.values()]}
