"""What an interpreter reads and writes while it carries out a run, behind the fence.

These functions take the connection they run in: the writer groups several into one transaction.
Everything an interpreter writes names its token; once the row holds another token, or none, the
write changes nothing and `Fenced` is raised.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import sqlalchemy as sa

from ..definition.workflow import Workflow
from ..execution import ErrorInfo, ExecutionStatus, StepApproval, StepStatus
from . import codec, events, interrupted, questions, stats
from .bulk import BulkInsert
from .prepared import Prepared
from .records import StepRecord, Totals, lock_execution, put_aside, step_values, totals
from .tables import COUNTER, ENDED, EXECUTION, STEP_RUN
from .takeovers import newest, takeovers

_LIVE = (ExecutionStatus.QUEUED.value, ExecutionStatus.RUNNING.value)


class Fenced(Exception):
    """Somebody else has this run now, or it was cancelled: stop, and write nothing more."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to write one round of one run."""

    execution_id: str
    round: int
    workflow_version: int
    token: str


@dataclass(frozen=True, slots=True)
class LiveStep:
    """A step that has not been put aside, as the next interpreter finds it."""

    path: str
    step_id: str
    number: int
    round: int
    workflow_version: int
    status: StepStatus
    output: str | None = None
    error: ErrorInfo | None = None
    effect: bool = False
    has_output: bool = False
    started_at: datetime | None = None
    kind: str = "tool"
    resources_at: datetime | None = None  # when its interpreter read the templates and documents


@dataclass(frozen=True, slots=True)
class Begun:
    """Everything a round starts from. `spent` counts every round, for the caps; `put_aside` is the
    part of it that steps have used which a resume has put aside.

    `round_started_at` is moved on by the time the round has waited for people. `approvals` are
    those of this round, by path.
    """

    ticket: Ticket
    workspace_id: str
    workflow_id: str
    inputs: dict[str, Any]
    timeout_seconds: float | None
    round_started_at: datetime
    steps: tuple[LiveStep, ...]
    spent: Totals
    put_aside: Totals = field(default_factory=Totals)
    approvals: Mapping[str, StepApproval] = field(default_factory=dict[str, StepApproval])


def _set_execution(*names: str) -> Prepared:
    values = {name: sa.bindparam(name, type_=EXECUTION.c[name].type) for name in names}
    key = EXECUTION.c.id == sa.bindparam("key_id", type_=EXECUTION.c.id.type)
    return Prepared(sa.update(EXECUTION).where(key).values(values))


_TAKE_OVER = _set_execution("run_token", "status", "started_at", "round_started_at", "updated_at")
_CLOSE = _set_execution(
    "status",
    "run_token",
    "completed_at",
    "updated_at",
    "error",
    "current_step",
    "total_tokens_used",
    "total_execution_time_ms",
    "total_cost_usd",
    "end_cursor",
    "paused_at",
    "wake_at",
)
_COUNT = Prepared(
    sa.update(COUNTER)
    .where(COUNTER.c.name == sa.bindparam("key_name", type_=COUNTER.c.name.type))
    .values(value=COUNTER.c.value + 1)
    .returning(COUNTER.c.value)
)


def begin(
    connection: sa.Connection, execution_id: str, *, dispatch: int, token: str, now: datetime
) -> Begun | None:
    """Takes the run over; None if this dispatch is not the newest or the run has ended."""
    row = lock_execution(connection, execution_id)
    if row is None or row.dispatch != dispatch or row.status not in _LIVE:
        return None
    events.round_begun(connection, row, now=now)
    started = row.round_started_at or now
    taken = {
        "key_id": execution_id,
        "run_token": token,
        "status": ExecutionStatus.RUNNING.value,
        "started_at": row.started_at or now,
        "round_started_at": started,
        "updated_at": now,
    }
    _TAKE_OVER.rowcount(connection, [taken])
    first = row.started_at is None  # nobody can have written a step yet
    return Begun(
        ticket=Ticket(execution_id, row.round, row.workflow_version, token),
        workspace_id=row.workspace_id,
        workflow_id=row.workflow_id,
        inputs=codec.loads(row.inputs),
        timeout_seconds=row.timeout_seconds,
        round_started_at=started + timedelta(seconds=row.paused_seconds),
        steps=() if first else live_steps(connection, execution_id, outputs=True),
        spent=Totals() if first else totals(connection, execution_id, round=None),
        put_aside=put_aside(connection, execution_id) if row.round > 1 else Totals(),
        approvals={} if first else questions.of_round(connection, execution_id, row.round),
    )


def live_steps(
    connection: sa.Connection, execution_id: str, *, outputs: bool
) -> tuple[LiveStep, ...]:
    """Steps that count, by number; without outputs unless asked for."""
    columns = [
        STEP_RUN.c.path,
        STEP_RUN.c.step_id,
        STEP_RUN.c.number,
        STEP_RUN.c.round,
        STEP_RUN.c.workflow_version,
        STEP_RUN.c.status,
        STEP_RUN.c.effect,
        STEP_RUN.c.error,
        STEP_RUN.c.started_at,
        STEP_RUN.c.kind,
        STEP_RUN.c.output.is_not(None).label("has_output"),
        *([STEP_RUN.c.output] if outputs else []),
    ]
    query = (
        sa.select(*columns)
        .where(STEP_RUN.c.execution_id == execution_id, STEP_RUN.c.superseded_in.is_(None))
        .order_by(STEP_RUN.c.number)
    )
    taken_over = takeovers(connection, execution_id)
    return tuple(
        LiveStep(
            row.path,
            row.step_id,
            row.number,
            row.round,
            row.workflow_version,
            StepStatus(row.status),
            row.output if outputs else None,
            None if row.error is None else ErrorInfo.model_validate_json(row.error),
            row.effect,
            bool(row.has_output),
            row.started_at,
            row.kind,
            newest(taken_over, until=row.started_at),
        )
        for row in connection.execute(query)
    )


StepWrite: TypeAlias = tuple[Ticket, StepRecord]

_COLUMNS = [column.name for column in STEP_RUN.columns if column.name != "superseded_in"]
# The row lock that FOR SHARE takes on Postgres keeps a takeover out until this has committed.
_FENCE = (
    sa.select(sa.literal_column("1", sa.Integer))
    .select_from(EXECUTION)
    .where(
        EXECUTION.c.id == sa.bindparam("fence_id"),
        EXECUTION.c.run_token == sa.bindparam("fence_token"),
    )
    .with_for_update(read=True)
)
_INSERT = BulkInsert(
    sa.insert(STEP_RUN).from_select(
        _COLUMNS,
        _FENCE.with_only_columns(
            *(sa.bindparam(name, type_=STEP_RUN.c[name].type) for name in _COLUMNS)
        ),
    ),
    f"INSERT INTO step_run ({', '.join(_COLUMNS)}) "  # noqa: S608 - names of columns
    f"SELECT {', '.join(f'r.{name}' for name in _COLUMNS)} FROM {{rows}} "
    "JOIN execution x ON x.id = r.fence_id AND x.run_token = r.fence_token FOR SHARE OF x",
    {name: STEP_RUN.c[name].type for name in _COLUMNS}
    | {"fence_id": EXECUTION.c.id.type, "fence_token": EXECUTION.c.run_token.type},
)
_KEYS = ("execution_id", "round", "path")
_UPDATE = Prepared(
    sa.update(STEP_RUN)
    .where(*(STEP_RUN.c[name] == sa.bindparam(f"key_{name}") for name in _KEYS), _FENCE.exists())
    .values(
        {
            name: sa.bindparam(name, type_=STEP_RUN.c[name].type)
            for name in _COLUMNS
            if name not in _KEYS
        }
    )
)


def record_steps(connection: sa.Connection, writes: Sequence[StepWrite]) -> None:
    """Steps that have ended or are about to have their effect. Raises `Fenced` if one is not ours."""
    rows = [_values(ticket, record) for ticket, record in writes]
    if _INSERT.rowcount(connection, rows) != len(rows):
        raise Fenced
    events.steps_recorded(connection, writes)


def settle_steps(connection: sa.Connection, writes: Sequence[StepWrite]) -> None:
    """The ends of steps whose intent was recorded. Raises `Fenced` if one is not ours."""
    rows = [_values(ticket, record) for ticket, record in writes]
    for row in rows:
        row.update({f"key_{name}": row[name] for name in _KEYS})
    if _UPDATE.rowcount(connection, rows) != len(rows):
        raise Fenced
    events.steps_settled(connection, writes)


def _values(ticket: Ticket, record: StepRecord) -> dict[str, Any]:
    return {
        "execution_id": ticket.execution_id,
        "round": ticket.round,
        "workflow_version": ticket.workflow_version,
        "fence_id": ticket.execution_id,
        "fence_token": ticket.token,
        **step_values(record),
    }


def record_interrupted(connection: sa.Connection, ticket: Ticket, record: StepRecord) -> None:
    """The step a run was stopped in; nothing if the step's own end came first. Raises `Fenced`.

    An effect that it has set out to do stays noted.
    """
    query = sa.select(STEP_RUN.c.status, STEP_RUN.c.effect).where(
        STEP_RUN.c.execution_id == ticket.execution_id,
        STEP_RUN.c.round == ticket.round,
        STEP_RUN.c.path == record.path,
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        record_steps(connection, [(ticket, record)])
    elif row.status in (StepStatus.RUNNING.value, StepStatus.PAUSED.value):
        settle_steps(connection, [(ticket, replace(record, effect=row.effect))])


def end(
    connection: sa.Connection,
    ticket: Ticket,
    *,
    status: ExecutionStatus,
    now: datetime,
    workflow: Workflow,
    error: ErrorInfo | None = None,
    current_step: str | None = None,
) -> None:
    """The end of the round this ticket is for. Raises `Fenced`."""
    row = lock_execution(connection, ticket.execution_id)
    if row is None or row.run_token != ticket.token:
        raise Fenced(ticket.execution_id)
    close_execution(
        connection,
        ticket.execution_id,
        round=ticket.round,
        status=status,
        now=now,
        error=error,
        current_step=current_step,
    )
    ended = stats.Ended.of(row, status=status, error=error)
    stats.roll_up(connection, ended, workflow, now=now)


def close_execution(
    connection: sa.Connection,
    execution_id: str,
    *,
    round: int,
    status: ExecutionStatus,
    now: datetime,
    error: ErrorInfo | None = None,
    current_step: str | None = None,
) -> None:
    """Ends a locked run whoever holds it, and gives it the next cursor."""
    if status is not ExecutionStatus.SUCCEEDED:
        interrupted.settle_open(connection, execution_id, round, now=now)
    used = totals(connection, execution_id, round=round)
    events.execution_ended(connection, execution_id, round, status=status, now=now, error=error)
    (counted,) = _COUNT.all(connection, {"key_name": ENDED})
    closed = {
        "key_id": execution_id,
        "status": status.value,
        "run_token": None,
        "completed_at": now,
        "updated_at": now,
        "error": None if error is None else error.model_dump_json(),
        "current_step": current_step,
        "total_tokens_used": used.tokens,
        "total_execution_time_ms": used.time_ms,
        "total_cost_usd": used.cost_usd,
        "end_cursor": counted.value,
        "paused_at": None,
        "wake_at": None,
    }
    _CLOSE.rowcount(connection, [closed])


def supersede(
    connection: sa.Connection, execution_id: str, paths: Sequence[str], *, in_round: int
) -> None:
    """Puts steps aside: they stay in the history and count no more."""
    connection.execute(
        sa.update(STEP_RUN)
        .where(
            STEP_RUN.c.execution_id == execution_id,
            STEP_RUN.c.superseded_in.is_(None),
            STEP_RUN.c.path == sa.bindparam("key_path"),
        )
        .values(superseded_in=in_round),
        [{"key_path": path} for path in paths],
    )
