"""The settings of a workspace: their types, bounds, defaults and what each is for."""

from decimal import Decimal
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, model_validator

from ..types.notice import CHOSEN
from . import fix_types, keeping
from .forms import (
    ADDRESSES_IN_WORDS,
    EVENTS_IN_WORDS,
    WEBHOOK_IN_WORDS,
    Addresses,
    Events,
    Expressions,
    FixTypes,
    Line,
    Money,
    Webhook,
)

Direction = Literal["up", "down", "fewer", "any"]
ModelPolicy = Literal["always", "when_unsure", "never"]
OnRegression = Literal["propose", "roll_back"]
#: The context that has one value looked at without the others.
ALONE: Final = {"alone": True}
#: Settings that must fit together: the first is at most the second.
PATTERN: Final = ("pattern_threshold", "pattern_window")


def _marks(
    *,
    unit: str | None = None,
    loosens: Direction | None = None,
    fixed: bool = False,
    unset: tuple[float, float] | None = None,
    form: str | None = None,
    opens: bool = False,
) -> dict[str, Any]:
    """What a setting is beside its type.

    unit: of the value. loosens: the change that gives away safety, spends more or hides a warning;
    to turn something on is up, to take a word out of a list is fewer. fixed: set by the installation.
    unset: the least and the most that counts while it is None; nothing means there is no limit.
    form: how a text must look. opens: whoever knows the address can use it.
    """
    return {
        "unit": unit,
        "loosens": loosens,
        "fixed": fixed,
        "unset": unset,
        "form": form,
        "opens": opens,
    }


class Policy(BaseModel):
    """The settings of one workspace. None means the installation's own limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pattern_window: int = Field(
        default=10,
        ge=2,
        le=100,
        description="Failed runs of a workflow that are looked at for a pattern.",
        json_schema_extra=_marks(unit="runs", loosens="down"),
    )
    pattern_threshold: int = Field(
        default=5,
        ge=2,
        le=100,
        description="Failures of one kind among them that make a pattern.",
        json_schema_extra=_marks(unit="failures", loosens="up"),
    )
    group_keep: Expressions = Field(
        default="",
        max_length=keeping.LONGEST,
        description="What stays unmasked in errors and so tells groups apart, such as a tenant id.",
        json_schema_extra=_marks(loosens="any", form=keeping.IN_WORDS),
    )
    undo_seconds: float = Field(
        default=5.0,
        ge=0,
        le=600,
        description="How long undo is offered after a fix.",
        json_schema_extra=_marks(unit="seconds", loosens="down"),
    )
    approval_seconds: float = Field(
        default=3600.0,
        ge=1,
        le=604_800,
        description="How long an approval can be used.",
        json_schema_extra=_marks(unit="seconds", loosens="up"),
    )
    second_person_for: FixTypes = Field(
        default="",
        max_length=1_000,
        description="Fix types that take the approval of two different people.",
        json_schema_extra=_marks(loosens="fewer", form=fix_types.IN_WORDS),
    )
    verify_runs: int = Field(
        default=3,
        ge=1,
        le=100,
        description="Passing runs until a fix counts as verified.",
        json_schema_extra=_marks(unit="runs", loosens="down"),
    )
    on_regression: OnRegression = Field(
        default="propose",
        description="What follows when a failure is back after its fix: going back is proposed, or"
        " done.",
        json_schema_extra=_marks(loosens="up"),
    )
    fix_floor: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Share of fixes of a type that must be able to hold for it to be offered; 0"
        " offers all.",
        json_schema_extra=_marks(loosens="down"),
    )
    standing_floor: float = Field(
        default=0.8,
        ge=0.5,
        le=1,
        description="Share of fixes of a type that must surely have held here for a standing"
        " approval to apply one.",
        json_schema_extra=_marks(loosens="down"),
    )
    budget_max_cost_per_task: Money | None = Field(
        default=None,
        gt=0,
        le=50,
        description="Most that one step may cost, unless the workflow names a limit itself.",
        json_schema_extra=_marks(unit="USD", loosens="up", unset=(2, 5)),
    )
    budget_max_tokens_per_task: int | None = Field(
        default=None,
        ge=1_000,
        le=500_000,
        description="Most tokens one step may use, unless the workflow names a limit itself.",
        json_schema_extra=_marks(unit="tokens", loosens="up"),
    )
    budget_max_daily_cost: Money | None = Field(
        default=None,
        ge=1,
        le=500,
        description="Most that the workspace's runs may cost in a day (UTC).",
        json_schema_extra=_marks(unit="USD", loosens="up"),
    )
    budget_max_daily_tokens: int | None = Field(
        default=None,
        ge=1_000,
        le=1_000_000_000,
        description="Most tokens that the workspace's runs may use in a day (UTC).",
        json_schema_extra=_marks(unit="tokens", loosens="up"),
    )
    budget_max_seconds_per_task: int | None = Field(
        default=None,
        ge=1,
        le=86_400,
        description="Most time that one step may take, over all its attempts.",
        json_schema_extra=_marks(unit="seconds", loosens="up"),
    )
    workspace_max_running: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="Most runs of the workspace that are under way at once; others wait.",
        json_schema_extra=_marks(unit="runs", loosens="up"),
    )
    agent_max_turns: int | None = Field(
        default=None,
        ge=1,
        le=50,
        description="Most turns an agent step may take.",
        json_schema_extra=_marks(unit="turns", loosens="up"),
    )
    agent_model: Line | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Model of agent steps that name none.",
        json_schema_extra=_marks(loosens="any", form="a text of 1 to 200 characters on one line"),
    )
    agent_runtime: Line | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="Where agent steps ask their model, if neither they nor their workflow say.",
        json_schema_extra=_marks(loosens="any", form="a text of 1 to 100 characters on one line"),
    )
    schedule_gap_minutes: int = Field(
        default=5,
        ge=0,
        le=60,
        description="Time between workflows that the clock would start at the same minute.",
        json_schema_extra=_marks(unit="minutes"),
    )
    schedule_max_running: int = Field(
        default=5,
        ge=1,
        le=100,
        description="Most runs started by the clock that are under way at once; others wait.",
        json_schema_extra=_marks(unit="runs", loosens="up"),
    )
    schedule_failures: int = Field(
        default=3,
        ge=2,
        le=50,
        description="Failed runs in a row with which a workflow with a schedule is paused.",
        json_schema_extra=_marks(unit="runs", loosens="up"),
    )
    schedule_breaches: int = Field(
        default=5,
        ge=2,
        le=50,
        description="The same for runs that reach a limit on turns, cost or tokens.",
        json_schema_extra=_marks(unit="runs", loosens="up"),
    )
    schedule_notices_to: Addresses = Field(
        default="",
        max_length=1_000,
        description="Who is told by e-mail before and when a schedule is paused.",
        json_schema_extra=_marks(loosens="any", form=ADDRESSES_IN_WORDS),
    )
    notify_webhook: Webhook = Field(
        default="",
        max_length=1_000,
        description="Where a signed webhook tells of the events in notify_on.",
        json_schema_extra=_marks(loosens="any", form=WEBHOOK_IN_WORDS, opens=True),
    )
    notify_email_to: Addresses = Field(
        default="",
        max_length=1_000,
        description="Who is told of them by e-mail.",
        json_schema_extra=_marks(loosens="any", form=ADDRESSES_IN_WORDS),
    )
    notify_on: Events = Field(
        default=",".join(CHOSEN),
        max_length=200,
        description="What is told: pattern_started, fix_regressed, fix_applied (by itself), run_paused.",
        json_schema_extra=_marks(loosens="any", form=EVENTS_IN_WORDS),
    )
    nightly_enabled: bool = Field(
        default=True,
        description="Whether the nightly schedule looks at this workspace.",
        json_schema_extra=_marks(loosens="up"),
    )
    nightly_credit_cap: int = Field(
        default=100,
        ge=0,
        le=100_000,
        description="Most credits one nightly pass may use.",
        json_schema_extra=_marks(unit="credits", loosens="up"),
    )
    nightly_spend_cap_usd: Money = Field(
        default=Decimal(5),
        ge=0,
        le=1_000,
        description="Most that model calls of one nightly pass may cost.",
        json_schema_extra=_marks(unit="USD", loosens="up"),
    )
    nightly_digest_to: Addresses = Field(
        default="",
        max_length=1_000,
        description="Who gets the digest by e-mail: addresses with commas between.",
        json_schema_extra=_marks(loosens="any", form=ADDRESSES_IN_WORDS),
    )
    model_policy: ModelPolicy = Field(
        default="when_unsure",
        description="When a model is asked about a failure; what the rules have confirmed needs"
        " none.",
        json_schema_extra=_marks(loosens="any"),
    )
    analysis_runtime: Line | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="Where analyses ask their model first.",
        json_schema_extra=_marks(loosens="any", form="a text of 1 to 100 characters on one line"),
    )
    analysis_model: Line | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="The model they ask there, if not that runtime's default.",
        json_schema_extra=_marks(loosens="any", form="a text of 1 to 200 characters on one line"),
    )
    analysis_spend_cap_usd: Money = Field(
        default=Decimal("0.25"),
        ge=0,
        le=50,
        description="Most that the model calls of one analysis may cost.",
        json_schema_extra=_marks(unit="USD", loosens="up"),
    )
    analysis_daily_spend_usd: Money | None = Field(
        default=None,
        ge=0,
        le=10_000,
        description="Most that the model calls of all analyses may cost in a day (UTC).",
        json_schema_extra=_marks(unit="USD", loosens="up"),
    )
    model_credit_cost: int = Field(
        default=2,
        ge=0,
        le=100,
        description="Credits for an analysis a model answered.",
        json_schema_extra=_marks(unit="credits", fixed=True),
    )
    offline_credit_cost: int = Field(
        default=1,
        ge=0,
        le=100,
        description="Credits for an analysis the rules answered.",
        json_schema_extra=_marks(unit="credits", fixed=True),
    )

    @property
    def kept(self) -> tuple[str, ...]:
        """The expressions of `group_keep`."""
        return keeping.kept(self.group_keep)

    @property
    def second_person_types(self) -> frozenset[str]:
        """The fix types of `second_person_for`."""
        return fix_types.listed(self.second_person_for)

    @model_validator(mode="after")
    def _fits_together(self, info: ValidationInfo) -> "Policy":
        if info.context != ALONE and self.pattern_threshold > self.pattern_window:
            raise ValueError("pattern_threshold is above pattern_window")
        return self
