"""Request keys: the same request again finds what it has done already.

A key is claimed in the transaction of the work it stands for, so that both are there or neither:
after a kill between the commit and the answer the caller asks again and is told what there is.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ..errors import RequestKeyReused
from .tables import REQUEST

KEPT = timedelta(hours=48)
_PURGE_EVERY = 3600.0  # seconds
RequestKind: TypeAlias = Literal["workflow", "version", "execution", "round"]
_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks for, under a *key* of theirs; without one nothing is remembered."""

    workspace_id: str
    kind: RequestKind
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What a request has made: a version of a workflow, or a round of an execution."""

    subject_id: str
    number: int


class RequestKeys:
    """Methods take the connection of the work they belong to."""

    def __init__(self) -> None:
        self._purged = float("-inf")

    def claim(self, connection: sa.Connection, request: Request, *, now: datetime) -> Done | None:
        """What was done for this key; None if the caller is the first and must do it.

        A second caller waits here until the first has committed. Raises `RequestKeyReused` if the
        key was used for another kind of request.
        """
        if request.key is None:
            return None
        self._purge(connection, now)
        insert = _INSERTS[connection.dialect.name](REQUEST)
        claimed = connection.execute(
            insert.values(
                workspace_id=request.workspace_id,
                request_key=request.key,
                kind=request.kind,
                subject_id="",
                number=0,
                created_at=now,
            )
            .on_conflict_do_nothing()
            # A driver need not count what an INSERT has added.
            .returning(REQUEST.c.request_key)
        )
        if claimed.first() is not None:
            return None
        return self.find(connection, request)

    def find(self, connection: sa.Connection, request: Request) -> Done | None:
        """`claim` without claiming."""
        row = connection.execute(sa.select(REQUEST).where(_this(request))).one_or_none()
        if row is None:
            return None
        if row.kind != request.kind:
            raise RequestKeyReused
        return Done(row.subject_id, row.number)

    def settle(self, connection: sa.Connection, request: Request, done: Done) -> None:
        """Notes what was done, in the transaction that claimed the key."""
        if request.key is not None:
            connection.execute(
                sa.update(REQUEST)
                .where(_this(request))
                .values(subject_id=done.subject_id, number=done.number)
            )

    def _purge(self, connection: sa.Connection, now: datetime) -> None:
        if time.monotonic() - self._purged > _PURGE_EVERY:
            self._purged = time.monotonic()
            connection.execute(sa.delete(REQUEST).where(REQUEST.c.created_at < now - KEPT))


def _this(request: Request) -> Any:
    return sa.and_(
        REQUEST.c.workspace_id == request.workspace_id, REQUEST.c.request_key == request.key
    )
