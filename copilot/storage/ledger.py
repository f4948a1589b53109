"""Credits: an append-only journal and, per limited workspace, the balance it adds up to.

An analysis reserves the highest price it can cost, and settles what it did cost; the rest is
released in the same transaction. The balance is never looked at first and lowered later: lowering
it is one guarded UPDATE, which two analyses at once can't both win. A workspace nobody gave a limit
is metered all the same, with balance None.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Connection,
    Integer,
    String,
    bindparam,
    exists,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from ..errors import InsufficientCredits, InvalidInput, NotFound
from ..types import Receipt
from .database import Database, Prepared, insert_new
from .ledger_audit import LedgerAudit, audit_ledger
from .tables import LEDGER_ENTRY, WORKSPACE_LIMIT

# built once: on these paths, putting a statement together would cost more than running it
_WORKSPACE = bindparam("workspace", type_=String())
_AMOUNT = bindparam("amount", type_=Integer())
_ACCOUNT = WORKSPACE_LIMIT.c.workspace_id == _WORKSPACE
_INSERT = Prepared(
    insert(LEDGER_ENTRY).inline(),
    columns=("workspace_id", "kind", "key", "credits", "effect", "reason", "created_at"),
)
_ENTRIES = Prepared(
    select(LEDGER_ENTRY).where(
        LEDGER_ENTRY.c.workspace_id == _WORKSPACE, LEDGER_ENTRY.c.key == bindparam("entry_key")
    )
)
_BALANCE = Prepared(select(WORKSPACE_LIMIT.c.balance).where(_ACCOUNT))
_RAISE = Prepared(
    update(WORKSPACE_LIMIT)
    .where(_ACCOUNT)
    .values(balance=WORKSPACE_LIMIT.c.balance + _AMOUNT)
    .returning(WORKSPACE_LIMIT.c.balance)
)
_LOWER = Prepared(
    update(WORKSPACE_LIMIT)
    .where(_ACCOUNT, WORKSPACE_LIMIT.c.balance >= _AMOUNT)
    .values(balance=WORKSPACE_LIMIT.c.balance - _AMOUNT)
)


class EntryKind(StrEnum):
    GRANT = "grant"
    RESERVE = "reserve"
    SETTLE = "settle"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Reservation:
    """Credits put aside under one idempotency key. `settled` is None while it is open."""

    workspace_id: str
    key: str
    price: int
    limited: bool
    created_at: datetime
    settled: int | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A reservation, and whether it is new: whoever finds one that is not, asks nobody."""

    reservation: Reservation
    fresh: bool


class Ledger:
    def __init__(self, database: Database) -> None:
        self._database = database

    def balance(self, workspace_id: str) -> int | None:
        """Credits left, reserved ones not counted; None without a limit."""
        with self._database.read() as connection:
            return _balance(connection, workspace_id)

    def used(self, workspace_id: str, *, since: datetime) -> int:
        """Credits settled since, with or without a limit."""
        wanted = select(func.coalesce(func.sum(LEDGER_ENTRY.c.credits), 0)).where(
            LEDGER_ENTRY.c.workspace_id == workspace_id,
            LEDGER_ENTRY.c.created_at >= since,
            LEDGER_ENTRY.c.kind == EntryKind.SETTLE,
        )
        with self._database.read() as connection:
            return connection.execute(wanted).scalar_one()

    def grant(self, workspace_id: str, key: str, *, credits: int, reason: str) -> int:
        """Add credits and return the balance; the first grant, even of 0, sets the limit.

        The same *key* again adds nothing.
        """
        _require_amount("credits", credits)
        start = {"workspace_id": workspace_id, "balance": 0}
        with self._database.write() as connection:
            insert_new(connection, WORKSPACE_LIMIT, start)
            entry = self._entry(
                EntryKind.GRANT, workspace_id, key, credits=credits, effect=credits, reason=reason
            )
            if insert_new(connection, LEDGER_ENTRY, entry):
                return _add(connection, workspace_id, credits) or 0
            return _balance(connection, workspace_id) or 0

    def reserve(self, workspace_id: str, key: str, *, price: int) -> Reservation:
        """Put *price* credits aside. The same *key* again gives the same reservation.

        Raises InsufficientCredits when fewer are left; then nothing is stored.
        """
        return self.claim(workspace_id, key, price=price).reservation

    def claim(self, workspace_id: str, key: str, *, price: int) -> "Claim":
        """Put *price* aside and know whether it was this call that did: then the work is its own.

        Raises InsufficientCredits; then nothing is stored.
        """
        _require_amount("price", price)
        try:
            with self._database.write() as connection:
                known = find_reservation(connection, workspace_id, key)
                if known is not None:
                    return Claim(known, fresh=False)
                made = self.reserve_in(connection, workspace_id, key, price=price)
                return Claim(made, fresh=True)
        except (IntegrityError, InsufficientCredits):
            # on Postgres the same request may just have won in another thread
            if (known := self.reservation(workspace_id, key)) is None:
                raise
            return Claim(known, fresh=False)

    def reserve_in(
        self, connection: Connection, workspace_id: str, key: str, *, price: int
    ) -> Reservation:
        """Reserve inside the caller's transaction, under a *key* that has no reservation yet.

        Raises InsufficientCredits.
        """
        limited = _take(connection, workspace_id, price)
        effect = -price if limited else 0
        entry = self._entry(EntryKind.RESERVE, workspace_id, key, credits=price, effect=effect)
        _INSERT.run(connection, entry)
        return Reservation(workspace_id, key, price, limited, self._database.now())

    def settle(self, workspace_id: str, key: str, *, credits: int, reason: str) -> Receipt:
        """Charge *credits* of the reservation and release the rest; see `settle_in`."""
        with self._database.write() as connection:
            return self.settle_in(connection, workspace_id, key, credits=credits, reason=reason)

    def settle_in(
        self, connection: Connection, workspace_id: str, key: str, *, credits: int, reason: str
    ) -> Receipt:
        """Settle inside the caller's transaction. A reservation is settled once.

        Whoever comes second, with whatever amount, gets the receipt of the first. Raises NotFound
        without such a reservation, and InvalidInput for more credits than it holds.
        """
        reserved = find_reservation(connection, workspace_id, key)
        if reserved is None:
            raise NotFound("reservation")
        if not 0 <= credits <= reserved.price:
            problem = f"{credits} can't be settled, {reserved.price} are reserved."
            raise InvalidInput("credits", problem, "Reserve the highest price first.")
        charge = self._entry(EntryKind.SETTLE, workspace_id, key, credits=credits, reason=reason)
        if not insert_new(connection, LEDGER_ENTRY, charge):
            return _stored_receipt(connection, workspace_id, key)
        rest = reserved.price - credits
        if not rest:
            return Receipt(
                credits=credits, balance=_balance(connection, workspace_id), reason=reason
            )
        effect = rest if reserved.limited else 0
        back = self._entry(EntryKind.RELEASE, workspace_id, key, credits=rest, effect=effect)
        _INSERT.run(connection, back)
        balance = _add(connection, workspace_id, effect)
        return Receipt(credits=credits, balance=balance, reason=reason)

    def release(self, workspace_id: str, key: str, *, reason: str) -> Receipt:
        """Give the whole reservation back: nothing usable came of it."""
        return self.settle(workspace_id, key, credits=0, reason=reason)

    def reservation(self, workspace_id: str, key: str) -> Reservation | None:
        with self._database.read() as connection:
            return find_reservation(connection, workspace_id, key)

    def open_reservations(self, *, older_than: datetime) -> Sequence[Reservation]:
        """Reservations of all workspaces that nobody settled: their analysis was interrupted."""
        settled = LEDGER_ENTRY.alias()
        wanted = (
            select(LEDGER_ENTRY)
            .where(
                LEDGER_ENTRY.c.kind == EntryKind.RESERVE,
                LEDGER_ENTRY.c.created_at < older_than,
                ~exists().where(
                    settled.c.workspace_id == LEDGER_ENTRY.c.workspace_id,
                    settled.c.key == LEDGER_ENTRY.c.key,
                    settled.c.kind == EntryKind.SETTLE,
                ),
            )
            .order_by(LEDGER_ENTRY.c.created_at)
        )
        with self._database.read() as connection:
            rows = connection.execute(wanted).all()
        return tuple(
            Reservation(row.workspace_id, row.key, row.credits, row.effect != 0, row.created_at)
            for row in rows
        )

    def audit(self, workspace_id: str) -> LedgerAudit:
        """Add the whole journal up again and compare."""
        with self._database.write() as connection:  # so that no entry comes in between
            return audit_ledger(connection, workspace_id)

    def _entry(
        self,
        kind: EntryKind,
        workspace_id: str,
        key: str,
        *,
        credits: int,
        effect: int = 0,
        reason: str = "",
    ) -> dict[str, object]:
        return {
            "kind": kind,
            "workspace_id": workspace_id,
            "key": key,
            "credits": credits,
            "effect": effect,
            "reason": reason,
            "created_at": self._database.now(),
        }


def _require_amount(where: str, credits: int) -> None:
    if credits < 0:
        raise InvalidInput(where, f"{credits} is below 0.", "Give a whole number from 0.")


def _balance(connection: Connection, workspace_id: str) -> int | None:
    row = _BALANCE.first(connection, {"workspace": workspace_id})
    return None if row is None else row.balance


def _add(connection: Connection, workspace_id: str, credits: int) -> int | None:
    """The balance afterwards, None without a limit."""
    row = _RAISE.first(connection, {"workspace": workspace_id, "amount": credits})
    return None if row is None else row.balance


def _take(connection: Connection, workspace_id: str, price: int) -> bool:
    """Lower the balance by *price*, never below 0; False when there is no limit."""
    values = {"workspace": workspace_id, "amount": price}
    while not _LOWER.run(connection, values):
        available = _balance(connection, workspace_id)
        if available is None:
            return False
        if available < price:
            raise InsufficientCredits(available, price)
        # a grant came between the two statements, which only Postgres allows: try again
    return True


def find_reservation(connection: Connection, workspace_id: str, key: str) -> Reservation | None:
    """What was put aside under *key*, open or settled."""
    rows = _entries(connection, workspace_id, key)
    if (reserved := rows.get(EntryKind.RESERVE)) is None:
        return None
    settled = rows.get(EntryKind.SETTLE)
    return Reservation(
        workspace_id,
        key,
        price=reserved.credits,
        limited=reserved.effect != 0,
        created_at=reserved.created_at,
        settled=settled.credits if settled is not None else None,
    )


def _stored_receipt(connection: Connection, workspace_id: str, key: str) -> Receipt:
    first = _entries(connection, workspace_id, key)[EntryKind.SETTLE]
    balance = _balance(connection, workspace_id)
    return Receipt(credits=first.credits, balance=balance, reason=first.reason)


def _entries(connection: Connection, workspace_id: str, key: str) -> dict[str, Any]:
    """The entries of one key by kind; there is at most one of each."""
    values = {"workspace": workspace_id, "entry_key": key}
    return {row.kind: row for row in _ENTRIES.all(connection, values)}
