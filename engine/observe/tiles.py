"""What the tiles of a run under way show. Null is unknown, never zero."""

from decimal import Decimal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from ..execution import ExecutionStatus


class _Tile(BaseModel):
    model_config = ConfigDict(frozen=True)


class TokenTile(_Tile):
    """Of this round, turns under way included where this process carries the run out."""

    used: int
    per_second: float | None = Field(description="On average over the round.")
    estimated_least: int | None = None
    estimated_most: int | None = None


class CostTile(_Tile):
    used_usd: Decimal | None = Field(
        description="Of this round; null as soon as the price of a part of it is unknown."
    )
    counted_usd: Decimal = Field(
        description="What the budget counts: every round, as far as prices are known."
    )
    budget_usd: Decimal | None = Field(description="Of the whole run; null without one.")
    budget_used_percentage: float | None = None
    estimated_least_usd: Decimal | None = None
    estimated_most_usd: Decimal | None = None


class StepNow(_Tile):
    """A step under way."""

    path: str
    name: str | None
    action: str | None = Field(description="agent, or what a tool step does.")
    tool: str | None = Field(description="What is used now: null while a model thinks.")
    turn: int | None = Field(default=None, description="The last one begun or ended.")
    most_turns: int | None = Field(default=None, description="What the step's definition allows.")
    started_at: AwareDatetime | None = None
    text: str | None = Field(default=None, description="The end of what a model has said so far.")
    is_truncated: bool = False


class ElapsedTile(_Tile):
    """Time spent waiting for people does not count."""

    seconds: float | None = Field(description="Of this round; null until it has begun.")
    estimated_seconds: float | None = Field(
        default=None,
        description="Median of the workflow's last whole runs; null for fewer than three of them, "
        "and for a round that keeps outputs.",
    )
    samples: int = 0


class Tiles(_Tile):
    """One run as of `as_of`. `steps` are those under way, the one that began last first."""

    execution_id: str
    status: ExecutionStatus
    round: int
    as_of: AwareDatetime
    is_live: bool = Field(
        description="Whether the process that answers carries the run out. Otherwise only what is "
        "stored is known: whole steps."
    )
    tokens: TokenTile
    cost: CostTile
    steps: tuple[StepNow, ...]
    elapsed: ElapsedTile
