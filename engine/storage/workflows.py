"""Workflows as a workspace keeps them: made and replaced once per request, paused and unpaused."""

from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from ..definition import to_data
from ..definition.versions import Pause, WorkflowRecord, WorkflowVersionSummary
from ..definition.workflow import Workflow
from ..errors import AlreadyExists, NotFound, RequestKeyReused, StaleVersion, WorkflowPaused
from ..ports import Clock
from .database import reading, writing
from .definitions import DefinitionStore, add_version
from .requests import Done, Request, RequestKeys
from .schedules import restart_streak
from .tables import WORKFLOW, WORKFLOW_VERSION

_HEAD = sa.select(
    WORKFLOW.c.workflow_id,
    WORKFLOW.c.version,
    WORKFLOW.c.paused_at,
    WORKFLOW.c.paused_by,
    WORKFLOW.c.pause_reason,
)


class WorkflowStore:
    """Every method is one transaction."""

    def __init__(
        self, engine: sa.Engine, definitions: DefinitionStore, requests: RequestKeys, clock: Clock
    ) -> None:
        self._engine = engine
        self._definitions = definitions
        self._requests = requests
        self._clock = clock

    def workspaces(self) -> tuple[str, ...]:
        """Every workspace that has a workflow; for jobs that look after all of them."""
        query = sa.select(WORKFLOW.c.workspace_id).distinct().order_by(WORKFLOW.c.workspace_id)
        with reading(self._engine) as connection:
            return tuple(connection.scalars(query))

    def records(self, workspace_id: str) -> tuple[WorkflowRecord, ...]:
        """The newest version of every workflow, by id."""
        query = _HEAD.where(WORKFLOW.c.workspace_id == workspace_id)
        with reading(self._engine) as connection:
            heads = connection.execute(query.order_by(WORKFLOW.c.workflow_id)).all()
            return tuple(self._record(connection, workspace_id, head) for head in heads)

    def record(
        self, workspace_id: str, workflow_id: str, version: int | None = None
    ) -> WorkflowRecord:
        """One version, the newest by default. Raises `NotFound`."""
        with reading(self._engine) as connection:
            return self._read(connection, workspace_id, workflow_id, version)

    def versions(self, workspace_id: str, workflow_id: str) -> tuple[WorkflowVersionSummary, ...]:
        """Every version, the newest first. Raises `NotFound`."""
        query = (
            sa.select(
                WORKFLOW_VERSION.c.version, WORKFLOW_VERSION.c.name, WORKFLOW_VERSION.c.created_at
            )
            .where(
                WORKFLOW_VERSION.c.workspace_id == workspace_id,
                WORKFLOW_VERSION.c.workflow_id == workflow_id,
            )
            .order_by(WORKFLOW_VERSION.c.version.desc())
        )
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        if not rows:
            raise NotFound("workflow")
        return tuple(
            WorkflowVersionSummary(version=row.version, name=row.name, created_at=row.created_at)
            for row in rows
        )

    def create(
        self, workspace_id: str, workflow: Workflow, *, workflow_id: str | None, key: str | None
    ) -> WorkflowRecord:
        """Version 1 of a new workflow. Raises `AlreadyExists` or `RequestKeyReused`."""
        request = Request(workspace_id, "workflow", key)
        now = self._clock.now()
        with writing(self._engine) as connection:
            done = self._requests.claim(connection, request, now=now)
            if done is None:
                chosen = workflow_id or uuid4().hex
                try:
                    version = add_version(
                        connection, (workspace_id, chosen), workflow, expected=0, now=now
                    )
                except StaleVersion:
                    raise AlreadyExists("workflow") from None
                done = Done(chosen, version)
                self._requests.settle(connection, request, done)
            elif workflow_id not in {None, done.subject_id}:
                raise RequestKeyReused
            return self._read(connection, workspace_id, done.subject_id, done.number)

    def replace(
        self,
        workspace_id: str,
        workflow_id: str,
        workflow: Workflow,
        *,
        expected_version: int,
        key: str | None,
    ) -> WorkflowRecord:
        """The next version. Raises `NotFound`, `StaleVersion` or `RequestKeyReused`."""
        request = Request(workspace_id, "version", key)
        now = self._clock.now()
        with writing(self._engine) as connection:
            done = self._requests.claim(connection, request, now=now)
            if done is None:
                _head(connection, workspace_id, workflow_id)
                version = add_version(
                    connection,
                    (workspace_id, workflow_id),
                    workflow,
                    expected=expected_version,
                    now=now,
                )
                done = Done(workflow_id, version)
                self._requests.settle(connection, request, done)
            elif done.subject_id != workflow_id:
                raise RequestKeyReused
            return self._read(connection, workspace_id, workflow_id, done.number)

    def pause(
        self, workspace_id: str, workflow_id: str, *, by: str | None, reason: str
    ) -> WorkflowRecord:
        """From now on it starts no new runs; a pause there is already stays. Raises `NotFound`."""
        values = {"paused_at": self._clock.now(), "paused_by": by, "pause_reason": reason}
        with writing(self._engine) as connection:
            this = _this(workspace_id, workflow_id)
            unpaused = sa.update(WORKFLOW).where(this, WORKFLOW.c.paused_at.is_(None))
            connection.execute(unpaused.values(**values))
            return self._read(connection, workspace_id, workflow_id, None)

    def unpause(self, workspace_id: str, workflow_id: str) -> WorkflowRecord:
        """It may start runs again, if it may not already; its failures in a row are forgotten.

        Raises `NotFound`.
        """
        values = {"paused_at": None, "paused_by": None, "pause_reason": None}
        with writing(self._engine) as connection:
            this = _this(workspace_id, workflow_id)
            lifted = sa.update(WORKFLOW).where(this, WORKFLOW.c.paused_at.is_not(None))
            if connection.execute(lifted.values(**values)).rowcount:
                restart_streak(connection, workspace_id, workflow_id)
            return self._read(connection, workspace_id, workflow_id, None)

    def _read(
        self, connection: sa.Connection, workspace_id: str, workflow_id: str, version: int | None
    ) -> WorkflowRecord:
        head = _head(connection, workspace_id, workflow_id)
        return self._record(connection, workspace_id, head, version)

    def _record(
        self, connection: sa.Connection, workspace_id: str, head: Any, version: int | None = None
    ) -> WorkflowRecord:
        stored = self._definitions.read_workflow(
            connection, workspace_id, head.workflow_id, version or head.version
        )
        return WorkflowRecord(
            workflow_id=stored.workflow_id,
            version=stored.version,
            name=stored.workflow.name,
            created_at=stored.created_at,
            definition=to_data(stored.workflow),
            paused=_pause(head),
        )


def require_unpaused(connection: sa.Connection, workspace_id: str, workflow_id: str) -> None:
    """Raises `WorkflowPaused` or `NotFound`."""
    pause = _pause(_head(connection, workspace_id, workflow_id))
    if pause is not None:
        raise WorkflowPaused(pause.by, pause.at, pause.reason)


def _this(workspace_id: str, workflow_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(WORKFLOW.c.workspace_id == workspace_id, WORKFLOW.c.workflow_id == workflow_id)


def _head(connection: sa.Connection, workspace_id: str, workflow_id: str) -> Any:
    row = connection.execute(_HEAD.where(_this(workspace_id, workflow_id))).one_or_none()
    if row is None:
        raise NotFound("workflow")
    return row


def _pause(head: Any) -> Pause | None:
    if head.paused_at is None:
        return None
    return Pause(by=head.paused_by, reason=head.pause_reason or "", at=head.paused_at)
