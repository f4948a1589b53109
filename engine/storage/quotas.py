"""What accounts have used: taken before a call, given back if it did not happen.

Amounts are added up by the second or by the minute, so a window of any length is a sum. Of a
process that dies during a call it stays unknown whether the call happened: it counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ..errors import NotFound
from ..quota import Override, Quota, measure, overridden, whole
from .database import reading, writing
from .quota_tables import QUOTA_ACCOUNT, QUOTA_OVERRIDE, QUOTA_USE
from .quota_windows import Account, Full, Span, of_account, span_of, state_of
from .tables import EXECUTION

#: The longest window is a month of 31 days; nothing older is asked for.
_KEPT: Mapping[Span, timedelta] = {
    "second": timedelta(minutes=10),
    "minute": timedelta(days=32),
}
_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass(frozen=True, slots=True)
class Taken:
    """What a call may use, and under which spans it was counted; nothing for a test."""

    account: Account
    amounts: Mapping[str, int]
    begun: Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class Stopped:
    """The other side wants no more until then."""

    until: datetime
    message: str


class QuotaStore:
    """Methods that take a connection are pieces of somebody's transaction; the others are one."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def take(
        self,
        connection: sa.Connection,
        account: Account,
        amounts: Mapping[str, int],
        quotas: Sequence[Quota],
        *,
        execution_id: str,
        now: datetime,
    ) -> Taken | Full | Stopped:
        """Counts *amounts* (by unit) if they all fit, and nothing otherwise.

        Until the transaction ends nobody else takes anything of the account. A test is refused
        like any run and counted never.
        """
        stopped = _hold(connection, account)
        if stopped is not None and stopped.until > now:
            return stopped
        asked = _measured(amounts)
        own = overridden(quotas, _overrides(connection, account))
        refused = [full for quota in own if (full := _full(connection, account, quota, asked, now))]
        if refused:
            return max(refused, key=_last_to_reset)
        if connection.scalar(_TEST_MODE, {"execution_id": execution_id}):
            return Taken(account, {}, {})
        spans: set[Span] = {"minute", *map(span_of, own)}
        begun: dict[str, datetime] = {span: whole(now, span) for span in spans}
        taken = Taken(account, asked, begun)
        _add(connection, taken, sign=1)
        return taken

    def give_back(
        self, connection: sa.Connection, taken: Taken, amounts: Mapping[str, int]
    ) -> None:
        """Of what was *taken*, *amounts* have not been used after all."""
        back = {
            unit: amount for unit, amount in amounts.items() if amount and unit in taken.amounts
        }
        _add(connection, Taken(taken.account, back, taken.begun), sign=-1)

    def stop(
        self, connection: sa.Connection, account: Account, *, until: datetime, message: str
    ) -> None:
        """The other side said that it wants no more until then."""
        _hold(connection, account)
        connection.execute(
            sa.update(QUOTA_ACCOUNT)
            .where(of_account(QUOTA_ACCOUNT, account))
            .values(stopped_until=until, stop_message=message)
        )

    def used(self, account: Account, quotas: Sequence[Quota], *, now: datetime) -> tuple[Full, ...]:
        """How far each of *quotas* is used in its window now; with `asked` 0."""
        with reading(self._engine) as connection:
            return tuple(state_of(connection, account, quota, 0, now) for quota in quotas)

    def effective(self, account: Account, quotas: Sequence[Quota]) -> tuple[Quota, ...]:
        """*quotas* with what the workspace says of them."""
        with reading(self._engine) as connection:
            return overridden(quotas, _overrides(connection, account))

    def stopped(self, account: Account, *, now: datetime) -> Stopped | None:
        """Whether the other side wants no more by now, by its own word."""
        with reading(self._engine) as connection:
            found = _stopped(connection, account)
        return found if found is not None and found.until > now else None

    def accounts(self, workspace_id: str) -> tuple[str, ...]:
        """The name of every account that was used or has limits of its own."""
        used = sa.select(QUOTA_ACCOUNT.c.account, QUOTA_ACCOUNT.c.name).where(
            QUOTA_ACCOUNT.c.workspace_id == workspace_id
        )
        limited = sa.select(QUOTA_OVERRIDE.c.account, QUOTA_OVERRIDE.c.integration).where(
            QUOTA_OVERRIDE.c.workspace_id == workspace_id
        )
        with reading(self._engine) as connection:
            names = {
                key: name for query in (limited, used) for key, name in connection.execute(query)
            }
        return tuple(names[key] for key in sorted(names))

    def override(
        self, account: Account, name: str, override: Override, *, by: str | None, now: datetime
    ) -> None:
        """Sets what the workspace says of one limit."""
        values: dict[str, Any] = {
            "integration": account.integration,
            "content": override.model_dump_json(),
            "updated_at": now,
            "updated_by": by,
        }
        with writing(self._engine) as connection:
            insert = _INSERTS[connection.dialect.name](QUOTA_OVERRIDE).values(
                workspace_id=account.workspace_id, account=account.key, name=name, **values
            )
            connection.execute(
                insert.on_conflict_do_update(
                    index_elements=["workspace_id", "account", "name"], set_=values
                )
            )

    def restore(self, account: Account, name: str) -> None:
        """Takes the workspace's own word back. Raises `NotFound`."""
        mine = sa.and_(of_account(QUOTA_OVERRIDE, account), QUOTA_OVERRIDE.c.name == name)
        with writing(self._engine) as connection:
            if not connection.execute(sa.delete(QUOTA_OVERRIDE).where(mine)).rowcount:
                raise NotFound("quota override")

    def purge(self, now: datetime) -> None:
        """Forgets what lies in no window any more."""
        with writing(self._engine) as connection:
            for span, kept in _KEPT.items():
                connection.execute(
                    sa.delete(QUOTA_USE).where(
                        QUOTA_USE.c.span == span, QUOTA_USE.c.begins_at < now - kept
                    )
                )


_TEST_MODE = sa.select(EXECUTION.c.test_mode).where(EXECUTION.c.id == sa.bindparam("execution_id"))


def _hold(connection: sa.Connection, account: Account) -> Stopped | None:
    """Locks the account's row, made if it is not there yet."""
    insert = _INSERTS[connection.dialect.name](QUOTA_ACCOUNT).values(
        workspace_id=account.workspace_id, account=account.key, name=account.integration
    )
    connection.execute(insert.on_conflict_do_nothing())
    return _stopped(connection, account, lock=True)


def _stopped(connection: sa.Connection, account: Account, *, lock: bool = False) -> Stopped | None:
    query = sa.select(QUOTA_ACCOUNT.c.stopped_until, QUOTA_ACCOUNT.c.stop_message).where(
        of_account(QUOTA_ACCOUNT, account)
    )
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None or row.stopped_until is None:
        return None
    return Stopped(row.stopped_until, row.stop_message or "")


def _overrides(connection: sa.Connection, account: Account) -> dict[str, Any]:
    query = sa.select(
        QUOTA_OVERRIDE.c.name, QUOTA_OVERRIDE.c.content, QUOTA_OVERRIDE.c.updated_at
    ).where(of_account(QUOTA_OVERRIDE, account))
    return {
        row.name: (Override.model_validate_json(row.content), row.updated_at.date())
        for row in connection.execute(query)
    }


def _measured(amounts: Mapping[str, int]) -> dict[str, int]:
    asked: dict[str, int] = {}
    for unit, amount in amounts.items():
        if amount > 0:
            asked[measure(unit)] = asked.get(measure(unit), 0) + amount
    return asked


def _full(
    connection: sa.Connection,
    account: Account,
    quota: Quota,
    asked: Mapping[str, int],
    now: datetime,
) -> Full | None:
    amount = asked.get(quota.measure, 0)
    if not amount:
        return None
    state = state_of(connection, account, quota, amount, now)
    return state if state.used + amount > quota.limit else None


def _last_to_reset(full: Full) -> tuple[bool, datetime]:
    """What never fits comes last of all."""
    return full.resets_at is None, full.resets_at or datetime.max.replace(tzinfo=UTC)


def _add(connection: sa.Connection, taken: Taken, *, sign: int) -> None:
    rows: list[dict[str, Any]] = [
        {
            "workspace_id": taken.account.workspace_id,
            "account": taken.account.key,
            "unit": unit,
            "span": span,
            "begins_at": begins_at,
            "amount": sign * amount,
        }
        for unit, amount in taken.amounts.items()
        for span, begins_at in sorted(taken.begun.items())
    ]
    for row in rows:
        insert = _INSERTS[connection.dialect.name](QUOTA_USE).values(**row)
        connection.execute(
            insert.on_conflict_do_update(
                index_elements=["workspace_id", "account", "unit", "span", "begins_at"],
                set_={"amount": QUOTA_USE.c.amount + row["amount"]},
            )
        )
