"""The live tiles of a run, worked out when asked for: stored facts, and what it tells as it goes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from statistics import median
from typing import Any

import sqlalchemy as sa

from ..definition.steps import AgentStep, Step, ToolStep, branches
from ..definition.workflow import Workflow
from ..execution import ExecutionStatus
from ..ports import Clock
from ..storage import codec, records
from ..storage.database import reading
from ..storage.definitions import DefinitionStore
from ..storage.executions import ExecutionStore
from ..storage.tables import EXECUTION, STEP_RUN
from .feed import Activity, Feed
from .tiles import CostTile, ElapsedTile, StepNow, Tiles, TokenTile

MOST_STEPS = 20
SAMPLES = 20
ENOUGH_SAMPLES = 3

_USED = sa.select(STEP_RUN.c.round, STEP_RUN.c.tokens_used, STEP_RUN.c.cost_usd).where(
    STEP_RUN.c.execution_id == sa.bindparam("id"),
    STEP_RUN.c.kind.not_in(records.CONTAINERS),
    sa.or_(STEP_RUN.c.tokens_used > 0, STEP_RUN.c.cost_usd.is_not(None)),
)
_COMMITTED = sa.select(STEP_RUN.c.path).where(
    STEP_RUN.c.execution_id == sa.bindparam("id"),
    STEP_RUN.c.round == sa.bindparam("round"),
    STEP_RUN.c.path.in_(sa.bindparam("paths", expanding=True)),
    STEP_RUN.c.completed_at.is_not(None),
)
_PAST = (
    sa.select(EXECUTION.c.round_started_at, EXECUTION.c.completed_at, EXECUTION.c.paused_seconds)
    .where(
        EXECUTION.c.workspace_id == sa.bindparam("workspace"),
        EXECUTION.c.workflow_id == sa.bindparam("workflow"),
        EXECUTION.c.status == ExecutionStatus.SUCCEEDED.value,
        EXECUTION.c.test_mode.is_(False),
        sa.or_(EXECUTION.c.round == 1, EXECUTION.c.resume_mode == "full"),
    )
    .order_by(EXECUTION.c.created_at.desc())
    .limit(SAMPLES)
)


@dataclass(frozen=True, slots=True)
class LiveTiles:
    """Reads one run at one moment, in one workspace."""

    engine: sa.Engine
    definitions: DefinitionStore
    executions: ExecutionStore
    feed: Feed
    clock: Clock

    def live(self, workspace_id: str, execution_id: str) -> Tiles:
        """The tiles of a run as of now. Raises `NotFound`."""
        # First what is told, then what is stored: a step that ends in between is counted once.
        telling = self.feed.telling(execution_id)
        with reading(self.engine) as connection:
            row = records.find_execution(connection, workspace_id, execution_id)
            workflow = self.definitions.read_workflow(
                connection, workspace_id, row.workflow_id, row.workflow_version
            ).workflow
            # Nobody has it while it is paused; after a take-over what is told here is of the past.
            is_ours = telling is not None and telling.token == row.run_token
            doing = telling.steps if telling is not None and is_ours else None
            under_way = _not_committed(connection, row, doing or ())
            spent = connection.execute(_USED, {"id": execution_id}).all()
            past = self._past(connection, row)
            steps = tuple(_steps_now(under_way, _by_path(workflow)))
            if doing is None and row.status == ExecutionStatus.RUNNING.value:
                steps = self._stored_step(connection, row, workflow)
        now = self.clock.now()
        seconds = _elapsed(row, now)
        estimate: Mapping[str, Any] = codec.loads(row.estimate) if row.estimate else {}
        used = [(one.tokens_used, one.cost_usd) for one in spent if one.round == row.round]
        used += [(one.tokens, one.cost_usd) for one in under_way]
        known = [one.cost_usd for one in (*spent, *under_way) if one.cost_usd is not None]
        return Tiles(
            execution_id=execution_id,
            status=ExecutionStatus(row.status),
            round=row.round,
            as_of=now,
            is_live=is_ours,
            tokens=_tokens(sum(tokens for tokens, _ in used), seconds, estimate),
            cost=_cost(records.total_cost(used), sum(known, Decimal(0)), workflow.budget, estimate),
            steps=steps,
            elapsed=ElapsedTile(
                seconds=seconds,
                estimated_seconds=median(past) if len(past) >= ENOUGH_SAMPLES else None,
                samples=len(past),
            ),
        )

    def _past(self, connection: sa.Connection, row: Any) -> list[float]:
        """How long the workflow's last whole runs took; none for a round that keeps outputs."""
        if row.round > 1 and row.resume_mode != "full":
            return []
        keys = {"workspace": row.workspace_id, "workflow": row.workflow_id}
        return [
            (one.completed_at - one.round_started_at).total_seconds() - one.paused_seconds
            for one in connection.execute(_PAST, keys)
            if one.completed_at is not None and one.round_started_at is not None
        ]

    def _stored_step(
        self, connection: sa.Connection, row: Any, workflow: Workflow
    ) -> tuple[StepNow, ...]:
        """The top-level step that a run elsewhere is at; what it does inside is not stored."""
        run = self.executions.as_of_now(connection, records.execution(row))
        found = [step for step in workflow.steps if step.id == run.current_step]
        return tuple(
            StepNow(
                path=f"/{step.id}",
                name=step.title,
                action=step.action,
                tool=step.action if isinstance(step, ToolStep) else None,
                most_turns=_most_turns(step),
            )
            for step in found
        )


def _not_committed(
    connection: sa.Connection, row: Any, doing: Sequence[Activity]
) -> list[Activity]:
    """What the store does not know of yet."""
    if not doing:
        return []
    keys = {"id": row.id, "round": row.round, "paths": [one.path for one in doing]}
    committed = set(connection.scalars(_COMMITTED, keys))
    return [one for one in doing if one.path not in committed]


def _steps_now(under_way: Sequence[Activity], known: Mapping[str, Step]) -> Iterator[StepNow]:
    """Those that do something themselves, the newest first."""
    working = [one for one in under_way if not one.has_ended and one.kind not in records.CONTAINERS]
    for one in reversed(working[-MOST_STEPS:]):
        step = known.get(_place(one.path))
        yield StepNow(
            path=one.path,
            name=one.name,
            action=one.action,
            tool=one.action if one.kind == "tool" else one.tool,
            turn=one.turn,
            most_turns=None if step is None else _most_turns(step),
            started_at=one.started_at,
            text=one.text,
            is_truncated=one.truncated,
        )


def _most_turns(step: Step) -> int | None:
    """The least that the step itself says; the workspace may allow fewer."""
    if not isinstance(step, AgentStep):
        return None
    own = step.budget.max_turns
    return step.max_turns if own is None else min(step.max_turns, own)


def _by_path(workflow: Workflow) -> dict[str, Step]:
    """Every step by its place: a path with * for any iteration of a loop."""
    found: dict[str, Step] = {}
    waiting = [("", step) for step in workflow.steps]
    while waiting:
        prefix, step = waiting.pop()
        place = f"{prefix}/{step.id}"
        found[place] = step
        waiting += [(f"{place}/{name}", one) for name, steps in branches(step) for one in steps]
    return found


def _place(path: str) -> str:
    """No id begins with a digit, so a number is an iteration."""
    return "/".join("*" if part.isdigit() else part for part in path.split("/"))


def _elapsed(row: Any, now: datetime) -> float | None:
    if row.round_started_at is None:
        return None
    until = row.completed_at or row.paused_at or now
    worked = (until - row.round_started_at).total_seconds() - row.paused_seconds
    return round(max(0.0, worked), 3)


def _tokens(used: int, seconds: float | None, estimate: Mapping[str, Any]) -> TokenTile:
    return TokenTile(
        used=used,
        per_second=round(used / seconds, 2) if seconds else None,
        estimated_least=estimate.get("least_tokens"),
        estimated_most=estimate.get("most_tokens"),
    )


def _cost(
    used: Decimal | None, counted: Decimal, budget: Any, estimate: Mapping[str, Any]
) -> CostTile:
    limit: Decimal | None = budget.max_cost_usd
    return CostTile(
        used_usd=used,
        counted_usd=counted,
        budget_usd=limit,
        budget_used_percentage=None if limit is None else round(float(counted / limit) * 100, 1),
        estimated_least_usd=_money(estimate.get("least_cost_usd")),
        estimated_most_usd=_money(estimate.get("most_cost_usd")),
    )


def _money(amount: Any) -> Decimal | None:
    return None if amount is None else Decimal(str(amount))
