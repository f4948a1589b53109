"""What is made of an error text: its normal form, and which root cause it speaks for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from pydantic import Field, JsonValue

from .frozen import Frozen


class RootCause(StrEnum):
    """The closed set of answers to "what kind of failure is it"; ids never change meaning."""

    MISSING_TEMPLATE = "missing_template"
    MISSING_RESOURCE = "missing_resource"
    MISSING_INTEGRATION = "missing_integration"
    MISSING_FIELD = "missing_field"
    MISSING_STEP_OUTPUT = "missing_step_output"
    AUTH_ERROR = "auth_error"
    PERMISSION_DENIED = "permission_denied"
    RATE_LIMIT = "rate_limit"
    QUOTA_EXHAUSTED = "quota_exhausted"
    BUDGET_EXCEEDED = "budget_exceeded"
    NETWORK_ERROR = "network_error"
    TIMEOUT = "timeout"
    UPSTREAM_ERROR = "upstream_error"
    INVALID_DATA = "invalid_data"
    INVALID_MODEL_OUTPUT = "invalid_model_output"
    CONTEXT_LENGTH = "context_length"
    CONTENT_FILTERED = "content_filtered"
    MODEL_UNAVAILABLE = "model_unavailable"
    TURN_LIMIT = "turn_limit"
    LOGIC_ERROR = "logic_error"
    DEPENDENCY_ERROR = "dependency_error"
    CONFIGURATION_ERROR = "configuration_error"
    RESOURCE_EXHAUSTED = "resource_exhausted"
    CONFLICT = "conflict"
    SERIALIZATION_ERROR = "serialization_error"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Entity:
    """A variable part masked out of an error, kept beside the key: kind 'name', value 'xyz'."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Normalized:
    """An error text with its variable parts taken out.

    signature: 'n1:' and 20 hex digits over exception class and key; equal means same failure.
    key: lower-case template, every variable part '<*>'.
    exemplar: the same template with typed parts, 'Template <str> not found'.
    label: for people, without any parts: 'Template not found'.
    """

    signature: str
    key: str
    label: str
    exemplar: str
    entities: tuple[Entity, ...] = ()
    facets: Mapping[str, str] = field(default_factory=dict[str, str])


class Verdict(StrEnum):
    CONFIRMED = "confirmed"
    LIKELY = "likely"
    INCONCLUSIVE = "inconclusive"


class Evidence(Frozen):
    """One observation that speaks for the diagnosis: the words, and where in the run they stand.

    `text` is `field[start:end]` to the character. The pointer is missing where the words are not
    the run's own: those of the workspace or of a change.
    """

    source: Literal[
        "message",
        "error_type",
        "traceback",
        "step_action",
        "code",
        "details",
        "workspace",
        "change",
    ]
    text: str
    entry: str | None = Field(default=None, description="Knowledge-base entry it matched.")
    step: str | None = Field(
        default=None, description="Path of the step whose error it is; None: the run's own."
    )
    field: str | None = Field(
        default=None,
        description="'message', 'error_type', 'traceback', 'code', or a dotted path from 'details'.",
    )
    start: int | None = Field(default=None, ge=0, description="First character, from 0.")
    end: int | None = Field(default=None, ge=0, description="The one after its last character.")


class Alternative(Frozen):
    """Another root cause that something speaks for, and why it is not the answer."""

    root_cause: RootCause
    entry: str
    evidence: Evidence
    why_not: str = Field(description="In plain words, from the small letter on.")


class FixHint(Frozen):
    """A remedy the knowledge base knows, filled with the names found in this error.

    `type` is a fix type of `copilot/fixes`, or 'manual' for what only a person elsewhere can do.
    """

    type: str
    description: str
    tier: Literal["quick", "better", "best"] = "better"
    parameters: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])


class Diagnosis(Frozen):
    root_cause: RootCause
    verdict: Verdict
    explanation: str
    evidence: tuple[Evidence, ...] = ()
    entry: str | None = Field(default=None, description="Id of the knowledge-base entry.")
    captures: dict[str, str] = Field(
        default_factory=dict[str, str], description="Names found in the error: template, field, …"
    )
    retry_helps: bool | None = Field(default=None, description="None when it can't be told.")
    fixes: tuple[FixHint, ...] = Field(default=(), description="Best first.")
    alternatives: tuple[Alternative, ...] = Field(
        default=(), description="Other root causes, the likeliest first; at most 3."
    )
    grounds: str = Field(default="", description="Why the verdict is as it is, in one sentence.")
    collect: tuple[str, ...] = Field(
        default=(), description="What would tell more, where the verdict is not 'confirmed'."
    )
