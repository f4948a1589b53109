"""What a workspace keeps about itself: keys, settings, receipts and who did what."""

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
    changed_at: AwareDatetime | None = None


class ReceiptEntry(Frozen):
    """One analysis that was paid, or was free for a reason."""

    key: str
    execution_id: str | None
    analysis_id: str | None
    credits: int
    cost_usd: Decimal | None = Field(description="What the provider charged; null when unknown.")
    reason: str
    created_at: AwareDatetime


class AuditEntry(Frozen):
    """Somebody did something. `subject` is the id of what it was done to."""

    entry_id: int
    at: AwareDatetime
    actor: str
    actor_kind: PrincipalKind
    action: str = Field(description="approve_fix, set_settings, create_key …")
    subject: str
    details: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])


class RuntimeInfo(Frozen):
    """Where answers can come from, as this installation stands."""

    name: str
    available: bool
    reason: str | None = Field(default=None, description="Why it is not available.")
    models: tuple[str, ...] = ()
    default_model: str | None = None
    capabilities: tuple[str, ...] = ()
