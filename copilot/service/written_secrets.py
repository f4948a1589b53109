"""Secrets that somebody wrote down where only their names belong."""

from collections.abc import Mapping
from typing import Any, cast

from ..definitions import spell
from ..errors import InvalidInput
from ..redaction.named import Mask, called_so, given_away, hide

_ADVICE = (
    "Keep the secret in the file that ASK_COPILOT_SECRETS_FILE names, as "
    '{"default": {"CRM_TOKEN": "…"}}, and write only its name here, in capitals, such as '
    '"CRM_TOKEN".'
)


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
        (given_away(content, mask), "this looks like a secret, and"),
        (
            called_so(content, mask),
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
    hidden = {*given_away(content, mask), *called_so(content, mask)}
    return cast("dict[str, Any]", hide(dict(content), hidden, mask) if hidden else content)
