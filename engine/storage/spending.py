"""What a workspace's runs have used."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa

from .database import reading
from .tables import EXECUTION, STEP_RUN


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens, and USD exactly; unknown prices are left out."""

    tokens: int = 0
    cost_usd: Decimal = Decimal(0)


USED_SINCE = (
    sa.select(STEP_RUN.c.tokens_used, STEP_RUN.c.cost_usd)
    .join(EXECUTION, EXECUTION.c.id == STEP_RUN.c.execution_id)
    .where(
        # Hidden from the planner, which would go through all the runs a workspace ever had.
        sa.func.coalesce(EXECUTION.c.workspace_id, "") == sa.bindparam("workspace_id"),
        STEP_RUN.c.completed_at >= sa.bindparam("since", type_=STEP_RUN.c.completed_at.type),
        # In the words of the index.
        sa.or_(STEP_RUN.c.tokens_used > sa.literal_column("0"), STEP_RUN.c.cost_usd.is_not(None)),
    )
)


class SpendingStore:
    """Every method is one transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def since(self, workspace_id: str, moment: datetime) -> Spent:
        """What the steps have used that ended at *moment* or later."""
        keys = {"workspace_id": workspace_id, "since": moment}
        with reading(self._engine) as connection:
            rows = connection.execute(USED_SINCE, keys).all()
        return Spent(
            sum(row.tokens_used for row in rows),
            sum((row.cost_usd for row in rows if row.cost_usd is not None), Decimal(0)),
        )
