"""What stands under the name of a secret: a password gives itself away by its field, not by its looks.

Which names are those of secrets is asked of a mask, with a value that is one beside such a name only.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, TypeAlias, cast

from pydantic import JsonValue

from ..definitions import leaves
from ..names import words_of

Mask: TypeAlias = Callable[[str], str]
Pointer: TypeAlias = tuple[str, ...]

HIDDEN = "[[secret]]"
#: Taken for secrets beside the name of one, and for nothing anywhere else; a PIN is of digits only.
_PROBES = ("Walnut4821", 48213344)
#: A name as they are given to secrets (CRM_TOKEN), or what stands for one that comes from elsewhere.
_REFERENCE = re.compile(r"[A-Z][A-Z0-9_]*|(?:env|secret):\S+|\{\{.+\}\}|\$\{.+\}")
#: What a mask has left in the place of a value.
_MASKED = re.compile(r"\[\[[^\[\]]+\]\]|\[secret [^\[\]]+\]")
#: Whom a secret belongs to: beside it that is no secret, but in a list of secrets it leads to one.
_OWNERS = frozenset(
    {"account", "client", "email", "id", "label", "login", "mail", "name", "role", "user"}
    | {"tenant", "username"}
)
#: The last word of what is said about a secret, in the object that it is in.
_FACTS = _OWNERS | frozenset(
    {"age", "algorithm", "at", "audience", "count", "days", "description", "domain", "enabled"}
    | {"endpoint", "expires", "expiry", "file", "format", "header", "host", "hours", "issuer"}
    | {"kind", "length", "lifetime", "limit", "max", "method", "min", "minutes", "mode", "note"}
    | {"on", "path", "policy", "port", "prefix", "provider", "region", "required", "scheme"}
    | {"scope", "scopes", "seconds", "size", "store", "ttl", "type", "url", "vault", "version"}
)
#: Smaller numbers under the name of a secret say how many, or how long.
_LEAST_CODE = 1_000
_MOST_DIGITS = 20
#: What an entry such as `{"name": "password", "value": "…"}` has its name under.
_NAMING = ("name", "key", "header", "field")


def given_away(content: Mapping[str, Any], mask: Mask) -> Iterator[Pointer]:
    """Where a value is a secret by itself, or beside a name that it stands under."""
    found = list(leaves(dict(content)))
    over = [pointer for pointer, _ in found]
    names = frozenset[str]().union(*(_called_like_secrets(over, mask, one) for one in _PROBES))
    written = [
        (pointer, _beside(name, value))
        for pointer, value in found
        for place, name in enumerate(_names_over(pointer))
        if place == 0 or name in names
    ]
    whole = "\n".join(text for _, text in written)
    if mask(whole) != whole:
        yield from dict.fromkeys(pointer for pointer, text in written if mask(text) != text)


def called_so(content: Mapping[str, Any], mask: Mask) -> Iterator[Pointer]:
    """Where a plain text stands under what is called like a secret, or like several."""
    plain = [pointer for pointer, value in leaves(dict(content)) if _is_plain(value)]
    names = _called_like_secrets(plain, mask, _PROBES[0])
    yield from (pointer for pointer in plain if not names.isdisjoint(_names_over(pointer)))


def hide(value: Any, hidden: Collection[Pointer], mask: Mask, *, at: Pointer = ()) -> Any:
    """*value* with `[[secret]]` at the pointers *hidden*, and *mask* over its names."""
    if at in hidden:
        return HIDDEN
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {mask(key): hide(one, hidden, mask, at=(*at, key)) for key, one in fields.items()}
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return [hide(one, hidden, mask, at=(*at, str(n))) for n, one in enumerate(items)]
    return value


def without_named(
    content: Mapping[str, JsonValue], *, mask: Mask, names_suffice: bool = False
) -> dict[str, JsonValue]:
    """*content*, whose texts are masked already, without what only its names tell to be a secret.

    That is what *mask* takes out beside a name that it stands under, or that its own object has for
    it (`{"name": "password", "value": "…"}`). names_suffice: everything goes that stands under the
    name of a secret, but for facts about it; take it for what strangers will read.
    """
    hidden = set(_named(content, mask, names_suffice=names_suffice))
    for holder, name, value in _entries(dict(content)):
        found = _named({name: value}, mask, names_suffice=names_suffice)
        hidden.update((*holder, *pointer[1:]) for pointer in found)
    masked = (pointer for pointer, value in leaves(dict(content)) if _is_masked(value))
    hidden.difference_update(masked)
    return cast("dict[str, JsonValue]", hide(dict(content), hidden, mask))


def _named(
    content: Mapping[str, JsonValue], mask: Mask, *, names_suffice: bool
) -> Iterator[Pointer]:
    yield from given_away(content, mask)
    if names_suffice:
        yield from called_so(content, mask)
        yield from _codes(content, mask)


def _codes(content: Mapping[str, JsonValue], mask: Mask) -> Iterator[Pointer]:
    """Where digits stand under what is called like a PIN or a password."""
    numbers = [
        pointer
        for pointer, value in leaves(dict(content))
        if str(value).isdecimal() and int(str(value)[:_MOST_DIGITS]) >= _LEAST_CODE
    ]
    names = _called_like_secrets(numbers, mask, _PROBES[1])
    yield from (pointer for pointer in numbers if not names.isdisjoint(_names_over(pointer)))


def _entries(value: JsonValue, at: Pointer = ()) -> Iterator[tuple[Pointer, str, JsonValue]]:
    """Values that a name stands beside, each with the pointer to it."""
    if isinstance(value, dict):
        name = next((value[one] for one in _NAMING if isinstance(value.get(one), str)), None)
        if isinstance(name, str) and "value" in value:
            yield (*at, "value"), name, value["value"]
        for key, item in value.items():
            yield from _entries(item, (*at, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _entries(item, (*at, str(place)))


def _is_masked(value: object) -> bool:
    return isinstance(value, str) and _MASKED.fullmatch(value) is not None


def _called_like_secrets(
    pointers: Iterable[Pointer], mask: Mask, probe: str | int
) -> frozenset[str]:
    names = {name for pointer in pointers for name in _names_over(pointer)}
    written = {name: _beside(name, probe) for name in names}
    return frozenset(name for name, text in written.items() if mask(text) != text)


def _is_plain(value: Any) -> bool:
    """Whether *value* is a text of its own: no address, and nothing that names a secret."""
    if not isinstance(value, str) or not value.strip() or "://" in value:
        return False
    return _REFERENCE.fullmatch(value) is None


def _names_over(pointer: Pointer) -> Iterator[str]:
    """What makes a secret of the value at *pointer*: its own name first, then those it is in.

    A name that it is in says nothing of a fact about the secret.
    """
    named = [place for place, part in enumerate(pointer) if not part.isdigit()]
    if not named:
        yield ""
        return
    own = named[-1]
    yield pointer[own]
    last = (words_of(pointer[own]) or ("",))[-1]
    for place in named[:-1]:
        is_direct = place + 1 == own
        known = _FACTS - _OWNERS if is_direct and _is_list(pointer[place]) else _FACTS
        if last not in known:
            yield pointer[place]


def _is_list(name: str) -> bool:
    """Whether *name* is that of several secrets, each under whom it belongs to."""
    return name.endswith("s") and not name.casefold().endswith(("ss", "credentials"))


def _beside(name: str, value: Any) -> str:
    """*value* as a mask takes it for a secret, if *name* is that of one, or of several."""
    single = "_".join(map(_single, words_of(name)))
    names = dict.fromkeys((name, _single(name), single))
    return json.dumps(dict.fromkeys(names, value), ensure_ascii=False)


def _single(name: str) -> str:
    return name if name.endswith("ss") else name.removesuffix("s")
