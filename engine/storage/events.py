"""What has happened in a run, in order: written with what it tells of, read from any point on.

The functions that append take the connection of the transaction in which it happens, which holds
the row of the execution: by that lock an event gets the number behind the last committed one, and
two transactions never take the same.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import sqlalchemy as sa
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic_core import to_json

from ..errors import NotFound
from ..execution import ErrorInfo, ExecutionStatus, StepStatus
from .bulk import BulkInsert
from .database import reading
from .event_tables import EVENT
from .prepared import Prepared
from .records import StepRecord
from .tables import EXECUTION

DurableKind: TypeAlias = Literal[
    "execution_started",
    "execution_paused",
    "execution_resumed",
    "execution_completed",
    "execution_failed",
    "execution_cancelled",
    "step_started",
    "step_completed",
    "step_failed",
    "approval_requested",
    "approval_decided",
]
PauseReason: TypeAlias = Literal["approval", "quota"]
ResumeReason: TypeAlias = Literal["asked", "pause_over", "recovered"]

LONGEST_MESSAGE = 500
MOST_IN_A_PAGE = 1000


class RunEvent(BaseModel):
    """Something that happened in a run. `facts` depend on the kind; what does not apply is absent."""

    model_config = ConfigDict(frozen=True)

    seq: int | None = Field(
        description="1, 2, 3 … within the run; null for what is told once and not stored."
    )
    execution_id: str
    round: int = Field(description="0 for what is about the stream itself.")
    kind: str
    path: str | None = Field(default=None, description="Of the step; null for the whole run.")
    at: AwareDatetime = Field(description="When it happened, which may be before the event above.")
    facts: dict[str, Any] = Field(default_factory=dict[str, Any])


class EventPage(BaseModel):
    """Some events in order. *is_last*: the run has ended, and these are the last ones."""

    model_config = ConfigDict(frozen=True)

    events: tuple[RunEvent, ...]
    status: ExecutionStatus
    last_seq: int = Field(description="Of the newest event; 0 for none.")
    is_last: bool


class _Round(Protocol):
    """One round of one run, as the interpreter's ticket names it."""

    @property
    def execution_id(self) -> str: ...

    @property
    def round(self) -> int: ...


class RoundOf(NamedTuple):
    """A round, for who has no ticket of it."""

    execution_id: str
    round: int


_NEXT = (
    sa.select(
        sa.func.coalesce(sa.func.max(EVENT.c.seq), sa.literal_column("0")) + sa.literal_column("1")
    )
    .where(EVENT.c.execution_id == sa.bindparam("execution_id"))
    .scalar_subquery()
)
_GIVEN = [column.name for column in EVENT.c if column is not EVENT.c.seq]
_APPEND = BulkInsert(
    sa.insert(EVENT)
    .values(
        {
            column.name: _NEXT
            if column is EVENT.c.seq
            else sa.bindparam(column.name, type_=column.type)
            for column in EVENT.c
        }
    )
    .inline(),  # nobody asks for the number that it got
    f"INSERT INTO execution_event (seq, {', '.join(_GIVEN)}) "  # noqa: S608 - names of columns
    "SELECT coalesce((SELECT max(e.seq) FROM execution_event e "
    "WHERE e.execution_id = r.execution_id), 0) "
    "+ row_number() OVER (PARTITION BY r.execution_id ORDER BY r.place), "
    f"{', '.join(f'r.{name}' for name in _GIVEN)} FROM {{rows}}",
    {name: EVENT.c[name].type for name in _GIVEN},
)


def append(
    connection: sa.Connection,
    execution_id: str,
    round: int,
    kind: DurableKind,
    *,
    at: datetime,
    path: str | None = None,
    **facts: Any,
) -> None:
    """One event. *facts* are stored as they are: secrets are masked before."""
    row = _row(execution_id, round, kind, at=at, path=path, facts=facts)
    _APPEND.rowcount(connection, [row])


def steps_recorded(connection: sa.Connection, writes: Iterable[tuple[_Round, StepRecord]]) -> None:
    """The first row of each step: that it started, and how it stands with that row."""
    rows: list[dict[str, Any]] = []
    for of, record in writes:
        rows.append(
            _step_row(
                of, record, "step_started", at=record.started_at, facts={"step_kind": record.kind}
            )
        )
        if record.status is StepStatus.PAUSED:
            rows.append(_step_row(of, record, "approval_requested", at=record.started_at))
        elif record.status is not StepStatus.RUNNING:
            rows.append(_end_of(of, record))
    _APPEND.rowcount(connection, rows)


def steps_settled(connection: sa.Connection, writes: Iterable[tuple[_Round, StepRecord]]) -> None:
    """The ends of steps that were recorded before."""
    _APPEND.rowcount(connection, [_end_of(of, record) for of, record in writes])


def round_begun(connection: sa.Connection, row: Any, *, now: datetime) -> None:
    """An interpreter takes over a run; *row* is its locked row as it was before.

    Nothing new after a pause: that it goes on was told when it was queued again.
    """
    if row.round_started_at is None:
        append(connection, row.id, row.round, "execution_started", at=now)
    elif row.run_token is not None:
        resumed(connection, row.id, row.round, reason="recovered", now=now)


def paused(
    connection: sa.Connection,
    execution_id: str,
    round: int,
    *,
    reason: PauseReason,
    now: datetime,
    wake_at: datetime | None = None,
) -> None:
    """A run waits for a person or for a quota, until *wake_at* at most."""
    until = None if wake_at is None else wake_at.isoformat()
    append(
        connection, execution_id, round, "execution_paused", at=now, reason=reason, wake_at=until
    )


def resumed(
    connection: sa.Connection,
    execution_id: str,
    round: int,
    *,
    reason: ResumeReason,
    now: datetime,
    mode: str | None = None,
) -> None:
    """A run goes on: asked for (*mode* says how), after a pause, or after its process was lost."""
    append(connection, execution_id, round, "execution_resumed", at=now, reason=reason, mode=mode)


def approval_decided(
    connection: sa.Connection,
    execution_id: str,
    round: int,
    path: str,
    *,
    decision: Literal["approved", "rejected", "expired"],
    now: datetime,
    by: str | None = None,
) -> None:
    """A question was answered, or nobody did in time."""
    append(
        connection,
        execution_id,
        round,
        "approval_decided",
        at=now,
        path=path,
        decision=decision,
        by=by,
    )


def execution_ended(
    connection: sa.Connection,
    execution_id: str,
    round: int,
    *,
    status: ExecutionStatus,
    now: datetime,
    error: ErrorInfo | None = None,
) -> None:
    """The end of a round, good or bad; *error* has its secrets masked."""
    kind = _ENDS.get(status, "execution_failed")
    append(
        connection, execution_id, round, kind, at=now, status=status.value, **_error_facts(error)
    )


_ENDS: Mapping[ExecutionStatus, DurableKind] = {
    ExecutionStatus.SUCCEEDED: "execution_completed",
    ExecutionStatus.CANCELLED: "execution_cancelled",
}


def _end_of(of: _Round, record: StepRecord) -> dict[str, Any]:
    kind = "step_completed" if record.status is StepStatus.SUCCEEDED else "step_failed"
    facts = {
        "attempts": record.attempts,
        "execution_time_ms": record.execution_time_ms,
        "tokens_used": record.tokens_used or None,
        "cost_usd": None if record.cost_usd is None else str(record.cost_usd),
        "item_count": record.item_count,
        "fallback": None if record.fallback is None else record.fallback.title,
        **_error_facts(record.error),
    }
    return _step_row(of, record, kind, at=record.completed_at or record.started_at, facts=facts)


def _error_facts(error: ErrorInfo | None) -> dict[str, Any]:
    if error is None:
        return {}
    return {"code": error.code, "error": error.message[:LONGEST_MESSAGE]}


def _step_row(
    of: _Round,
    record: StepRecord,
    kind: DurableKind,
    *,
    at: datetime,
    facts: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    named = {"name": record.name, "action": record.action, **(facts or {})}
    return _row(of.execution_id, of.round, kind, at=at, path=record.path, facts=named)


def _row(
    execution_id: str,
    round: int,
    kind: DurableKind,
    *,
    at: datetime,
    path: str | None,
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    known = {name: value for name, value in facts.items() if value is not None}
    return {
        "execution_id": execution_id,
        "round": round,
        "kind": kind,
        "path": path,
        "at": at,
        "facts": to_json(known).decode() if known else None,
    }


_STATUS = Prepared(
    sa.select(
        EXECUTION.c.status,
        sa.select(sa.func.coalesce(sa.func.max(EVENT.c.seq), sa.literal_column("0")))
        .where(EVENT.c.execution_id == sa.bindparam("id"))
        .scalar_subquery()
        .label("last_seq"),
    ).where(
        EXECUTION.c.id == sa.bindparam("id"),
        EXECUTION.c.workspace_id == sa.bindparam("workspace"),
    )
)
_PAGE = Prepared(
    sa.select(EVENT)
    .where(EVENT.c.execution_id == sa.bindparam("id"), EVENT.c.seq > sa.bindparam("after"))
    .order_by(EVENT.c.seq)
    .limit(sa.bindparam("count", type_=sa.Integer()))
)


class EventLog:
    """Reading it; every method is one transaction in one workspace."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def page(
        self, workspace_id: str, execution_id: str, *, after: int = 0, limit: int = MOST_IN_A_PAGE
    ) -> EventPage:
        """At most *limit* events behind number *after*. Raises `NotFound`."""
        with reading(self._engine) as connection:
            found = _STATUS.all(connection, {"id": execution_id, "workspace": workspace_id})
            if not found:
                raise NotFound("execution")
            status, last = ExecutionStatus(found[0].status), int(found[0].last_seq)
            rows: Sequence[Any] = ()
            if last > after and limit > 0:
                values = {"id": execution_id, "after": after, "count": limit}
                rows = _PAGE.all(connection, values)
        reached = rows[-1].seq if rows else after
        return EventPage(
            events=tuple(map(_event, rows)),
            status=status,
            last_seq=last,
            is_last=status.is_terminal and reached >= last,
        )


def _event(row: Any) -> RunEvent:
    return RunEvent(
        seq=row.seq,
        execution_id=row.execution_id,
        round=row.round,
        kind=row.kind,
        path=row.path,
        at=row.at,
        facts={} if row.facts is None else json.loads(row.facts),
    )
