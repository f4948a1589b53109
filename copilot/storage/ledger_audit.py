"""Whether the credit journal of a workspace adds up: every sum made again from single entries."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from .tables import LEDGER_ENTRY, WORKSPACE_LIMIT


@dataclass(frozen=True, slots=True)
class LedgerAudit:
    """granted = spent by limited analyses + reserved and open + balance, or `problems` says why not.

    spent: credits settled, those of before the limit included. reserved: held by open reservations.
    balance: as stored; None without a limit.
    """

    workspace_id: str
    granted: int
    spent: int
    reserved: int
    balance: int | None
    problems: tuple[str, ...]

    @property
    def balanced(self) -> bool:
        return not self.problems


@dataclass(frozen=True, slots=True)
class _Entry:
    credits: int
    effect: int


def audit_ledger(connection: Connection, workspace_id: str) -> LedgerAudit:
    """Read all entries of the workspace; time and memory grow with their number."""
    limit = select(WORKSPACE_LIMIT.c.balance).where(WORKSPACE_LIMIT.c.workspace_id == workspace_id)
    # taking the row first keeps out every entry that would change the balance meanwhile
    balance = connection.execute(limit.with_for_update()).scalar_one_or_none()
    wanted = select(LEDGER_ENTRY).where(LEDGER_ENTRY.c.workspace_id == workspace_id)
    by_key: defaultdict[str, dict[str, _Entry]] = defaultdict(dict)
    for row in connection.execute(wanted):
        by_key[row.key][row.kind] = _Entry(row.credits, row.effect)
    total = sum(entry.effect for kinds in by_key.values() for entry in kinds.values())
    problems = [problem for key, kinds in by_key.items() for problem in _key_problems(key, kinds)]
    if total != (balance or 0):
        problems.append(f"The balance is {balance}, the entries add up to {total}.")
    if balance is not None and balance < 0:
        problems.append(f"The balance is {balance}, below 0.")
    return LedgerAudit(
        workspace_id=workspace_id,
        granted=sum(kinds["grant"].credits for kinds in by_key.values() if "grant" in kinds),
        spent=sum(kinds["settle"].credits for kinds in by_key.values() if "settle" in kinds),
        reserved=sum(_open_credits(kinds) for kinds in by_key.values()),
        balance=balance,
        problems=tuple(problems),
    )


def _open_credits(kinds: Mapping[str, _Entry]) -> int:
    return kinds["reserve"].credits if "reserve" in kinds and "settle" not in kinds else 0


def _key_problems(key: str, kinds: Mapping[str, _Entry]) -> Iterator[str]:
    reserved, settled, released = (kinds.get(kind) for kind in ("reserve", "settle", "release"))
    if reserved is None:
        if settled or released:
            yield f"{key}: settled or released without a reservation."
        return
    if settled is None:
        if released:
            yield f"{key}: released but not settled."
        return
    back = released or _Entry(0, 0)
    if settled.credits + back.credits != reserved.credits:
        yield (
            f"{key}: {reserved.credits} reserved, {settled.credits} settled, "
            f"{back.credits} released."
        )
    limited = reserved.effect != 0
    if back.effect != (back.credits if limited else 0):
        yield f"{key}: {back.credits} released, {back.effect} given back."
