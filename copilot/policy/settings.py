"""The settings of a workspace: their types, bounds, defaults and what each is for."""

import re
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from ..characters import has_hidden
from . import keeping

Direction = Literal["up", "down", "any"]
#: The context that has one value looked at without the others.
ALONE: Final = {"alone": True}
#: The type of an error whose message says more than the form of the setting.
OWN_WORDS: Final = "own_words"
#: Settings that must fit together: the first is at most the second.
PATTERN: Final = ("pattern_threshold", "pattern_window")

_ADDRESS = re.compile(r"[^\s@,]+@[^\s@,]+")
_ADDRESSES_IN_WORDS = "e-mail addresses with commas between, in at most 1000 characters"


def _marks(
    *,
    unit: str | None = None,
    loosens: Direction | None = None,
    fixed: bool = False,
    unset: tuple[float, float] | None = None,
    form: str | None = None,
) -> dict[str, Any]:
    """What a setting is beside its type.

    unit: of the value. loosens: the change that gives away safety, spends more or hides a warning;
    to turn something on is up. fixed: set by the installation.
    unset: the least and the most that counts while it is None; nothing means there is no limit.
    form: how a text must look.
    """
    return {"unit": unit, "loosens": loosens, "fixed": fixed, "unset": unset, "form": form}


def _one_line(text: str) -> str:
    if has_hidden(text) or text != " ".join(text.split()):
        raise ValueError("not one line of plain text")
    return text


def _addresses(text: str) -> str:
    if text and not all(_ADDRESS.fullmatch(part.strip(" ")) for part in text.split(",")):
        raise ValueError("not e-mail addresses")
    return text


def _expressions(text: str) -> str:
    try:
        keeping.expressions(text)
    except ValueError as problem:
        raise PydanticCustomError(OWN_WORDS, "{why}", {"why": f"{problem}."}) from None
    return text


Money = Annotated[Decimal, Field(max_digits=9, decimal_places=4)]
Line = Annotated[str, AfterValidator(_one_line)]
Addresses = Annotated[Line, AfterValidator(_addresses)]
Expressions = Annotated[Line, AfterValidator(_expressions)]


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
    verify_runs: int = Field(
        default=3,
        ge=1,
        le=100,
        description="Passing runs until a fix counts as verified.",
        json_schema_extra=_marks(unit="runs", loosens="down"),
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
        json_schema_extra=_marks(loosens="any", form=_ADDRESSES_IN_WORDS),
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
        json_schema_extra=_marks(loosens="any", form=_ADDRESSES_IN_WORDS),
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

    @model_validator(mode="after")
    def _fits_together(self, info: ValidationInfo) -> "Policy":
        if info.context != ALONE and self.pattern_threshold > self.pattern_window:
            raise ValueError("pattern_threshold is above pattern_window")
        return self
