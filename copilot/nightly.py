"""One pass over what failed since the last one: a single analysis for each kind, under two caps.

catch up > rank the kinds and store them > analyse one by one > finish with a digest. The ranked
items are stored before the first analysis and each has its own idempotency key, so that a pass
that was killed goes on where it was, and nothing is charged twice. Nothing is ever applied.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import reduce
from typing import Protocol, TypeVar

from .digest import as_letter
from .errors import CopilotError, InsufficientCredits, InvalidInput, NotFound
from .notify import Letter
from .policy import Policy
from .storage.database import utc_now
from .storage.nights import NightlyItem, NightlyPass, Nights
from .storage.store import Store
from .types import Report
from .types.nightly import Digest, DigestItem, LeftOut, PassState

#: Seconds between two looks at whether another pass of the workspace has begun or ended.
PATIENCE = 0.1

Cap = TypeVar("Cap", int, Decimal)

NO_POST = "not sent: no mail server is set"
INTERRUPTED = "not sent: the process ended before"


class Analyze(Protocol):
    def __call__(self, workspace_id: str, execution_id: str, key: str, /) -> Report:
        """The report on a run, charged once per *key*."""
        ...


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most one analysis can cost; an analysis that may not fit under a cap is not begun.

    cost_usd: None when no such amount is known; then the last one may go beyond the spend cap.
    """

    credits: int
    cost_usd: Decimal | None = Decimal(0)


@dataclass(frozen=True, slots=True)
class _Spent:
    """What the items of a pass have cost so far; `cost_usd` is None once a price is unknown."""

    credits: int
    cost_usd: Decimal | None

    def plus(self, item: NightlyItem) -> "_Spent":
        if not item.done:
            return self
        cost = None
        if self.cost_usd is not None and item.cost_usd is not None:
            cost = self.cost_usd + item.cost_usd
        return _Spent(self.credits + item.credits, cost)


_NOTHING = _Spent(0, Decimal(0))


class Nightly:
    """Carries out passes, one at a time for each workspace.

    catch_up: takes in what has failed. policy: what a workspace has decided. ceiling: the most an
    analysis can cost in a workspace; left out, that is what the rules alone cost. post: sends the
    digest to the addresses of the policy and says what became of it.
    """

    def __init__(
        self,
        store: Store,
        *,
        catch_up: Callable[[str], int],
        analyze: Analyze,
        policy: Callable[[str], Policy],
        clock: Callable[[], datetime] = utc_now,
        ceiling: Callable[[str], Ceiling] | None = None,
        post: Callable[[Letter, str], str] | None = None,
    ) -> None:
        self._nights: Nights = store.nights
        self._catch_up = catch_up
        self._analyze = analyze
        self._policy = policy
        self._now = clock
        self._ceiling = ceiling or self._rules_alone
        self._post = post

    def run(
        self,
        workspace_id: str,
        *,
        credit_cap: int | None = None,
        spend_cap_usd: Decimal | None = None,
    ) -> Digest:
        """Analyse what failed since the last pass; goes on with a pass that was interrupted.

        The caps can only lower those of the workspace. While another pass of the workspace is
        running, its digest so far comes back. Raises InvalidInput for a cap below 0.
        """
        _require_cap("credit_cap", credit_cap)
        _require_cap("spend_cap_usd", spend_cap_usd)
        while True:
            with self._nights.turn(workspace_id, patience=PATIENCE) as is_mine:
                if is_mine:
                    return self._carry_out(workspace_id, credit_cap, spend_cap_usd)
            running = self._nights.running(workspace_id)
            if running is not None:
                return self._digest(running, self._nights.items(running))
            time.sleep(PATIENCE)

    def latest(self, workspace_id: str) -> Digest:
        """The newest digest, so far if its pass is running. Raises NotFound before the first."""
        newest = self._nights.newest(workspace_id)
        if newest is None:
            raise NotFound("nightly pass")
        return newest.digest or self._digest(newest, self._nights.items(newest))

    def _carry_out(
        self, workspace_id: str, credit_cap: int | None, spend_cap_usd: Decimal | None
    ) -> Digest:
        policy = self._policy(workspace_id)
        self._catch_up(workspace_id)
        one = self._nights.begin(
            workspace_id,
            credit_cap=_lower(policy.nightly_credit_cap, credit_cap),
            spend_cap_usd=_lower(policy.nightly_spend_cap_usd, spend_cap_usd),
        )
        items = list(self._nights.items(one))
        spent = reduce(_Spent.plus, items, _NOTHING)
        for index, item in enumerate(items):
            if item.done:
                continue
            reason = self._over_a_cap(one, spent) or self._analyse(one, items, index)
            if reason is not None:
                self._leave(one, items, reason)
                break
            spent = spent.plus(items[index])
        return self._finish(one, items, policy.nightly_digest_to)

    def _over_a_cap(self, one: NightlyPass, spent: _Spent) -> LeftOut | None:
        most = self._ceiling(one.workspace_id)
        if one.credit_cap is not None and spent.credits + most.credits > one.credit_cap:
            return LeftOut.CREDIT_CAP
        if one.spend_cap_usd is None:
            return None
        if spent.cost_usd is None:
            return LeftOut.UNKNOWN_COST
        if most.cost_usd is None:
            return LeftOut.SPEND_CAP if spent.cost_usd >= one.spend_cap_usd else None
        return LeftOut.SPEND_CAP if spent.cost_usd + most.cost_usd > one.spend_cap_usd else None

    def _analyse(self, one: NightlyPass, items: list[NightlyItem], index: int) -> LeftOut | None:
        """Analyse one item and store how it ended; why the pass can't go on, or None."""
        open_item = items[index]
        key = f"nightly:{one.pass_id}:{open_item.position}"
        try:
            report = self._analyze(one.workspace_id, open_item.item.execution_id, key)
        except InsufficientCredits:
            return LeftOut.INSUFFICIENT_CREDITS
        except CopilotError as error:
            items[index] = _left_out(open_item, error.code)
        except Exception:
            # noted before it is raised: the pass goes on behind this item, not in a circle
            self._nights.settle(one, [_left_out(open_item, LeftOut.INTERNAL_ERROR)])
            raise
        else:
            items[index] = _analysed(open_item, report)
        self._nights.settle(one, [items[index]])
        return None

    def _leave(self, one: NightlyPass, items: list[NightlyItem], reason: LeftOut) -> None:
        items[:] = [item if item.done else _left_out(item, reason) for item in items]
        self._nights.settle(one, [item for item in items if item.item.not_analysed == reason])

    def _finish(self, one: NightlyPass, items: Sequence[NightlyItem], to: str) -> Digest:
        """Mail is sent at most once: a pass that ends before it is known says so."""
        digest = self._digest(one, items).model_copy(
            update={
                "state": PassState.FINISHED,
                "finished_at": self._now(),
                "delivery": INTERRUPTED if to.strip() else None,
            }
        )
        self._nights.finish(digest)
        if to.strip():
            delivery = self._post(as_letter(digest), to) if self._post else NO_POST
            digest = digest.model_copy(update={"delivery": delivery})
            self._nights.finish(digest)
        return digest

    def _digest(self, one: NightlyPass, items: Sequence[NightlyItem]) -> Digest:
        spent = reduce(_Spent.plus, items, _NOTHING)
        return Digest(
            pass_id=one.pass_id,
            workspace_id=one.workspace_id,
            state=one.state,
            since=one.since,
            started_at=one.started_at,
            finished_at=None,
            failures=sum(each.item.failures for each in items),
            groups=len(items),
            analysed=sum(each.item.analysis_id is not None for each in items),
            items=tuple(each.item for each in items),
            fixes=tuple(self._nights.fixes(one)),
            credits=spent.credits,
            credit_cap=one.credit_cap,
            cost_usd=spent.cost_usd,
            spend_cap_usd=one.spend_cap_usd,
        )

    def _rules_alone(self, workspace_id: str) -> Ceiling:
        return Ceiling(self._policy(workspace_id).offline_credit_cost)


def _require_cap(name: str, cap: int | Decimal | None) -> None:
    if cap is not None and not (Decimal(cap).is_finite() and cap >= 0):
        raise InvalidInput(name, f"{cap} is not an amount.", "Give a number from 0.")


def _lower(allowed: Cap, asked: Cap | None) -> Cap:
    return allowed if asked is None else min(allowed, asked)


def _analysed(item: NightlyItem, report: Report) -> NightlyItem:
    facts = {
        "analysis_id": report.analysis_id,
        "root_cause": report.root_cause,
        "verdict": report.verdict,
        "headline": report.headline,
        "fixes": tuple(fix.fix_id for fix in report.suggested_fixes if fix.fix_id is not None),
    }
    told: DigestItem = item.item.model_copy(update=facts)
    receipt = report.receipt
    return replace(
        item,
        done=True,
        credits=receipt.credits,
        cost_usd=receipt.cost_usd,
        item=told,
    )


def _left_out(item: NightlyItem, code: str) -> NightlyItem:
    told: DigestItem = item.item.model_copy(update={"not_analysed": str(code)})
    return replace(item, done=True, credits=0, cost_usd=Decimal(0), item=told)
