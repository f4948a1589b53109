"""What a workspace keeps about itself: keys, settings, receipts and who did what."""

from datetime import date
from decimal import Decimal

from pydantic import AwareDatetime, Field, JsonValue

from .frozen import Frozen
from .principal import PrincipalKind, Role


class ApiKey(Frozen):
    """A key as it is listed: everything but the key itself, which only its holder has."""

    key_id: str
    name: str
    kind: PrincipalKind
    role: Role
    prefix: str = Field(description="The start of the key, by which its holder knows it.")
    created_at: AwareDatetime
    created_by: str
    created_by_name: str | None = None
    expires_at: AwareDatetime | None = None
    last_used_at: AwareDatetime | None = Field(default=None, description="To the minute.")
    revoked_at: AwareDatetime | None = None


class NewApiKey(ApiKey):
    secret: str = Field(repr=False, description="The key. It is shown this once and not stored.")


class SettingValue(Frozen):
    """One workspace setting as it stands, with its bounds."""

    name: str
    value: JsonValue
    default: JsonValue
    description: str
    type: str = Field(description="integer, number, boolean, text or choice.")
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    writable: bool = Field(description="Whether the one who asks can change it.")
    loosens: str | None = Field(
        default=None, description="Which change only a person who owns the workspace makes."
    )
    changed_by: str | None = None
    changed_by_name: str | None = None
    changed_at: AwareDatetime | None = None


class ReceiptEntry(Frozen):
    """One analysis that was paid, or was free for a reason."""

    key: str
    execution_id: str | None
    analysis_id: str | None
    asked_by: str | None = Field(description="Who asked; null where nobody was noted.")
    asked_by_name: str | None = None
    credits: int
    cost_usd: Decimal | None = Field(description="What the provider charged; null when unknown.")
    reason: str
    created_at: AwareDatetime


class AuditEntry(Frozen):
    """Somebody did something. `subject` is the id of what it was done to."""

    entry_id: int
    at: AwareDatetime
    actor: str
    actor_name: str | None = Field(default=None, description="As it was then.")
    actor_kind: PrincipalKind
    action: str = Field(description="approve_fix, set_settings, create_key …")
    subject: str
    details: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    digest: str = Field(default="", description="Over this entry and the digest of the one before.")


class ModelInfo(Frozen):
    """One model that a runtime can ask. Prices are USD for a million tokens of a short request."""

    id: str
    input_usd: Decimal | None = Field(default=None, description="Null when not known, never 0.")
    output_usd: Decimal | None = Field(default=None, description="Null when not known, never 0.")
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    closed_to_new_on: date | None = Field(
        default=None, description="From when on it answers only projects that asked it before."
    )
    retires_on: date | None = Field(default=None, description="From when on it answers nobody.")
    successor: str | None = Field(default=None, description="Which one is asked in its place.")


class RuntimeMeasure(Frozen):
    """How one runtime has done in this workspace so far."""

    asked: int = Field(ge=0, description="How often it was asked.")
    answers: int = Field(ge=0, description="How often what it said could be used.")
    median_ms: int | None = Field(default=None, ge=0, description="Of its answers.")
    share_within_limit: float | None = Field(
        default=None, ge=0, le=1, description="Of the analyses it answered: those in time."
    )
    fixes_verified: int = Field(default=0, ge=0, description="Fixes that held.")
    fixes_failed: int = Field(default=0, ge=0, description="Fixes after which it failed again.")


class RuntimeInfo(Frozen):
    """Where answers can come from, as this installation stands."""

    name: str
    available: bool = Field(description="It is set up, and it is asked.")
    reason: str | None = Field(default=None, description="Why it is not available; what to do.")
    configured: bool = Field(default=False, description="All that it needs is there.")
    place: int | None = Field(
        default=None, description="1 is asked first; null for what is not asked in turn."
    )
    note: str | None = Field(default=None, description="What else has to be known of it.")
    models: tuple[str, ...] = ()
    default_model: str | None = None
    model_facts: tuple[ModelInfo, ...] = Field(default=(), description="Of `models`, in order.")
    capabilities: tuple[str, ...] = ()
    answered_share: float | None = Field(
        default=None, description="Answers that could be used; null until it was asked."
    )
    fix_success_rate: float | None = Field(
        default=None, description="Fixes that held; null until one was verified or failed."
    )
    measured: RuntimeMeasure | None = Field(
        default=None, description="The counts; null until there are some."
    )
