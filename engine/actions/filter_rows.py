"""Keeps the rows that meet conditions."""

import operator
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, TypeAlias, cast

from pydantic import BaseModel, ConfigDict, Field

from ..definition.expressions import as_text
from ..definition.suggestions import did_you_mean, near
from ..errors import FieldNotFound, InvalidData
from . import ActionContext
from ._address import read_address

repeatable = True
effect = "computes"

Operator: TypeAlias = Literal[
    "equals", "not_equals", "contains", "not_contains", "starts_with", "ends_with", "in", "not_in",
    "greater_than", "at_least", "less_than", "at_most", "is_empty", "is_not_empty",
    "is_email",
]  # fmt: skip


class Condition(BaseModel):
    model_config = ConfigDict(extra="forbid")

    field: str = Field(min_length=1)
    op: Operator = "equals"
    value: Any = None
    ignore_case: bool = Field(default=False, description="Whether capitals in texts don't count.")


class Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid")

    rows: list[dict[str, Any]]
    where: list[Condition] = Field(min_length=1, max_length=50)
    match: Literal["all", "any"] = "all"


async def run(parameters: Parameters, context: ActionContext) -> list[dict[str, Any]]:
    """The rows for which all (or any) of the conditions hold, unchanged and in order.

    A number and a text that reads as one are compared as numbers, a date and a text in ISO form as
    dates. Raises `FieldNotFound` for a field no row has, and `InvalidData` for values that have no
    order between them.
    """
    rows = parameters.rows
    _check_fields(rows, parameters.where)
    combine = all if parameters.match == "all" else any
    return [
        row
        for number, row in enumerate(rows, start=1)
        if combine(_holds(condition, row, number) for condition in parameters.where)
    ]


def _check_fields(rows: list[dict[str, Any]], where: list[Condition]) -> None:
    known = list(dict.fromkeys(name for row in rows for name in row))
    for condition in where:
        if rows and condition.field not in known:
            alike = near(condition.field, known)
            raise FieldNotFound(
                f"Field {condition.field!r} not found"
                + ("." + did_you_mean(alike) if alike else ""),
                name=condition.field,
                available=known,
                near=alike,
            )


def _holds(condition: Condition, row: dict[str, Any], number: int) -> bool:
    actual = row.get(condition.field)
    if condition.op in _ORDERINGS:
        left, right = _comparable(actual, condition, number)
        return left is not None and _ORDERINGS[condition.op](left, right)
    return _TESTS[condition.op](_folded(actual, condition), _folded(condition.value, condition))


def _folded(value: Any, condition: Condition) -> Any:
    if condition.ignore_case and isinstance(value, str):
        return value.casefold()
    if condition.ignore_case and isinstance(value, list):
        return [_folded(item, condition) for item in cast("list[Any]", value)]
    return value


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _is_email(value: Any) -> bool:
    """Whether `send_email` would take it: an address, or a list of nothing but addresses."""
    listed = cast("list[Any]", value) if isinstance(value, list) else [value]
    try:
        for address in listed:
            read_address(as_text(address))
    except InvalidData:
        return False
    return bool(listed)


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    pair = _as_pair(left, right)
    return left == right if pair is None else pair[0] == pair[1]


def _contains(container: Any, item: Any) -> bool:
    if isinstance(container, list | tuple):
        return any(_same(one, item) for one in cast("list[Any]", container))
    return as_text(item) in as_text(container)


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "equals": _same,
    "not_equals": lambda left, right: not _same(left, right),
    "contains": _contains,
    "not_contains": lambda left, right: not _contains(left, right),
    "starts_with": lambda left, right: as_text(left).startswith(as_text(right)),
    "ends_with": lambda left, right: as_text(left).endswith(as_text(right)),
    "in": lambda left, right: _contains(right, left),
    "not_in": lambda left, right: not _contains(right, left),
    "is_empty": lambda left, _: _is_empty(left),
    "is_not_empty": lambda left, _: not _is_empty(left),
    "is_email": lambda left, _: _is_email(left),
}
_ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "greater_than": operator.gt,
    "at_least": operator.ge,
    "less_than": operator.lt,
    "at_most": operator.le,
}


def _comparable(actual: Any, condition: Condition, number: int) -> tuple[Any, Any]:
    """Both sides in one form with an order; (None, …) for an empty cell, which meets no order."""
    if _is_empty(actual):
        return None, None
    pair = _as_pair(actual, condition.value)
    if pair is None:
        raise InvalidData(
            f"Row {number}: {as_text(actual)[:60]!r} in {condition.field} can't be compared with "
            f"{as_text(condition.value)[:60]!r}",
            kind="comparison",
            field=condition.field,
            value=as_text(actual)[:200],
            row=number,
        )
    return pair


def _as_pair(left: Any, right: Any) -> tuple[Any, Any] | None:
    """Both as numbers, or both as moments, or None."""
    for read in (_number, _moment):
        first, second = read(left), read(right)
        if first is not None and second is not None:
            return first, second
    return None


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    try:
        number = Decimal(value.strip() if isinstance(value, str) else str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _moment(value: Any) -> datetime | None:
    """A date as its first minute; without a zone it is taken as it stands, as sheets do."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    return datetime.combine(value, time()) if isinstance(value, date) else None
