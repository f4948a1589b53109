"""Secrets that somebody wrote down where only their names belong."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from ..definitions import leaves, spell
from ..errors import InvalidInput
from ..names import words_of

_ADVICE = (
    "Keep the secret in the file that ASK_COPILOT_SECRETS_FILE names, as "
    '{"default": {"CRM_TOKEN": "…"}}, and write only its name here, such as "CRM_TOKEN".'
)
#: Taken for a secret beside the name of one, and for nothing anywhere else.
_PROBE = "Walnut4821"
#: A name as they are given to secrets (CRM_TOKEN), or what stands for one that comes from elsewhere.
_REFERENCE = re.compile(r"[A-Z][A-Z0-9_]*|(?:env|secret):\S+|\{\{.+\}\}|\$\{.+\}")
_JOINED = re.compile(r"[A-Za-z0-9]+(?:[_.-][A-Za-z0-9]+)+")
_WORDS_OF_NAMES = frozenset({"key", "pass", "passphrase", "password", "pwd", "secret", "token"})


def refuse_secret_name(name: str, *, mask: Callable[[str], str]) -> None:
    """Raises InvalidInput for a *name* that is a secret, without it.

    mask: takes secrets out of a text.
    """
    if mask(name) != name:
        raise InvalidInput(
            "name",
            "this looks like a secret, and everybody in the workspace can read a name.",
            "Take one that says what it is, such as Gmail.",
        )


def refuse_secrets(content: Mapping[str, Any], *, mask: Callable[[str], str]) -> None:
    """Raises InvalidInput with the place of the first secret in *content*, without the secret.

    What a field is called tells too: whatever text stands under `password` is one, unless it reads
    as the name of a secret. mask: takes secrets out of a text.
    """
    found = list(leaves(dict(content)))
    # a value beside its name: that is what gives many away
    written = [(pointer, _beside_its_name(pointer, value)) for pointer, value in found]
    _refuse(written, "this looks like a secret, and", mask=mask)
    plain = [(pointer, _with_probe(pointer)) for pointer, value in found if _is_plain(value)]
    called = "this is called like a secret, but what stands in it is not the name of one;"
    _refuse(plain, called, mask=mask)


def _refuse(
    written: list[tuple[tuple[str, ...], str]], problem: str, *, mask: Callable[[str], str]
) -> None:
    whole = "\n".join(text for _, text in written)
    if mask(whole) == whole:
        return
    for pointer, text in written:
        if mask(text) != text:
            raise InvalidInput(
                mask(spell(pointer)),
                f"{problem} everybody in the workspace can read it here.",
                _ADVICE,
            )


def _is_plain(value: Any) -> bool:
    """Whether *value* is a text of its own: no address, and nothing that names a secret."""
    if not isinstance(value, str) or not value.strip() or "://" in value:
        return False
    if _REFERENCE.fullmatch(value):
        return False
    is_joined = _JOINED.fullmatch(value) is not None
    return not (is_joined and _WORDS_OF_NAMES.intersection(words_of(value)))


def _with_probe(pointer: tuple[str, ...]) -> str:
    """What is taken for a secret if the field is called like one, or like several."""
    name = _name_of(pointer)
    one = name if name.endswith("ss") else name.removesuffix("s")
    return json.dumps({one: _PROBE}, ensure_ascii=False)


def _beside_its_name(pointer: tuple[str, ...], value: Any) -> str:
    return json.dumps({_name_of(pointer): value}, ensure_ascii=False)


def _name_of(pointer: tuple[str, ...]) -> str:
    """The field that a value stands in, whatever lists are between."""
    return next((part for part in reversed(pointer) if not part.isdigit()), "")
