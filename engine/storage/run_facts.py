"""What one run says about workflows of its shape: sums that can be added up and taken out again."""

import json
from collections import Counter
from dataclasses import dataclass, field, fields
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import sqlalchemy as sa

from ..definition.shape import working_steps
from ..definition.steps import AgentStep
from ..definition.workflow import Workflow
from ..errors import StepStopped
from ..execution import ErrorInfo, StepStatus
from .prepared import Prepared
from .step_history import place_of
from .tables import STEP_RUN

MICROS = 1_000_000
#: Where a step's model is asked when neither the step names a runtime nor a model.
DEFAULT_RUNTIME = "default"


@dataclass(frozen=True, slots=True)
class Facts:
    """Sums over runs. Costs are in millionths of a dollar, of the steps whose cost is known.

    `documents` counts what agent steps were given, once for each of them; `failures` counts runs by
    the code of their error, `tried` and `held` agent steps by runtime.
    """

    runs: int = 0
    succeeded: int = 0
    steps: int = 0
    duration_ms: int = 0
    agent_steps: int = 0
    documents: int = 0
    priced_steps: int = 0
    cost_micros: int = 0
    cost_squares: int = 0
    failures: dict[str, int] = field(default_factory=dict[str, int])
    tried: dict[str, int] = field(default_factory=dict[str, int])
    held: dict[str, int] = field(default_factory=dict[str, int])

    def plus(self, other: "Facts") -> "Facts":
        return self._with(other, 1)

    def minus(self, other: "Facts") -> "Facts":
        return self._with(other, -1)

    def _with(self, other: "Facts", sign: int) -> "Facts":
        return Facts(
            **{name: _sum(getattr(self, name), getattr(other, name), sign) for name in _NAMES}
        )

    def dumps(self) -> str:
        """As JSON, without what is zero."""
        return json.dumps({name: value for name in _NAMES if (value := getattr(self, name))})

    @classmethod
    def loads(cls, text: str) -> "Facts":
        return cls(**json.loads(text))


_NAMES = tuple(one.name for one in fields(Facts))


def _sum(mine: Any, theirs: Any, sign: int) -> Any:
    if isinstance(mine, int):
        return mine + sign * theirs
    if not theirs:
        return mine
    names = sorted({*mine, *theirs})
    sums = {name: mine.get(name, 0) + sign * theirs.get(name, 0) for name in names}
    return {name: count for name, count in sums.items() if count}


_COUNTS = (
    STEP_RUN.c.execution_id == sa.bindparam("execution_id"),
    STEP_RUN.c.superseded_in.is_(None),
    sa.or_(
        STEP_RUN.c.status == sa.literal(StepStatus.SUCCEEDED.value),
        STEP_RUN.c.status == sa.literal(StepStatus.FAILED.value),
    ),
)
_IS_PRICED = sa.or_(STEP_RUN.c.kind == sa.literal("agent"), STEP_RUN.c.cost_usd.is_not(None))
_ALL = Prepared(
    sa.select(
        sa.func.count().label("steps"),
        sa.func.sum(STEP_RUN.c.execution_time_ms).label("time_ms"),
        sa.func.count(sa.case((_IS_PRICED, 1))).label("priced"),
    ).where(
        *_COUNTS,
        sa.or_(STEP_RUN.c.kind == sa.literal("tool"), STEP_RUN.c.kind == sa.literal("agent")),
    )
)
_PRICED = Prepared(
    sa.select(
        STEP_RUN.c.path,
        STEP_RUN.c.kind,
        STEP_RUN.c.status,
        STEP_RUN.c.cost_usd,
        STEP_RUN.c.fallback,
        STEP_RUN.c.error,
    ).where(
        *_COUNTS,
        _IS_PRICED,
    )
)


def facts_of(
    connection: sa.Connection, execution_id: str, workflow: Workflow, *, failure: str | None
) -> Facts:
    """Of a run that has ended: the steps that count now, whichever round they are from.

    *failure* is the code of its error, None if it has succeeded.
    """
    (every,) = _ALL.all(connection, {"execution_id": execution_id})
    asked = _PRICED.all(connection, {"execution_id": execution_id}) if every.priced else []
    costs = [_micros(row.cost_usd) for row in asked if row.cost_usd is not None]
    known = _agents(workflow) if asked else {}
    agents = [(known[place], row) for row in asked if (place := place_of(row.path)) in known]
    measured = [(runtime_of(step, workflow), row) for step, row in agents if not _was_stopped(row)]
    return Facts(
        runs=1,
        succeeded=int(failure is None),
        steps=every.steps,
        duration_ms=int(every.time_ms or 0),
        agent_steps=len(agents),
        documents=sum(len({*workflow.documents, *step.documents}) for step, _ in agents),
        priced_steps=len(costs),
        cost_micros=sum(costs),
        cost_squares=sum(cost * cost for cost in costs),
        failures={} if failure is None else {failure: 1},
        tried=dict(Counter(runtime for runtime, _ in measured)),
        held=dict(Counter(runtime for runtime, row in measured if _held(row))),
    )


def runtime_of(step: AgentStep, workflow: Workflow) -> str:
    """The name under which success is counted: of the runtime, else of the model."""
    return step.runtime or step.model or workflow.runtime or DEFAULT_RUNTIME


def _agents(workflow: Workflow) -> dict[str, AgentStep]:
    return {place: step for place, step in working_steps(workflow) if isinstance(step, AgentStep)}


def _micros(cost: Decimal) -> int:
    return int((cost * MICROS).to_integral_value(ROUND_HALF_UP))


def _held(row: Any) -> bool:
    """A step that its fallback had to stand in for has failed."""
    return row.status == StepStatus.SUCCEEDED.value and row.fallback is None


def _was_stopped(row: Any) -> bool:
    """It might have succeeded, had not another branch failed."""
    if row.error is None:
        return False
    return ErrorInfo.model_validate_json(row.error).code == StepStopped.code
