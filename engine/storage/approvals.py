"""Approvals as people see them: which wait, and deciding one."""

from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from ..errors import ApprovalClosed, ApprovalNotAllowed, NotFound, RequestKeyReused
from ..execution import Decision, Execution, ExecutionStatus, StepApproval
from ..ports import Clock
from . import events, records
from .approval_tables import APPROVAL
from .database import reading, writing
from .executions import ExecutionStore
from .interrupted import settle_approved
from .pauses import queue_again
from .questions import approval, of_round
from .requests import Done, Request, RequestKeys
from .rounds import Enqueue
from .tables import EXECUTION

PERSON = "person"
_OPEN = tuple(status.value for status in ExecutionStatus if not status.is_terminal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What somebody has decided. *roles* are all that they hold; a machine decides nothing."""

    decision: Decision
    by: str | None
    actor_kind: str = PERSON
    roles: frozenset[str] = field(default_factory=frozenset[str])
    comment: str = ""
    request_key: str | None = None


class ApprovalStore:
    """Every method is one transaction; every query stays in one workspace."""

    def __init__(
        self, engine: sa.Engine, executions: ExecutionStore, requests: RequestKeys, clock: Clock
    ) -> None:
        self._engine = engine
        self._executions = executions
        self._requests = requests
        self._clock = clock

    def waiting(
        self, workspace_id: str, *, since: datetime | None = None, limit: int = 200
    ) -> tuple[StepApproval, ...]:
        """Those that wait and have not expired, the oldest first. since: asked no earlier."""
        query = (
            sa.select(APPROVAL)
            .join(
                EXECUTION,
                sa.and_(
                    EXECUTION.c.id == APPROVAL.c.execution_id,
                    EXECUTION.c.round == APPROVAL.c.round,
                ),
            )
            .where(
                APPROVAL.c.workspace_id == workspace_id,
                APPROVAL.c.status == "waiting",
                EXECUTION.c.status.in_(_OPEN),
                sa.or_(APPROVAL.c.expires_at.is_(None), APPROVAL.c.expires_at > self._clock.now()),
                *([] if since is None else [APPROVAL.c.asked_at >= since]),
            )
            .order_by(APPROVAL.c.asked_at, APPROVAL.c.execution_id, APPROVAL.c.path)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return tuple(approval(row) for row in connection.execute(query))

    def of_execution(self, workspace_id: str, execution_id: str) -> tuple[StepApproval, ...]:
        """Every one of every round of a run, the oldest first. Raises `NotFound`."""
        query = (
            sa.select(APPROVAL)
            .where(APPROVAL.c.execution_id == execution_id)
            .order_by(APPROVAL.c.asked_at, APPROVAL.c.path)
        )
        with reading(self._engine) as connection:
            records.find_execution(connection, workspace_id, execution_id)
            return tuple(approval(row) for row in connection.execute(query))

    def decide(
        self,
        workspace_id: str,
        execution_id: str,
        path: str,
        verdict: Verdict,
        *,
        enqueue: Enqueue,
    ) -> Execution:
        """The run, which goes on at once; one that a quota has stopped does at its time.

        Raises `NotFound`, `ApprovalNotAllowed`, `ApprovalClosed` or `RequestKeyReused`.
        """
        now = self._clock.now()
        request = Request(workspace_id, "round", verdict.request_key)
        with writing(self._engine) as connection:
            records.find_execution(connection, workspace_id, execution_id)
            done = self._requests.claim(connection, request, now=now)
            if done is not None:
                if done.subject_id != f"{execution_id}{path}":
                    raise RequestKeyReused
                return self._executions.read_execution(connection, workspace_id, execution_id)
            row = records.lock_execution(connection, execution_id)
            found = of_round(connection, execution_id, row.round).get(path)
            if found is None:
                raise NotFound("approval")
            _check_right(found, verdict)
            self._check_open(found, ExecutionStatus(row.status))
            connection.execute(
                sa.update(APPROVAL)
                .where(
                    APPROVAL.c.execution_id == execution_id,
                    APPROVAL.c.round == row.round,
                    APPROVAL.c.path == path,
                )
                .values(
                    status=verdict.decision,
                    decided_at=now,
                    decided_by=verdict.by,
                    comment=verdict.comment or None,
                )
            )
            events.approval_decided(
                connection,
                execution_id,
                row.round,
                path,
                decision=verdict.decision,
                now=now,
                by=verdict.by,
            )
            if row.status == ExecutionStatus.PAUSED.value and row.error is None:
                queue_again(connection, row, now=now, enqueue=enqueue)
            elif row.status == ExecutionStatus.PAUSED.value:  # a quota has stopped it: see `parked`
                settle_approved(connection, execution_id, row.round, now=now)
            self._requests.settle(connection, request, Done(f"{execution_id}{path}", row.round))
            return self._executions.read_execution(connection, workspace_id, execution_id)

    def _check_open(self, found: StepApproval, status: ExecutionStatus) -> None:
        if found.status not in {"waiting", "closed"}:
            by = f" by {found.decided_by}" if found.decided_by else ""
            raise ApprovalClosed(f"it was {found.status}{by} already" if by else found.status)
        if status.is_terminal or found.status == "closed":
            raise ApprovalClosed(f"its run is {status.value}")
        if found.expires_at is not None and found.expires_at <= self._clock.now():
            raise ApprovalClosed(f"it expired on {found.expires_at:%Y-%m-%d at %H:%M} UTC")


def _check_right(found: StepApproval, verdict: Verdict) -> None:
    has_role = found.role is None or found.role in verdict.roles
    if verdict.actor_kind != PERSON or not has_role:
        raise ApprovalNotAllowed(found.role or "")
