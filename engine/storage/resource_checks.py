"""What is wrong with a resource before it is stored, each with its place and what to do about it.

What is stored already stays readable: it may be older than a rule.
"""

import json
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ..errors import InvalidDefinition
from ..workspace import (
    FIELD_TYPES,
    LONGEST_NAME,
    MODELS,
    CustomField,
    Document,
    Integration,
    Resource,
    ResourceKind,
    leads_inside,
)

_UNUSABLE = frozenset({"Cc", "Cs"})  # control characters and halves of characters
_UNSEEN = "Cf"  # such as a space without width
#: What is right, for each kind.
RESOURCE_EXAMPLES: Mapping[ResourceKind, Mapping[str, Any]] = {
    ResourceKind.TEMPLATE: {"subject": "Welcome", "body": "Hello {name}"},
    ResourceKind.CUSTOM_FIELD: {"label": "Lead score", "type": "number"},
    ResourceKind.INTEGRATION: {"type": "gmail", "connected": True},
    ResourceKind.DOCUMENT: {"path": "prices/2026.pdf"},
}
_WHOLE = ("it is no whole number.", "Write 0 or more, without quotes.")
_OBJECT = ("it is no object.", 'Write {"name": "value"}.')
#: By the type of pydantic's error: what is wrong, and what to do.
_WORDS: Mapping[str, tuple[str, str]] = {
    "bool_type": ("it is neither true nor false.", "Write true or false, without quotes."),
    "dict_type": _OBJECT,
    "greater_than_equal": _WHOLE,
    "int_from_float": _WHOLE,
    "int_type": _WHOLE,
    "model_type": _OBJECT,
    "string_type": ("it is no text.", "Write a text in quotes."),
    "string_unicode": ("it is no text that UTF-8 can hold.", "Write a text in quotes."),
}


class Flaw(NamedTuple):
    """`place` is a pointer into the content, such as /settings/account, or `name`."""

    place: str
    problem: str
    advice: str


def flaws(
    kind: ResourceKind, name: str, content: Resource | Mapping[str, Any], *, is_new: bool
) -> tuple[Flaw, ...]:
    """Why `checked` would raise; empty when it would not. No value is repeated."""
    found = _read(kind, content)[1]
    return (*_of_name(name), *found) if is_new else found


def checked(
    kind: ResourceKind, name: str, content: Resource | Mapping[str, Any], *, is_new: bool
) -> Resource:
    """What is to be stored. Raises `InvalidDefinition`.

    is_new: nothing has this *name* yet, so it is looked at too.
    """
    resource, found = _read(kind, content)
    if is_new:
        found = (*_of_name(name), *found)
    if resource is None or found:
        about = f"{kind.value} {name!r}"
        raise InvalidDefinition(tuple(f"{about}, {one.place}: {one[1]} {one[2]}" for one in found))
    return resource


def _read(
    kind: ResourceKind, content: Resource | Mapping[str, Any]
) -> tuple[Resource | None, tuple[Flaw, ...]]:
    model = MODELS[kind]
    given = content if isinstance(content, model) else dict(content)
    try:
        # strict: "yes" is no boolean
        resource = model.model_validate(given, strict=True)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        return None, tuple(_in_words(kind, one) for one in found)
    return resource, tuple(_of_content(resource))


def _of_name(name: str) -> Iterator[Flaw]:
    unusable = any(unicodedata.category(character) in _UNUSABLE for character in name)
    if unusable or not 1 <= len(name) <= LONGEST_NAME:
        yield Flaw(
            "name",
            "it can't be used.",
            f"Take 1 to {LONGEST_NAME} characters, none of them a control character.",
        )
    elif all(one.isspace() or unicodedata.category(one) == _UNSEEN for one in name):
        yield Flaw("name", "it is blank.", "Write a name that people can read, such as Welcome.")
    elif name != name.strip():
        yield Flaw(
            "name",
            "it begins or ends with white space, which nobody sees.",
            "Write it without; inside, spaces may stand.",
        )
    elif not {"", ".", ".."}.isdisjoint(name.split("/")):
        yield Flaw(
            "name",
            "it reads like a path that leads somewhere else.",
            "Take one such as Welcome or Sales/Welcome, without . or .. beside a slash and without a"
            " slash at its ends.",
        )


def _of_content(resource: Resource) -> Iterator[Flaw]:
    match resource:
        case CustomField() if resource.type not in FIELD_TYPES:
            *others, last = FIELD_TYPES
            named = f"{', '.join(others)} or {last}"
            yield Flaw("/type", "it is no type of a custom field.", f"Write {named}.")
        case Document() if not leads_inside(resource.path):
            yield Flaw(
                "/path",
                "it is no path inside the workspace's folder.",
                "Put the file there and write its path from that folder on, such as prices/2026.pdf.",
            )
        case Integration() if not resource.type.strip():
            yield Flaw("/type", "it is empty.", "Write the kind of the service, such as gmail.")
        case _:
            pass


def _in_words(kind: ResourceKind, error: ErrorDetails) -> Flaw:
    place = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in error["loc"])
    match error["type"]:
        case "missing":
            example = json.dumps(RESOURCE_EXAMPLES[kind])
            return Flaw(place, "it is missing.", f"Write for example {example}.")
        case "extra_forbidden":
            known = ", ".join(MODELS[kind].model_fields)
            return Flaw(place[:100], "it is not known here.", f"What may be given is {known}.")
        case "string_too_long":
            most = error.get("ctx", {}).get("max_length")
            return Flaw(place, "it is too long.", f"Write {most} characters at most.")
        case other:
            return Flaw(place, *_WORDS.get(other, ("it can't be used.", "")))
