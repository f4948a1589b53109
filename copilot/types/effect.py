"""What a fix would bring about, beside the diff that is approved: to look at, never bound to it."""

from decimal import Decimal
from typing import Literal

from pydantic import Field

from .frozen import Frozen


class SideLine(Frozen):
    """One row of a side-by-side view: a line before and a line after, with their numbers."""

    kind: Literal["equal", "changed", "added", "removed"]
    old_number: int | None = None
    old: str | None = None
    new_number: int | None = None
    new: str | None = None


class Side(Frozen):
    """One part that differs. Where line numbers jump, equal lines are left out."""

    part: str = Field(description="As the diff names it: workflow.yaml, templates/Hello.yaml.")
    state: Literal["changed", "added", "removed"]
    lines: tuple[SideLine, ...]
    cut: bool = Field(default=False, description="There is more than is shown here.")


class RunRange(Frozen):
    """What one run is expected to use. Costs are null where a price is unknown."""

    least_tokens: int
    most_tokens: int
    least_cost_usd: Decimal | None
    most_cost_usd: Decimal | None


class CostEffect(Frozen):
    """What one run uses with the workflow as it is, and as it would be. Retries are not counted."""

    before: RunRange
    after: RunRange
    explanation: str


class DryRun(Frozen):
    """The failed step, tried with the change on the input that it failed on. Nothing was stored."""

    state: Literal["passed", "failed", "not_possible"]
    explanation: str
