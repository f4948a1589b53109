"""The output fits a JSON Schema (2020-12). References lead inside the schema only."""

from collections.abc import Iterator
from contextvars import ContextVar
from functools import lru_cache
from itertools import islice
from typing import Any, cast

from jsonschema import Draft202012Validator, SchemaError, ValidationError, validators
from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator
from referencing import Registry
from referencing.exceptions import Unresolvable

from ._patterns import compiled, found

MOST_NAMED = 5
MOST_REFERENCES = 20_000  # a small schema can follow its references without end
_LONGEST = 300
_followed: ContextVar[int] = ContextVar("followed", default=0)


class Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    # `schema` would hide a method of the model.
    wanted: dict[str, JsonValue] = Field(alias="schema")

    @field_validator("wanted")
    @classmethod
    def _usable(cls, wanted: dict[str, JsonValue]) -> dict[str, JsonValue]:
        try:
            _kind().check_schema(wanted)
        except SchemaError as error:
            place = "/".join(map(str, error.absolute_path))
            raise ValueError(f"no JSON Schema at /{place}: {error.message[:_LONGEST]}") from error
        _check_patterns(wanted)
        return wanted


class _Endless(Exception):
    """The schema's references lead on and on."""


def problem(output: Any, parameters: Parameters) -> str | None:
    """The first five places that don't fit."""
    validator = _kind()(parameters.wanted, registry=cast("Any", Registry)())
    token = _followed.set(0)
    try:
        found_here: Iterator[Any] = validator.iter_errors(_plain(output))
        errors: list[Any] = list(islice(found_here, MOST_NAMED + 1))
    except Unresolvable as error:
        return f"the schema's reference {error.ref!r} leads nowhere"
    except (RecursionError, _Endless):
        return "the schema follows its own references without end"
    finally:
        _followed.reset(token)
    if not errors:
        return None
    named = "; ".join(_spelled(error) for error in errors[:MOST_NAMED])
    return named + ("; and more" if len(errors) > MOST_NAMED else "")


def _spelled(error: Any) -> str:
    place = "/".join(map(str, error.absolute_path))
    return f"{f'/{place}: ' if place else ''}{error.message[:_LONGEST]}"


@lru_cache(maxsize=1)
def _kind() -> Any:
    """The standard's validator, without what could take for ever."""
    standard = cast("Any", Draft202012Validator).VALIDATORS
    bounded = {name: _bounded(standard[name]) for name in ("$ref", "$dynamicRef")}
    changed = {"pattern": _pattern, **bounded}
    return cast("Any", validators).extend(Draft202012Validator, changed)


def _bounded(follow: Any) -> Any:
    def following(validator: Any, target: Any, instance: Any, schema: Any) -> Iterator[Any]:
        _followed.set(_followed.get() + 1)
        if _followed.get() > MOST_REFERENCES:
            raise _Endless
        yield from follow(validator, target, instance, schema)

    return following


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[Any]:
    if isinstance(instance, str) and not found(pattern, instance):
        yield ValidationError(f"{instance[:_LONGEST]!r} does not match {pattern!r}")


def _check_patterns(schema: Any) -> None:
    """Everything that stands where a pattern does can be searched for; raises ValueError."""
    if isinstance(schema, list):
        for item in cast("list[Any]", schema):
            _check_patterns(item)
    elif isinstance(schema, dict):
        for key, value in cast("dict[str, Any]", schema).items():
            if key == "pattern" and isinstance(value, str):
                compiled(value)
            if key == "patternProperties":
                raise ValueError("patternProperties can't be used; name the properties")
            _check_patterns(value)


def _plain(output: Any) -> Any:
    """Tuples as lists; what JSON has no form for stays, and fits no type."""
    if isinstance(output, list | tuple):
        return [_plain(item) for item in cast("list[Any]", output)]
    if isinstance(output, dict):
        return {key: _plain(item) for key, item in cast("dict[Any, Any]", output).items()}
    return output
