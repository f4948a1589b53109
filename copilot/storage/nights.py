"""Nightly passes: what each looked at, how far it came, and its digest.

A pass and its ranked items are stored before the first analysis, so that a process that was killed
leaves a pass that the next one goes on with. At most one pass of a workspace is running.
"""

import hashlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from ..types import Report
from ..types.nightly import Digest, DigestFix, DigestItem, PassState
from .account_tables import NIGHTLY_ITEM, NIGHTLY_PASS
from .database import Database, keep_others_out, new_id
from .fix_news import read_news
from .kinds import Kind, count_kinds, newest_failure_id, read_analysed, read_runs
from .tables import FAILURE


@dataclass(frozen=True, slots=True)
class NightlyPass:
    """One pass over the failures with `first_id < id <= last_id`. `digest` once it is finished.

    since: when the pass before started; None for the first.
    """

    pass_id: str
    workspace_id: str
    state: PassState
    first_id: int
    last_id: int
    credit_cap: int | None
    spend_cap_usd: Decimal | None
    started_at: datetime
    since: datetime | None
    digest: Digest | None = None


@dataclass(frozen=True, slots=True)
class NightlyItem:
    """An item of a pass as it stands. `cost_usd` is None while it is open, or is unknown."""

    position: int
    done: bool
    credits: int
    cost_usd: Decimal | None
    item: DigestItem


class Nights:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._locks: dict[str, Lock] = {}
        self._locks_guard = Lock()

    @contextmanager
    def turn(self, workspace_id: str, *, patience: float) -> Generator[bool]:
        """Whether it is the caller's turn to carry out a pass of this workspace, until the end.

        patience: seconds to wait for another one. A process that is killed loses its turn.
        """
        with self._locks_guard:
            lock = self._locks.setdefault(workspace_id, Lock())
        if not lock.acquire(timeout=patience):
            yield False
            return
        try:
            with _server_lock(self._database, workspace_id) as is_mine:
                yield is_mine
        finally:
            lock.release()

    def begin(
        self,
        workspace_id: str,
        *,
        credit_cap: int | None,
        spend_cap_usd: Decimal | None,
        pass_id: str | None = None,
    ) -> NightlyPass:
        """The pass that is running, or a new one with all its items, called *pass_id* if given.

        The caps can only lower those that a running pass was started with.
        """
        with self._database.write() as connection:
            # waits for those that are recording failures: no lower id comes to light later
            keep_others_out(connection, FAILURE)
            keep_others_out(connection, NIGHTLY_PASS)
            running = _newest(connection, workspace_id, PassState.RUNNING)
            if running is None:
                return self._start(
                    connection, workspace_id, credit_cap, spend_cap_usd, pass_id or new_id("night")
                )
            lowered = {
                "credit_cap": _lower(running.credit_cap, credit_cap),
                "spend_cap_usd": _text(_lower(running.spend_cap_usd, spend_cap_usd)),
            }
            mine = NIGHTLY_PASS.c.pass_id == running.pass_id
            connection.execute(update(NIGHTLY_PASS).where(mine).values(lowered))
            return _newest(connection, workspace_id, PassState.RUNNING) or running

    def newest(self, workspace_id: str) -> NightlyPass | None:
        with self._database.read() as connection:
            return _newest(connection, workspace_id)

    def finished(self, workspace_id: str, pass_id: str) -> Digest | None:
        """The digest of one pass; None while there is none."""
        wanted = select(NIGHTLY_PASS.c.digest).where(
            NIGHTLY_PASS.c.workspace_id == workspace_id, NIGHTLY_PASS.c.pass_id == pass_id
        )
        with self._database.read() as connection:
            text = connection.execute(wanted).scalar_one_or_none()
        return None if text is None else Digest.model_validate_json(text)

    def running(self, workspace_id: str) -> NightlyPass | None:
        with self._database.read() as connection:
            return _newest(connection, workspace_id, PassState.RUNNING)

    def items(self, one: NightlyPass) -> Sequence[NightlyItem]:
        """All items of a pass, the largest impact first."""
        wanted = (
            select(NIGHTLY_ITEM)
            .where(
                NIGHTLY_ITEM.c.pass_id == one.pass_id,
                NIGHTLY_ITEM.c.workspace_id == one.workspace_id,
            )
            .order_by(NIGHTLY_ITEM.c.position)
        )
        with self._database.read() as connection:
            return tuple(_item(row) for row in connection.execute(wanted))

    def runs(self, one: NightlyPass, item: DigestItem) -> Sequence[str]:
        """All runs of an item's kind that failed in the time of the pass, the newest first."""
        with self._database.read() as connection:
            return read_runs(
                connection,
                one.workspace_id,
                workflow_id=item.workflow_id,
                root=item.signature,
                first_id=one.first_id,
                last_id=one.last_id,
            )

    def analysed(self, one: NightlyPass, item: DigestItem) -> Report | None:
        """The stored report on the newest run of an item's kind that has one."""
        with self._database.read() as connection:
            text = read_analysed(
                connection,
                one.workspace_id,
                workflow_id=item.workflow_id,
                root=item.signature,
                last_id=one.last_id,
            )
        return None if text is None else Report.model_validate_json(text)

    def settle(self, one: NightlyPass, items: Sequence[NightlyItem]) -> None:
        """Store how items ended."""
        with self._database.write() as connection:
            for item in items:
                stand = (
                    update(NIGHTLY_ITEM)
                    .where(
                        NIGHTLY_ITEM.c.pass_id == one.pass_id,
                        NIGHTLY_ITEM.c.workspace_id == one.workspace_id,
                        NIGHTLY_ITEM.c.position == item.position,
                    )
                    .values(
                        done=item.done,
                        credits=item.credits,
                        cost_usd=_text(item.cost_usd),
                        item=item.item.model_dump_json(),
                    )
                )
                connection.execute(stand)

    def fixes(self, one: NightlyPass) -> Sequence[DigestFix]:
        """What became of fixes between the start of the pass before and that of this one."""
        with self._database.read() as connection:
            return read_news(connection, one.workspace_id, since=one.since, until=one.started_at)

    def finish(self, digest: Digest) -> None:
        """End the pass with *digest*; again to store what became of its e-mail."""
        ended = (
            update(NIGHTLY_PASS)
            .where(
                NIGHTLY_PASS.c.pass_id == digest.pass_id,
                NIGHTLY_PASS.c.workspace_id == digest.workspace_id,
            )
            .values(
                state=PassState.FINISHED,
                finished_at=digest.finished_at,
                digest=digest.model_dump_json(),
            )
        )
        with self._database.write() as connection:
            connection.execute(ended)

    def _start(
        self,
        connection: Connection,
        workspace_id: str,
        credit_cap: int | None,
        spend_cap_usd: Decimal | None,
        pass_id: str,
    ) -> NightlyPass:
        before = _newest(connection, workspace_id)
        first_id = before.last_id if before else 0
        last_id = max(newest_failure_id(connection, workspace_id), first_id)
        started = NightlyPass(
            pass_id=pass_id,
            workspace_id=workspace_id,
            state=PassState.RUNNING,
            first_id=first_id,
            last_id=last_id,
            credit_cap=credit_cap,
            spend_cap_usd=spend_cap_usd,
            started_at=self._database.now(),
            since=before.started_at if before else None,
        )
        row = {
            "pass_id": started.pass_id,
            "workspace_id": workspace_id,
            "state": started.state,
            "first_id": first_id,
            "last_id": last_id,
            "credit_cap": credit_cap,
            "spend_cap_usd": _text(spend_cap_usd),
            "started_at": started.started_at,
        }
        connection.execute(insert(NIGHTLY_PASS), row)
        kinds = count_kinds(connection, workspace_id, first_id=first_id, last_id=last_id)
        rows = [_item_row(started, position, kind) for position, kind in enumerate(kinds, 1)]
        if rows:
            connection.execute(insert(NIGHTLY_ITEM), rows)
        return started


@contextmanager
def _server_lock(database: Database, workspace_id: str) -> Generator[bool]:
    """On Postgres, where other processes take part, a lock that ends with its connection."""
    if database.engine.dialect.name != "postgresql":
        yield True
        return
    name = hashlib.sha256(f"ask-copilot nightly {workspace_id}".encode()).digest()[:8]
    key = int.from_bytes(name, "big", signed=True)
    with database.engine.connect() as plain:
        connection = plain.execution_options(isolation_level="AUTOCOMMIT")
        taken = connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({key})").scalar_one()
        try:
            yield bool(taken)
        finally:
            if taken:
                connection.exec_driver_sql(f"SELECT pg_advisory_unlock({key})")


def _lower(one: Any, other: Any) -> Any:
    """The lower of two caps, of which either may be None for no cap."""
    caps = [cap for cap in (one, other) if cap is not None]
    return min(caps, default=None)


def _newest(
    connection: Connection, workspace_id: str, state: PassState | None = None
) -> NightlyPass | None:
    wanted = (
        select(NIGHTLY_PASS)
        .where(NIGHTLY_PASS.c.workspace_id == workspace_id)
        # passes of quiet nights end at the same failure
        .order_by(
            (NIGHTLY_PASS.c.state == PassState.RUNNING).desc(),
            NIGHTLY_PASS.c.last_id.desc(),
            NIGHTLY_PASS.c.started_at.desc(),
            NIGHTLY_PASS.c.first_id.desc(),
        )
        .limit(2)
    )
    rows = connection.execute(wanted).all()
    if not rows or (state is not None and rows[0].state != state):
        return None
    return _pass(rows[0], before=rows[1] if len(rows) > 1 else None)


def _pass(row: Row[Any], *, before: Row[Any] | None) -> NightlyPass:
    return NightlyPass(
        pass_id=row.pass_id,
        workspace_id=row.workspace_id,
        state=PassState(row.state),
        first_id=row.first_id,
        last_id=row.last_id,
        credit_cap=row.credit_cap,
        spend_cap_usd=_decimal(row.spend_cap_usd),
        started_at=row.started_at,
        since=before.started_at if before is not None else None,
        digest=Digest.model_validate_json(row.digest) if row.digest else None,
    )


def _item_row(one: NightlyPass, position: int, kind: Kind) -> dict[str, Any]:
    item = DigestItem(
        workflow_id=kind.workflow_id,
        signature=kind.root,
        label=kind.label,
        failures=kind.failures,
        is_new=kind.is_new,
        first_occurred=kind.first_occurred,
        last_occurred=kind.last_occurred,
        execution_id=kind.execution_id,
    )
    return {
        "pass_id": one.pass_id,
        "position": position,
        "workspace_id": one.workspace_id,
        "done": False,
        "credits": 0,
        "cost_usd": None,
        "item": item.model_dump_json(),
    }


def _item(row: Row[Any]) -> NightlyItem:
    return NightlyItem(
        position=row.position,
        done=row.done,
        credits=row.credits,
        cost_usd=_decimal(row.cost_usd),
        item=DigestItem.model_validate_json(row.item),
    )


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
