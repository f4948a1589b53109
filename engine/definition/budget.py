"""What a run, or one step of it, may spend."""

from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field


class Budget(BaseModel):
    """Limits of one run, or of one step; None means the next wider budget's.

    A step's own budget counts before its workflow's, and that before the workspace's settings.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_cost_usd: Decimal | None = Field(default=None, gt=0, le=50)
    max_tokens: int | None = Field(default=None, gt=0)
    max_turns: int | None = Field(default=None, gt=0, description="Calls of a model in one step.")
