"""The orders: one text, the same for every failure there is, so that providers can keep it."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, cast

import prompts

from ...fixes import FIXES

#: A remedy that only a person can carry out.
MANUAL = "manual"
_KINDS: Mapping[str, str] = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "array": "list",
    "object": "object",
}


def template() -> str:
    """Which prompt, with its version: 'analysis@1'."""
    return prompts.load("analysis").ref


@cache
def system_prompt() -> str:
    """The whole text; the same object at each call."""
    return prompts.load("analysis").fill(fix_types=described_fixes())


def described_fixes() -> str:
    """Every fix type with what it does and its parameters, from its JSON schema."""
    return "\n".join(line for name in FIXES for line in _described(name))


def _described(name: str) -> Iterator[str]:
    schema = FIXES[name].model_json_schema()
    yield f"- {name}: {_flowing(schema['description'])}"
    for parameter, said in cast("dict[str, dict[str, Any]]", schema["properties"]).items():
        if parameter != "type":
            needed = "" if parameter in schema.get("required", ()) else ", may be left out"
            yield f"  - {parameter} ({_kind(said)}{needed}): {_flowing(said.get('description', ''))}"


def _flowing(text: str) -> str:
    return " ".join(text.split())


def _kind(said: Mapping[str, Any]) -> str:
    if "enum" in said:
        return "one of " + ", ".join(map(str, said["enum"]))
    choices = cast("list[dict[str, Any]]", said.get("anyOf", [said]))
    kinds = [_KINDS[one["type"]] for one in choices if one.get("type") in _KINDS]
    return " or ".join(dict.fromkeys(kinds)) or "JSON"
