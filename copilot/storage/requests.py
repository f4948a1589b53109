"""Requests that came with an idempotency key: each is carried out once and answered the same again.

A row without an answer is being worked on. The process that works on it is named in it: when that
one is dead, the next request with the key takes it over.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, select, update

from ..characters import has_hidden
from ..errors import InvalidInput, KeyReused, RequestInProgress
from .account_tables import REQUEST
from .database import Database, insert_new

LONGEST_KEY = 255
LEASE = timedelta(seconds=60)
KEPT_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered with, byte for byte."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """`answer`: the stored one, to be given again; None: the caller carries the request out.

    `taken_over`: another process had begun with it, so part of it may be done already.
    """

    answer: Answer | None = None
    taken_over: bool = False


class Requests:
    """*lease*: how long a request without an answer belongs to the process that began with it.

    Without one it is nothing on SQLite, whose file one process has alone: any other that began
    something is dead. On Postgres it is a minute.
    """

    def __init__(self, database: Database, *, lease: timedelta | None = None) -> None:
        self._database = database
        alone = database.engine.dialect.name == "sqlite"
        self._lease: Final = lease if lease is not None else timedelta(0) if alone else LEASE

    def claim(
        self, workspace_id: str, principal_id: str, key: str, *, fingerprint: str, owner: str
    ) -> Claim:
        """Begin with a request, or get its answer. *owner* names this process.

        *fingerprint* stands for all of the request that matters: method, path and body. Raises
        KeyReused for another request with the same key, RequestInProgress while another thread or
        living process works on it, and InvalidInput for a key that can't be one.
        """
        _require_key(key)
        fresh = {
            "workspace_id": workspace_id,
            "principal_id": principal_id,
            "key": key,
            "fingerprint": fingerprint,
            "answered_by": owner,
            "status": None,
            "headers": None,
            "body": None,
            "created_at": self._database.now(),
            "finished_at": None,
        }
        same = _same(workspace_id, principal_id, key)
        with self._database.write() as connection:
            while not insert_new(connection, REQUEST, fresh):
                row = connection.execute(select(REQUEST).where(same).with_for_update()).first()
                if row is not None:
                    return self._known(connection, row, same, fingerprint, owner)
                # forgotten between the two statements, which only Postgres allows: try again
        return Claim()

    def finish(
        self, workspace_id: str, principal_id: str, key: str, *, owner: str, answer: Answer
    ) -> bool:
        """Keep the answer. False, and nothing changed, when *owner* does not work on it any more."""
        finished = (
            update(REQUEST)
            .where(_open(workspace_id, principal_id, key, owner))
            .values(
                status=answer.status,
                headers=json.dumps(answer.headers),
                body=answer.body,
                finished_at=self._database.now(),
            )
        )
        with self._database.write() as connection:
            return bool(connection.execute(finished).rowcount)

    def forget(self, workspace_id: str, principal_id: str, key: str, *, owner: str) -> None:
        """Let the key be used again: nothing was done, or its answer must not be stored.

        An answer that is there already stays.
        """
        with self._database.write() as connection:
            connection.execute(delete(REQUEST).where(_open(workspace_id, principal_id, key, owner)))

    def purge(self, *, older_than: timedelta = KEPT_FOR) -> int:
        """Forget every workspace's requests that came longer ago; how many that were."""
        oldest = self._database.now() - older_than
        with self._database.write() as connection:
            return connection.execute(delete(REQUEST).where(REQUEST.c.created_at < oldest)).rowcount

    def _known(
        self,
        connection: Connection,
        row: Row[*tuple[Any, ...]],
        same: ColumnElement[bool],
        fingerprint: str,
        owner: str,
    ) -> Claim:
        if row.fingerprint != fingerprint:
            raise KeyReused
        if row.status is not None:
            headers = tuple((name, value) for name, value in json.loads(row.headers))
            return Claim(Answer(row.status, headers, row.body))
        now = self._database.now()
        if row.answered_by == owner or now < row.created_at + self._lease:
            raise RequestInProgress
        # the time starts anew with the new owner, or a third would take it over at once
        taken = update(REQUEST).where(same).values(answered_by=owner, created_at=now)
        connection.execute(taken)
        return Claim(taken_over=True)


def _same(workspace_id: str, principal_id: str, key: str) -> ColumnElement[bool]:
    return and_(
        REQUEST.c.workspace_id == workspace_id,
        REQUEST.c.principal_id == principal_id,
        REQUEST.c.key == key,
    )


def _open(workspace_id: str, principal_id: str, key: str, owner: str) -> ColumnElement[bool]:
    same = _same(workspace_id, principal_id, key)
    return and_(same, REQUEST.c.answered_by == owner, REQUEST.c.status.is_(None))


def _require_key(key: str) -> None:
    if not 1 <= len(key) <= LONGEST_KEY or has_hidden(key):
        problem = f"must be 1 to {LONGEST_KEY} characters that can be seen."
        raise InvalidInput("Idempotency-Key", problem, "A fresh UUID is a good one.")
