"""What was learned from runs: written in the transaction that ends one, read by shape of workflow."""

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Self, TypeAlias
from uuid import uuid4

import sqlalchemy as sa
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from ..definition.shape import Shape, shape
from ..definition.workflow import Workflow
from ..execution import ErrorInfo, ExecutionStatus
from .database import reading
from .definitions import DefinitionStore
from .prepared import Prepared
from .run_facts import MICROS, Facts, facts_of
from .stat_tables import RUN_FACTS, STATS

_Key: TypeAlias = tuple[str, Shape]


@dataclass(frozen=True, slots=True)
class Ended:
    """A run whose end has just been written; *failure* is the code of its error."""

    execution_id: str
    workspace_id: str
    status: ExecutionStatus
    failure: str | None
    test_mode: bool

    @classmethod
    def of(cls, row: Any, *, status: ExecutionStatus, error: ErrorInfo | None) -> Self:
        """*row* is of `execution`, from before it ended."""
        failure = None
        if status is not ExecutionStatus.SUCCEEDED:
            failure = status.value if error is None else error.code
        return cls(row.id, row.workspace_id, status, failure, row.test_mode)

    @property
    def counts(self) -> bool:
        """Neither a test nor a run that somebody stopped says how a workflow fares."""
        return not self.test_mode and self.status is not ExecutionStatus.CANCELLED


def roll_up(connection: sa.Connection, run: Ended, workflow: Workflow, *, now: datetime) -> None:
    """Adds *run* to what is known of its shape, in place of what it said when it last ended.

    Call it in the same transaction after `journal.close_execution`, whose counter lets one end
    after the other in: so two never write the same row at once.
    """
    if not run.counts:
        return
    facts = facts_of(connection, run.execution_id, workflow, failure=run.failure)
    key = (run.workspace_id, shape(workflow))
    before = _OLD.all(connection, {"execution_id": run.execution_id})
    take = None
    for old in before:
        old_key, said = (old.workspace_id, Shape(old.pattern, old.step_count)), old.facts
        if old_key == key:
            take = Facts.loads(said)
        else:
            _change(connection, old_key, add=None, take=Facts.loads(said), now=now)
    _change(connection, key, add=facts, take=take, now=now)
    values = {
        "execution_id": run.execution_id,
        "workspace_id": run.workspace_id,
        "pattern": key[1].pattern,
        "step_count": key[1].step_count,
        "facts": facts.dumps(),
    }
    (_AMEND if before else _REMEMBER).rowcount(connection, [values])


def _change(
    connection: sa.Connection, key: _Key, *, add: Facts | None, take: Facts | None, now: datetime
) -> None:
    workspace_id, of = key
    named = {"workspace": workspace_id, "of_pattern": of.pattern, "of_steps": of.step_count}
    rows = _TOTALS.all(connection, named)
    totals = _facts(rows[0]) if rows else Facts()
    totals = totals if add is None else totals.plus(add)
    totals = totals if take is None else totals.minus(take)
    if not totals.runs:
        _FORGET.rowcount(connection, [named])
        return
    values = {**named, **_columns(totals), "last_updated": now}
    if rows:
        _UPDATE.rowcount(connection, [values])
        return
    values |= {"id": uuid4().hex, "created_at": now, "workspace_id": workspace_id}
    values |= {"pattern": of.pattern, "step_count": of.step_count}
    _INSERT.rowcount(connection, [values])


_SUMS = (
    "succeeded",
    "steps",
    "duration_ms",
    "agent_steps",
    "documents",
    "priced_steps",
    "cost_micros",
    "cost_squares",
)


def _columns(totals: Facts) -> dict[str, Any]:
    runtimes = {
        name: {
            "rate": totals.held.get(name, 0) / samples,
            "samples": samples,
            "succeeded": totals.held.get(name, 0),
        }
        for name, samples in totals.tried.items()
    }
    return {
        **{name: getattr(totals, name) for name in _SUMS},
        "sample_count": totals.runs,
        "success_rate": totals.succeeded / totals.runs,
        "avg_docs_per_step": _mean(totals.documents, totals.agent_steps),
        "avg_cost_per_step_micros": _mean(totals.cost_micros, totals.priced_steps),
        "avg_duration_per_step_ms": _mean(totals.duration_ms, totals.steps),
        "common_failures": json.dumps(totals.failures),
        "runtime_breakdown": json.dumps(runtimes),
    }


def _mean(total: int, count: int) -> float | None:
    return total / count if count else None


def _facts(row: Any) -> Facts:
    runtimes = json.loads(row.runtime_breakdown)
    return Facts(
        **{name: getattr(row, name) for name in _SUMS},
        runs=row.sample_count,
        failures=json.loads(row.common_failures),
        tried={name: one["samples"] for name, one in runtimes.items()},
        held={name: one["succeeded"] for name, one in runtimes.items() if one["succeeded"]},
    )


_THIS = (
    STATS.c.workspace_id == sa.bindparam("workspace", type_=sa.Text()),
    STATS.c.pattern == sa.bindparam("of_pattern", type_=sa.Text()),
    STATS.c.step_count == sa.bindparam("of_steps", type_=sa.Integer()),
)
_FIXED = ("id", "workspace_id", "pattern", "step_count", "created_at")
_TOTALS = Prepared(sa.select(STATS).where(*_THIS).with_for_update())
_FORGET = Prepared(sa.delete(STATS).where(*_THIS))
_INSERT = Prepared(
    sa.insert(STATS).values({c.name: sa.bindparam(c.name, type_=c.type) for c in STATS.columns})
)
_UPDATE = Prepared(
    sa.update(STATS)
    .where(*_THIS)
    .values(
        {
            column.name: sa.bindparam(column.name, type_=column.type)
            for column in STATS.columns
            if column.name not in _FIXED
        }
    )
)
_THIS_RUN = RUN_FACTS.c.execution_id == sa.bindparam("execution_id", type_=sa.Text())
_OLD = Prepared(sa.select(RUN_FACTS).where(_THIS_RUN))
_REMEMBER = Prepared(
    sa.insert(RUN_FACTS).values(
        {c.name: sa.bindparam(c.name, type_=c.type) for c in RUN_FACTS.columns}
    )
)
_AMEND = Prepared(
    sa.update(RUN_FACTS)
    .where(RUN_FACTS.c.execution_id == sa.bindparam("execution_id", type_=sa.Text()))
    .values(
        {
            column.name: sa.bindparam(column.name, type_=column.type)
            for column in RUN_FACTS.columns
            if column.name not in ("execution_id", "workspace_id")
        }
    )
)


class RuntimeRate(BaseModel):
    """How often agent steps succeeded on one runtime, without their fallback."""

    model_config = ConfigDict(frozen=True)

    rate: float = Field(ge=0, le=1)
    samples: int


class WorkflowStats(BaseModel):
    """What the runs of one shape of workflow have in common; null for what was never measured.

    Costs are in millionths of a dollar and of the steps whose cost is known, documents of the steps
    that ask a model, durations of all steps but those that hold others.
    """

    model_config = ConfigDict(frozen=True)

    pattern: str
    step_count: int
    sample_count: int = Field(description="Runs.")
    success_rate: float = Field(ge=0, le=1)
    avg_docs_per_step: float | None
    avg_cost_per_step_micros: float | None
    cost_deviation_micros: float | None = Field(
        description="Standard deviation of a step's cost; null with fewer than two."
    )
    priced_steps: int = Field(description="Steps whose cost is known.")
    avg_duration_per_step_ms: float | None
    common_failures: dict[str, int] = Field(description="Failed runs by error code.")
    runtime_breakdown: dict[str, RuntimeRate]
    last_updated: AwareDatetime

    @classmethod
    def of(cls, row: Any) -> Self:
        """*row* is of `workflow_execution_stats`."""
        return cls.model_validate(
            {
                **{name: getattr(row, name, None) for name in cls.model_fields},
                "cost_deviation_micros": deviation(
                    row.priced_steps, row.cost_micros, row.cost_squares
                ),
                "common_failures": json.loads(row.common_failures),
                "runtime_breakdown": json.loads(row.runtime_breakdown),
            }
        )


def deviation(count: int, total: int, squares: int) -> float | None:
    """The standard deviation of *count* numbers with that sum and that sum of squares."""
    if count < 2:
        return None
    variance = Decimal(max(0, count * squares - total * total)) / (count * (count - 1))
    return float(variance.sqrt())


class StatsStore:
    """Every method is one transaction; every query stays in one workspace."""

    def __init__(self, engine: sa.Engine, definitions: DefinitionStore) -> None:
        self._engine = engine
        self._definitions = definitions

    def stats(self, workspace_id: str) -> tuple[WorkflowStats, ...]:
        """All there are, by pattern and number of steps."""
        query = sa.select(STATS).order_by(STATS.c.pattern, STATS.c.step_count)
        with reading(self._engine) as connection:
            rows = connection.execute(query.where(STATS.c.workspace_id == workspace_id)).all()
        return tuple(WorkflowStats.of(row) for row in rows)

    def of_workflow(
        self, workspace_id: str, workflow_id: str
    ) -> tuple[Workflow, tuple[WorkflowStats, ...]]:
        """The newest version, and what is known of every pattern with as many steps.

        Raises `NotFound`.
        """
        with reading(self._engine) as connection:
            stored = self._definitions.read_workflow(connection, workspace_id, workflow_id)
            query = (
                sa.select(STATS)
                .where(
                    STATS.c.workspace_id == workspace_id,
                    STATS.c.step_count == shape(stored.workflow).step_count,
                )
                .order_by(STATS.c.pattern)
            )
            rows = connection.execute(query).all()
        return stored.workflow, tuple(WorkflowStats.of(row) for row in rows)


def usd(micros: float) -> Decimal:
    """Millionths of a dollar as dollars, rounded up to a millionth."""
    return Decimal(micros).to_integral_value("ROUND_CEILING") / MICROS
