"""What the top-level steps of a workflow have taken in its last runs, whatever they hold."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from ..execution import StepStatus
from .database import reading
from .tables import EXECUTION, STEP_RUN

MOST_ROWS_READ = 5000


@dataclass(frozen=True, slots=True)
class Pace:
    """Means over the times that a step succeeded. The cost is None as soon as one is unknown."""

    samples: int
    milliseconds: float
    tokens: float
    cost_usd: Decimal | None


_LATEST = (
    sa.select(
        STEP_RUN.c.execution_id,
        STEP_RUN.c.round,
        STEP_RUN.c.path,
        STEP_RUN.c.workflow_version,
        STEP_RUN.c.status,
        STEP_RUN.c.execution_time_ms,
        STEP_RUN.c.tokens_used,
        STEP_RUN.c.cost_usd,
    )
    .join(EXECUTION, EXECUTION.c.id == STEP_RUN.c.execution_id)
    .where(
        EXECUTION.c.workspace_id == sa.bindparam("workspace_id"),
        EXECUTION.c.workflow_id == sa.bindparam("workflow_id"),
        EXECUTION.c.test_mode.is_(False),
    )
    .order_by(EXECUTION.c.created_at.desc(), STEP_RUN.c.round.desc(), STEP_RUN.c.number)
    .limit(MOST_ROWS_READ)
)


class StepPaces:
    """Every method is one transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def paces(
        self, workspace_id: str, workflow_id: str, *, is_same: Callable[[int, str], bool]
    ) -> dict[str, Pace]:
        """By id of the top-level step; tests do not count.

        *is_same* says whether the step of a version with this id is the one that is asked about.
        """
        keys = {"workspace_id": workspace_id, "workflow_id": workflow_id}
        with reading(self._engine) as connection:
            rows = connection.execute(_LATEST, keys).all()
        inside: dict[tuple[str, int, str], list[Any]] = {}
        for row in rows:
            top = row.path.split("/", 2)[1]
            inside.setdefault((row.execution_id, row.round, top), []).append(row)
        found: dict[str, list[_Sample]] = {}
        for (_, _, step_id), held in inside.items():
            sample = _sample(step_id, held, is_same)
            if sample is not None:
                found.setdefault(step_id, []).append(sample)
        return {step_id: _mean(samples) for step_id, samples in found.items()}


@dataclass(frozen=True, slots=True)
class _Sample:
    milliseconds: int
    tokens: int
    cost_usd: Decimal | None


def _sample(
    step_id: str, rows: Iterable[Any], is_same: Callable[[int, str], bool]
) -> _Sample | None:
    """What one time took, from the row of the step and those inside it; None if it failed."""
    held = list(rows)
    own = next((row for row in held if row.path == f"/{step_id}"), None)
    if own is None or own.status != StepStatus.SUCCEEDED.value:
        return None
    if not is_same(own.workflow_version, step_id):
        return None
    costs = [row.cost_usd for row in held if row.tokens_used or row.cost_usd is not None]
    return _Sample(
        milliseconds=own.execution_time_ms,
        tokens=sum(row.tokens_used for row in held),
        cost_usd=None if None in costs else sum(costs, Decimal(0)),
    )


def _mean(samples: list[_Sample]) -> Pace:
    count = len(samples)
    costs = [one.cost_usd for one in samples if one.cost_usd is not None]
    return Pace(
        samples=count,
        milliseconds=sum(one.milliseconds for one in samples) / count,
        tokens=sum(one.tokens for one in samples) / count,
        cost_usd=sum(costs, Decimal(0)) / count if len(costs) == count else None,
    )
