"""Secrets by name, one set a workspace, and the masker that keeps their values out of our tables."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from .errors import InvalidInput
from .redaction import SHORTEST, KnownValues, mask_secrets
from .redaction.spans import merged, written

__all__ = ["SHORTEST", "KnownValueMasker", "SecretValues", "WorkspaceSecrets", "read_secrets"]

SecretValues = Mapping[str, Mapping[str, str]]


def read_secrets(path: Path | None) -> SecretValues:
    """Workspace, then name, then value; nothing without a file. Raises InvalidInput."""
    if path is None:
        return {}
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(
            str(path), f"{error.strerror}.", "Check ASK_COPILOT_SECRETS_FILE."
        ) from None
    except ValueError:
        # the decoder's own error holds the document, and with it every secret
        raise InvalidInput(str(path), "it is not JSON.", _FORM) from None
    if not isinstance(data, dict):
        raise InvalidInput(str(path), "it is not an object.", _FORM)
    return {
        workspace: _names(values, path)
        for workspace, values in cast("dict[str, Any]", data).items()
    }


_FORM = 'Write {"workspace": {"NAME": "value"}}.'


def _names(values: Any, path: Path) -> Mapping[str, str]:
    if not isinstance(values, dict):
        raise InvalidInput(str(path), "a workspace's secrets are not an object.", _FORM)
    named = cast("dict[str, Any]", values)
    if not all(isinstance(value, str) for value in named.values()):
        raise InvalidInput(str(path), "a secret is not a text.", _FORM)
    return cast("dict[str, str]", named)


class WorkspaceSecrets:
    """Looks a secret up for a step; never another workspace's."""

    def __init__(self, values: SecretValues) -> None:
        self._values = values

    def get(self, workspace_id: str, name: str) -> str | None:
        return self._values.get(workspace_id, {}).get(name)

    def all(self, workspace_id: str) -> Mapping[str, str]:
        return self._values.get(workspace_id, {})


class KnownValueMasker:
    """Replaces every known secret value in a text by its name, and unknown secrets by their kind.

    A known value goes in every form programs write it in (quoted, base64, hexadecimal) and becomes
    `[secret NAME]`; what else opens something by its looks becomes `[[kind]]`.
    """

    def __init__(self, values: SecretValues) -> None:
        pairs = [pair for named in values.values() for pair in named.items()]
        self._known = KnownValues(pairs)
        marks = "|".join(sorted({re.escape(name) for name, _ in pairs}))
        self._marks = re.compile(rf"\[secret (?:{marks})\]")

    def mask(self, text: str) -> str:
        found = self._known.find(text)
        if found:
            ours = [mark.span() for mark in self._marks.finditer(text)]
            text = written(text, merged(found, ours), lambda span, _: f"[secret {span.kind}]")
        return mask_secrets(text)
