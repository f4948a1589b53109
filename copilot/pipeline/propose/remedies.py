"""One remedy of a model's answer: as a fix where it can be read strictly, else in words."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias, cast

from pydantic import JsonValue

from ...errors import InvalidFix
from ...fixes import ALIASES, FIXES, Change, parse
from ...types.proposal import IN_WORDS, ProposedFix
from .decoding import NotStrict, decode
from .wire import ModelFix, ModelParameter

#: How the redactor writes what it has taken out: `[[email:2]]`, in what is stored `[[email]]`.
PLACEHOLDER = re.compile(r"\[\[(?:[\w.-]{1,64}:[0-9]{1,9}|[a-z][a-z0-9_-]{0,63})\]\]")
#: Fields that name what stands there already, for it to be replaced or taken away.
_NAMING = frozenset({"old", "remove"})

_Kinds: TypeAlias = frozenset[str]
_TEXT_ALONE: _Kinds = frozenset({"string"})


@dataclass(frozen=True, slots=True)
class Restorer:
    """Puts back what was masked reversibly: only whole placeholders that were really given out."""

    restored: Mapping[str, str]

    def text(self, text: str) -> str:
        return PLACEHOLDER.sub(lambda found: self.restored.get(found[0], found[0]), text)


def remedy(given: ModelFix, restorer: Restorer) -> ProposedFix:
    """*given* with its fix; without one when it is meant in words or can't be read as a fix."""
    return ProposedFix(
        description=restorer.text(given.description),
        tier=given.tier,
        fix=None if given.type == IN_WORDS else _fix(given, restorer),
    )


def _fix(given: ModelFix, restorer: Restorer) -> Change | None:
    model = FIXES.get(ALIASES.get(given.type, given.type))
    names = [one.name for one in given.parameters]
    if model is None or "type" in names or len(set(names)) != len(names):
        return None
    if not _may_be_restored(given.parameters, restorer):
        return None
    kinds = _kinds_of(model)
    try:
        fields = {
            one.name: _value(restorer.text(one.value), kinds.get(one.name, frozenset()))
            for one in given.parameters
        }
        return parse({**fields, "type": given.type})
    except (NotStrict, InvalidFix):
        return None


def _may_be_restored(parameters: Iterable[ModelParameter], restorer: Restorer) -> bool:
    """Whether each placeholder is one that comes back, and is nowhere where it did not stand.

    A person's address may stay in a text it is in. It may not be written into another one: that
    would carry data out of a run.
    """
    named, written = set[str](), set[str]()
    for one in parameters:
        (named if one.name in _NAMING else written).update(PLACEHOLDER.findall(one.value))
    return written <= named and named <= restorer.restored.keys()


def _value(text: str, kinds: _Kinds) -> JsonValue:
    """The value of a field of these *kinds*. Where text is one of several, no JSON is text."""
    if kinds == _TEXT_ALONE:
        return text
    try:
        return decode(text)
    except NotStrict:
        if "string" in kinds:
            return text
        raise


@lru_cache(maxsize=64)
def _kinds_of(model: type[Change]) -> Mapping[str, _Kinds]:
    """The kinds of JSON value each field takes, but for null: it is left out instead."""
    schema = model.model_json_schema()
    return {
        name: frozenset(_kinds(field, schema.get("$defs", {}))) - {"null"}
        for name, field in schema["properties"].items()
    }


def _kinds(field: Mapping[str, Any], named: Mapping[str, Any]) -> Iterable[str]:
    if "$ref" in field:
        return _kinds(named[str(field["$ref"]).rpartition("/")[2]], named)
    if "anyOf" in field:
        several = cast("list[Mapping[str, Any]]", field["anyOf"])
        return [kind for one in several for kind in _kinds(one, named)]
    return [str(field.get("type", "any"))]
