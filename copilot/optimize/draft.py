"""A suggestion before anybody knows how it is carried out, and what other workflows bring to it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from ..types.suggestion import Severity, SuggestionEvidence, SuggestionKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """essence: what makes it the same suggestion another time, whatever the counts are then.

    weight: how much of it there is, to tell when a dismissed one has grown. fixes: ways to carry it
    out, as plain data of any fix type; the first that fits is offered.
    """

    kind: SuggestionKind
    code: str
    severity: Severity
    title: str
    evidence: tuple[SuggestionEvidence, ...]
    advice: str
    essence: tuple[str, ...] = ()
    weight: float = 1.0
    steps: tuple[str, ...] = ()
    fixes: tuple[Mapping[str, JsonValue], ...] = ()

    def id_in(self, workspace_id: str, workflow_id: str | None) -> str:
        """The same for the same suggestion about the same workflow."""
        content = [workspace_id, workflow_id, self.kind.value, self.code, *self.essence]
        digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
        return f"suggestion_{digest[:24]}"


@dataclass(frozen=True, slots=True)
class FailureNearby:
    """A repeated failure of another workflow with the same shape. `signature` is its group's."""

    workflow_id: str
    signature: str
    label: str
    failures: int


def from_definition(text: str) -> SuggestionEvidence:
    return SuggestionEvidence(source="definition", text=text)


def from_runs(text: str, samples: int) -> SuggestionEvidence:
    return SuggestionEvidence(source="runs", text=text, samples=samples)


def named(names: tuple[str, ...], *, most: int = 5) -> str:
    """ "'a', 'b' and 3 more": names as a sentence lists them."""
    shown = ", ".join(f"'{name}'" for name in names[:most])
    rest = len(names) - most
    return f"{shown} and {rest} more" if rest > 0 else shown
