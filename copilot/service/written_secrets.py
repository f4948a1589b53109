"""Secrets that somebody wrote down where only their names belong."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias, cast

from ..definitions import leaves, spell
from ..errors import InvalidInput
from ..names import words_of

Mask: TypeAlias = Callable[[str], str]
_Pointer: TypeAlias = tuple[str, ...]

_ADVICE = (
    "Keep the secret in the file that ASK_COPILOT_SECRETS_FILE names, as "
    '{"default": {"CRM_TOKEN": "…"}}, and write only its name here, in capitals, such as '
    '"CRM_TOKEN".'
)
#: Taken for secrets beside the name of one, and for nothing anywhere else; a PIN is of digits only.
_PROBES = ("Walnut4821", 48213344)
#: A name as they are given to secrets (CRM_TOKEN), or what stands for one that comes from elsewhere.
_REFERENCE = re.compile(r"[A-Z][A-Z0-9_]*|(?:env|secret):\S+|\{\{.+\}\}|\$\{.+\}")
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
_HIDDEN = "[[secret]]"


def refuse_secret_name(name: str, *, mask: Mask) -> None:
    """Raises InvalidInput for a *name* that is a secret, without it.

    mask: takes secrets out of a text.
    """
    if mask(name) != name:
        raise InvalidInput(
            "name",
            "this looks like a secret, and everybody in the workspace can read a name.",
            "Take one that says what it is, such as Gmail.",
        )


def refuse_secrets(content: Mapping[str, Any], *, mask: Mask) -> None:
    """Raises InvalidInput with the place of the first secret in *content*, without the secret.

    What a field is called tells too, and what it is in: whatever text stands under `password`, how
    deep ever, is one, unless it reads as the name of a secret or is called like a fact about one,
    such as `type`. mask: takes secrets out of a text.
    """
    for found, problem in (
        (_given_away(content, mask), "this looks like a secret, and"),
        (
            _called_so(content, mask),
            "this is called like a secret, but what stands in it is not the name of one;",
        ),
    ):
        for pointer in found:
            raise InvalidInput(
                mask(spell(pointer)),
                f"{problem} everybody in the workspace can read it here.",
                _ADVICE,
            )


def without_secrets(content: Mapping[str, Any], *, mask: Mask) -> dict[str, Any]:
    """*content* with `[[secret]]` for all that `refuse_secrets` would refuse."""
    hidden = {*_given_away(content, mask), *_called_so(content, mask)}
    return cast("dict[str, Any]", _hide(dict(content), (), hidden, mask) if hidden else content)


def _hide(value: Any, at: _Pointer, hidden: set[_Pointer], mask: Mask) -> Any:
    if at in hidden:
        return _HIDDEN
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {mask(key): _hide(one, (*at, key), hidden, mask) for key, one in fields.items()}
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return [_hide(one, (*at, str(place)), hidden, mask) for place, one in enumerate(items)]
    return value


def _given_away(content: Mapping[str, Any], mask: Mask) -> Iterator[_Pointer]:
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


def _called_so(content: Mapping[str, Any], mask: Mask) -> Iterator[_Pointer]:
    """Where a plain text stands under what is called like a secret, or like several."""
    plain = [pointer for pointer, value in leaves(dict(content)) if _is_plain(value)]
    names = _called_like_secrets(plain, mask, _PROBES[0])
    yield from (pointer for pointer in plain if not names.isdisjoint(_names_over(pointer)))


def _called_like_secrets(
    pointers: Iterable[_Pointer], mask: Mask, probe: str | int
) -> frozenset[str]:
    names = {name for pointer in pointers for name in _names_over(pointer)}
    written = {name: _beside(name, probe) for name in names}
    return frozenset(name for name, text in written.items() if mask(text) != text)


def _is_plain(value: Any) -> bool:
    """Whether *value* is a text of its own: no address, and nothing that names a secret."""
    if not isinstance(value, str) or not value.strip() or "://" in value:
        return False
    return _REFERENCE.fullmatch(value) is None


def _names_over(pointer: _Pointer) -> Iterator[str]:
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
