"""The outbox: events written in the transaction they happen in, and what became of each."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from ..errors import InvalidInput
from ..types.frozen import storable
from ..types.notice import Channel, Notice, NoticeEntry, NoticeEvent, NoticeState, WebhookSecret
from ..types.page import Page
from .audit import LARGEST_PAGE
from .cursors import read_number, write_number
from .database import Database, insert_new
from .notice_tables import NOTICE, WEBHOOK

_LIST = "notices"
#: How long webhooks are signed with the secret before as well.
OVERLAP = timedelta(days=1)


class NoticeStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, notice: Notice, channels: Iterable[Channel]) -> bool:
        """`add_notice` in a transaction of its own."""
        with self._database.write() as connection:
            return add_notice(connection, notice, channels, now=self._database.now())

    def due(
        self, now: datetime, *, limit: int = 50, event_id: str | None = None
    ) -> Sequence[tuple[int, NoticeEntry]]:
        """What may be tried now, the longest overdue first, each with its number."""
        wanted = select(NOTICE).where(
            NOTICE.c.state == NoticeState.WAITING.value, NOTICE.c.next_at <= now
        )
        if event_id is not None:
            wanted = wanted.where(NOTICE.c.event_id == event_id)
        with self._database.read() as connection:
            rows = connection.execute(wanted.order_by(NOTICE.c.next_at, NOTICE.c.id).limit(limit))
            return tuple((row.id, _entry(row)) for row in rows)

    def claim(self, number: int, attempts: int, *, until: datetime) -> bool:
        """Take one for an attempt; False when another worker has. It is free again after *until*."""
        same = (
            NOTICE.c.id == number,
            NOTICE.c.state == NoticeState.WAITING.value,
            NOTICE.c.attempts == attempts,
        )
        with self._database.write() as connection:
            taken = connection.execute(
                update(NOTICE).where(*same).values(attempts=attempts + 1, next_at=until)
            )
        return taken.rowcount == 1

    def sent(self, number: int, *, remark: str | None = None) -> None:
        now = self._database.now()
        self._settle(number, state=NoticeState.SENT.value, sent_at=now, problem=remark)

    def failed(self, number: int, problem: str, *, next_at: datetime | None) -> None:
        """next_at: of the next attempt; None gives up."""
        if next_at is None:
            self._settle(number, state=NoticeState.GIVEN_UP.value, problem=storable(problem))
        else:
            self._settle(number, next_at=next_at, problem=storable(problem))

    def revive(self, workspace_id: str, channels: Iterable[Channel], *, since: datetime) -> int:
        """Have what was given up on *channels*, and happened *since*, tried anew; gives how many.

        A test is not: it was of the place that it went to.
        """
        given_up = (
            NOTICE.c.workspace_id == workspace_id,
            NOTICE.c.state == NoticeState.GIVEN_UP.value,
            NOTICE.c.channel.in_(list(channels)),
            NOTICE.c.event != NoticeEvent.TEST.value,
            NOTICE.c.at >= since,
        )
        anew = {
            "state": NoticeState.WAITING.value,
            "attempts": 0,
            "next_at": self._database.now(),
        }
        with self._database.write() as connection:
            return connection.execute(update(NOTICE).where(*given_up).values(anew)).rowcount

    def page(
        self, workspace_id: str, *, cursor: str | None = None, limit: int = 50
    ) -> Page[NoticeEntry]:
        """The newest first. Raises InvalidInput for a limit out of bounds, and InvalidCursor."""
        if not 1 <= limit <= LARGEST_PAGE:
            raise InvalidInput("limit", f"must be from 1 to {LARGEST_PAGE}.", "")
        wanted = select(NOTICE).where(NOTICE.c.workspace_id == workspace_id)
        if cursor is not None:
            wanted = wanted.where(NOTICE.c.id < read_number(_LIST, cursor))
        with self._database.read() as connection:
            rows = connection.execute(wanted.order_by(NOTICE.c.id.desc()).limit(limit + 1)).all()
        following = write_number(_LIST, rows[limit - 1].id) if len(rows) > limit else None
        return Page(items=tuple(map(_entry, rows[:limit])), next_cursor=following)

    def of_event(self, workspace_id: str, event_id: str) -> Sequence[NoticeEntry]:
        """One event on all its channels."""
        wanted = select(NOTICE).where(
            NOTICE.c.workspace_id == workspace_id, NOTICE.c.event_id == event_id
        )
        with self._database.read() as connection:
            return tuple(map(_entry, connection.execute(wanted.order_by(NOTICE.c.id))))

    def forget(self, *, before: datetime) -> None:
        """Take away what was settled or given up and happened before."""
        settled = (NOTICE.c.state != NoticeState.WAITING.value) & (NOTICE.c.at < before)
        with self._database.write() as connection:
            connection.execute(delete(NOTICE).where(settled))

    def secrets(self, workspace_id: str) -> tuple[str, ...]:
        """What webhooks are signed with now: none, one, or two while they are exchanged."""
        wanted = select(WEBHOOK).where(WEBHOOK.c.workspace_id == workspace_id)
        with self._database.read() as connection:
            row = connection.execute(wanted).one_or_none()
        if row is None:
            return ()
        overlaps = self._database.now() < row.rotated_at + OVERLAP
        before = row.previous_secret if overlaps else None
        return (row.secret,) if before is None else (row.secret, before)

    def exchange(
        self, workspace_id: str, secret: str, *, request: str | None = None
    ) -> WebhookSecret:
        """Sign with *secret* from now on, and for a day with the one before as well.

        The same *request* again gives what it gave the first time.
        """
        now = self._database.now()
        same = WEBHOOK.c.workspace_id == workspace_id
        with self._database.write() as connection:
            row = connection.execute(select(WEBHOOK).where(same).with_for_update()).one_or_none()
            if row is not None and request is not None and row.request == request:
                until = None if row.previous_secret is None else row.rotated_at + OVERLAP
                return WebhookSecret(secret=row.secret, previous_until=until)
            values = {"secret": secret, "request": request, "rotated_at": now}
            if row is None:
                connection.execute(insert(WEBHOOK), values | {"workspace_id": workspace_id})
                return WebhookSecret(secret=secret)
            values["previous_secret"] = row.secret
            connection.execute(update(WEBHOOK).where(same).values(values))
        return WebhookSecret(secret=secret, previous_until=now + OVERLAP)

    def _settle(self, number: int, **values: Any) -> None:
        still = (NOTICE.c.id == number) & (NOTICE.c.state == NoticeState.WAITING.value)
        with self._database.write() as connection:
            connection.execute(update(NOTICE).where(still).values(values))


def add_notice(
    connection: Connection, notice: Notice, channels: Iterable[Channel], *, now: datetime
) -> bool:
    """Write it down for each channel in the caller's transaction; False if it was there already."""
    values: dict[str, Any] = {
        "workspace_id": notice.workspace_id,
        "event_id": notice.event_id,
        "event": notice.event.value,
        "workflow_id": notice.workflow_id,
        "words": storable(notice.text),
        "details": json.dumps(notice.details),
        "at": notice.at,
        "state": NoticeState.WAITING.value,
        "attempts": 0,
        "next_at": now,
    }
    added = [insert_new(connection, NOTICE, values | {"channel": channel}) for channel in channels]
    return any(added)


def _entry(row: Row[Any]) -> NoticeEntry:
    state = NoticeState(row.state)
    return NoticeEntry(
        event_id=row.event_id,
        event=NoticeEvent(row.event),
        workspace_id=row.workspace_id,
        workflow_id=row.workflow_id,
        text=row.words,
        at=row.at,
        details=json.loads(row.details),
        channel=row.channel,
        state=state,
        attempts=row.attempts,
        next_at=row.next_at if state is NoticeState.WAITING else None,
        problem=row.problem,
        sent_at=row.sent_at,
    )
