"""What the workspace has around a failure, and which of it may have been meant."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic import JsonValue

from ...names import MissingName, candidates, close_names, missing_name
from ...ports import FieldSummary, TemplateSummary, WorkspaceContext
from ...snapshot import Snapshot
from ...types import ErrorRecord

__all__ = [
    "MOST_TEMPLATES",
    "Meant",
    "available_templates",
    "candidates",
    "from_snapshot",
    "integration_status",
    "meant",
    "most_used",
]

MOST_TEMPLATES = 20

Connection: TypeAlias = Literal["connected", "disconnected"]
_NamesOf: TypeAlias = Callable[[WorkspaceContext], tuple[str, ...]]


def most_used(context: WorkspaceContext) -> WorkspaceContext:
    """*context* with the 20 most used templates, those used alike by name."""
    ranked = sorted(context.templates, key=lambda found: (-found.usage_count, found.name))
    return context.model_copy(update={"templates": tuple(ranked[:MOST_TEMPLATES])})


def from_snapshot(snapshot: Snapshot) -> WorkspaceContext:
    """The context a snapshot holds, for sources that have no other."""
    templates = tuple(
        TemplateSummary(
            name=name,
            description=_text(content, "description"),
            usage_count=_count(content, "usage_count"),
        )
        for name, content in snapshot.resources.get("template", {}).items()
    )
    fields = tuple(
        FieldSummary(key=key, label=_text(content, "label"), type=_text(content, "type") or "text")
        for key, content in snapshot.resources.get("custom_field", {}).items()
    )
    integrations = {
        name: content.get("connected", True) is True
        for name, content in snapshot.resources.get("integration", {}).items()
    }
    return most_used(
        WorkspaceContext(templates=templates, custom_fields=fields, integrations=integrations)
    )


def available_templates(context: WorkspaceContext) -> tuple[str, ...]:
    """Names of the 20 most used templates, as the report lists them."""
    return tuple(template.name for template in most_used(context).templates)


def integration_status(context: WorkspaceContext) -> dict[str, Connection]:
    """Every integration, connected or not: the one that is not is usually the news."""
    return {
        name: "connected" if connected else "disconnected"
        for name, connected in sorted(context.integrations.items())
    }


@dataclass(frozen=True, slots=True)
class Meant:
    """A name that is missing, with those it may have been meant to be, the likeliest first."""

    missing: MissingName
    candidates: tuple[str, ...]

    @property
    def question(self) -> str | None:
        """ "Did you mean 'Outbound v2'?"; None when nothing is close."""
        if not self.candidates:
            return None
        *others, last = (f"'{name}'" for name in self.candidates)
        return f"Did you mean {', '.join(others) + ' or ' if others else ''}{last}?"


def meant(error: ErrorRecord, context: WorkspaceContext) -> Meant | None:
    """What the facts beside an error say is missing; None when they name nothing.

    The engine's own guesses come first, then close names among those it listed as available, or
    of this kind in the workspace.
    """
    missing = missing_name(error.code, error.details)
    if missing is None:
        return None
    names_of = _NAMES_OF_KIND.get(missing.kind)
    available = missing.available or (names_of(context) if names_of else ())
    return Meant(missing, close_names(missing, available))


def _field_names(context: WorkspaceContext) -> tuple[str, ...]:
    return tuple(field.key for field in context.custom_fields)


_NAMES_OF_KIND: dict[str, _NamesOf] = {
    "template": lambda context: tuple(template.name for template in context.templates),
    "field": _field_names,
    "custom_field": _field_names,
    "integration": lambda context: tuple(context.integrations),
}


def _text(content: dict[str, JsonValue], key: str) -> str:
    value = content.get(key)
    return value if isinstance(value, str) else ""


def _count(content: dict[str, JsonValue], key: str) -> int:
    value = content.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
