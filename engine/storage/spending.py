"""What a workspace's runs have cost."""

from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa

from .database import reading
from .tables import EXECUTION, STEP_RUN

_PRICED = (
    sa.select(STEP_RUN.c.cost_usd)
    .join(EXECUTION, EXECUTION.c.id == STEP_RUN.c.execution_id)
    .where(
        EXECUTION.c.workspace_id == sa.bindparam("workspace_id"),
        STEP_RUN.c.completed_at >= sa.bindparam("since", type_=STEP_RUN.c.completed_at.type),
        STEP_RUN.c.cost_usd.is_not(None),
    )
)


class SpendingStore:
    """Every method is one transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def since(self, workspace_id: str, moment: datetime) -> Decimal:
        """USD of the steps that ended at *moment* or later, exactly; unknown prices are left out."""
        keys = {"workspace_id": workspace_id, "since": moment}
        with reading(self._engine) as connection:
            return sum(connection.scalars(_PRICED, keys), Decimal(0))
