"""What the steps of a workflow have used in its last runs."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

import sqlalchemy as sa

from ..execution import StepStatus
from .database import reading
from .tables import EXECUTION, STEP_RUN

MOST_STEPS_READ = 5000


@dataclass(frozen=True, slots=True)
class PastUse:
    """What a step has used each time it succeeded, over its attempts.

    A cost is None as soon as one of them is unknown.
    """

    samples: int
    least_tokens: int
    most_tokens: int
    least_cost_usd: Decimal | None = None
    most_cost_usd: Decimal | None = None


IsSame: TypeAlias = Callable[[int, str], bool]
_LATEST = (
    sa.select(
        STEP_RUN.c.path, STEP_RUN.c.workflow_version, STEP_RUN.c.tokens_used, STEP_RUN.c.cost_usd
    )
    .join(EXECUTION, EXECUTION.c.id == STEP_RUN.c.execution_id)
    .where(
        EXECUTION.c.workspace_id == sa.bindparam("workspace_id"),
        EXECUTION.c.workflow_id == sa.bindparam("workflow_id"),
        STEP_RUN.c.status == StepStatus.SUCCEEDED.value,
        STEP_RUN.c.tokens_used > 0,
    )
    .order_by(EXECUTION.c.created_at.desc(), STEP_RUN.c.number)
    .limit(MOST_STEPS_READ)
)


class StepHistory:
    """Every method is one transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def past_use(
        self,
        workspace_id: str,
        workflow_id: str,
        *,
        is_same: IsSame = lambda _version, _place: True,
    ) -> dict[str, PastUse]:
        """By place: the path of a step with `*` for any iteration of a loop.

        *is_same* says whether the step of a version at a place is the one that is asked about.
        """
        keys = {"workspace_id": workspace_id, "workflow_id": workflow_id}
        found: dict[str, list[Any]] = {}
        with reading(self._engine) as connection:
            for row in connection.execute(_LATEST, keys):
                place = place_of(row.path)
                if is_same(row.workflow_version, place):
                    found.setdefault(place, []).append(row)
        return {place: _past_use(rows) for place, rows in found.items()}


def place_of(path: str) -> str:
    """`/rows/3/send` as `rows/*/send`. No id begins with a digit, so a number is an iteration."""
    return "/".join("*" if part.isdigit() else part for part in path.strip("/").split("/"))


def _past_use(rows: list[Any]) -> PastUse:
    tokens = [row.tokens_used for row in rows]
    costs = [row.cost_usd for row in rows if row.cost_usd is not None]
    are_known = len(costs) == len(rows)
    return PastUse(
        samples=len(rows),
        least_tokens=min(tokens),
        most_tokens=max(tokens),
        least_cost_usd=min(costs) if are_known else None,
        most_cost_usd=max(costs) if are_known else None,
    )
