"""One pass over what failed since the last one: a single analysis for each kind, under two caps.

catch up > join groups > rank the kinds and store them > analyse one by one > finish with a digest.
The ranked items are stored before the first analysis and each has its own idempotency key, so that
a pass that was killed goes on where it was, and nothing is charged twice. Nothing is applied but
what a standing approval covers, as in any analysis.
Runs of other systems are not analysed again: what was found when they came in is told, for nothing.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial, reduce
from typing import Protocol, TypeVar

from .digest import applied_in, as_letter, in_order, with_findings
from .errors import CopilotError, InsufficientCredits, InvalidInput, NotAnalysable, NotFound
from .notify import Letter
from .policy import Policy
from .storage.database import utc_now
from .storage.nights import NightlyItem, NightlyPass, Nights
from .storage.store import Store
from .types import Report, RunStatus
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

#: What became of a run: the workspace, then the id of the run. Raises NotFound for a run that is
#: not here: one of another system, or gone.
ReadStatus = Callable[[str, str], RunStatus]


class Nightly:
    """Carries out passes, one at a time for each workspace.

    catch_up: takes in what has failed. policy: what a workspace has decided. ceiling: the most an
    analysis can cost in a workspace; left out, that is what the rules alone cost. status: what
    became of a run since it failed; left out, *analyze* is what tells. post: sends the digest to the
    addresses of the policy and says what became of it. regroup: joins what is one failure in other
    words, before the kinds are ranked; left out, groups stay as they are.
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
        status: ReadStatus | None = None,
        post: Callable[[Letter, str], str] | None = None,
        regroup: Callable[[str], int] | None = None,
    ) -> None:
        self._nights: Nights = store.nights
        self._states = store.patterns.states
        self._answer_to = store.analyses.by_key
        self._changes = store.changes
        self._catch_up = catch_up
        self._analyze = analyze
        self._policy = policy
        self._now = clock
        self._ceiling = ceiling or self._rules_alone
        self._status = status or _still_failed
        self._post = post
        self._regroup = regroup or _leave_groups
        #: A stored report as it was told: with a fix that its analysis applied by itself.
        self.as_given: Callable[[str, Report], Report] = lambda _, report: report

    def run(
        self,
        workspace_id: str,
        *,
        credit_cap: int | None = None,
        spend_cap_usd: Decimal | None = None,
        pass_id: str | None = None,
    ) -> Digest:
        """Analyse what failed since the last pass; goes on with a pass that was interrupted.

        The caps can only lower those of the workspace. While another pass of the workspace is
        running, its digest so far comes back. A pass that was asked for with the same *pass_id* and
        is finished is not made again. Raises InvalidInput for a cap below 0.
        """
        _require_cap("credit_cap", credit_cap)
        _require_cap("spend_cap_usd", spend_cap_usd)
        while True:
            with self._nights.turn(workspace_id, patience=PATIENCE) as is_mine:
                if is_mine:
                    done = self._nights.finished(workspace_id, pass_id) if pass_id else None
                    return done or self._carry_out(workspace_id, credit_cap, spend_cap_usd, pass_id)
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
        self,
        workspace_id: str,
        credit_cap: int | None,
        spend_cap_usd: Decimal | None,
        pass_id: str | None,
    ) -> Digest:
        policy = self._policy(workspace_id)
        self._catch_up(workspace_id)
        self._regroup(workspace_id)
        one = self._nights.begin(
            workspace_id,
            credit_cap=_lower(policy.nightly_credit_cap, credit_cap),
            spend_cap_usd=_lower(policy.nightly_spend_cap_usd, spend_cap_usd),
            pass_id=pass_id,
        )
        items = list(self._nights.items(one))
        self._take_on(one, items)
        return self._finish(one, items, policy.nightly_digest_to)

    def _take_on(self, one: NightlyPass, items: list[NightlyItem]) -> None:
        """Bring every open item to its end, and store it there."""
        spent = reduce(_Spent.plus, items, _NOTHING)
        left: list[NightlyItem] = []
        reason: LeftOut | None = None
        for index, item in enumerate(items):
            if item.done:
                continue
            reason = reason or self._over_a_cap(one, spent)
            if reason is None:
                items[index], reason = self._analyse(one, item)
                self._nights.settle(one, [items[index]])
                spent = spent.plus(items[index])
            else:
                items[index] = self._leave(one, item, reason)
                left.append(items[index])
        self._nights.settle(one, left)

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

    def _analyse(self, one: NightlyPass, item: NightlyItem) -> tuple[NightlyItem, LeftOut | None]:
        """How *item* ends, and why nothing after it can be analysed, or None."""
        key = f"nightly:{one.pass_id}:{item.position}"
        try:
            return self._answered(one, item, key), None
        except InsufficientCredits:
            reason = LeftOut.INSUFFICIENT_CREDITS
            return self._leave(one, item, reason), reason
        except CopilotError as error:
            return _left_out(item, error.code), None
        except Exception:
            # noted before it is raised: the pass goes on behind this item, not in a circle
            self._nights.settle(one, [_left_out(item, LeftOut.INTERNAL_ERROR)])
            raise

    def _answered(self, one: NightlyPass, item: NightlyItem, key: str) -> NightlyItem:
        """The newest run of a kind that is still failed, analysed; a kind without one as it is."""
        absent = False
        for execution_id, is_here in self._candidates(one, item.item):
            try:
                if is_here:
                    report = self._analyze(one.workspace_id, execution_id, key)
                    return self._told(one, item, report)
            except NotAnalysable:
                continue
            except NotFound:
                pass
            absent = True
        # a process that was killed may have had its answer, and the run was resumed since
        paid = self._answer_to(one.workspace_id, key)
        if paid is None:
            return self._unfailed(one, item, absent=absent)
        return self._told(one, item, paid)

    def _leave(self, one: NightlyPass, item: NightlyItem, reason: LeftOut) -> NightlyItem:
        """*item* without a new analysis; one that needs none is told all the same."""
        absent = False
        for execution_id, is_here in self._candidates(one, item.item):
            if is_here:
                return _left_out(item, reason, execution_id)
            absent = True
        return self._unfailed(one, item, absent=absent)

    def _unfailed(self, one: NightlyPass, item: NightlyItem, *, absent: bool) -> NightlyItem:
        """A kind of which nothing here is failed. *absent*: some of its runs are not here at all."""
        if not absent:
            return _left_out(item, NotAnalysable.code)
        known = self._nights.analysed(one, item.item)
        return _left_out(item, NotFound.code) if known is None else _told(item, known, known=True)

    def _candidates(self, one: NightlyPass, item: DigestItem) -> Iterator[tuple[str, bool]]:
        """Runs of a kind, the newest first: those that are still failed, and those not here."""
        for execution_id in self._runs(one, item):
            try:
                if self._status(one.workspace_id, execution_id).is_failure:
                    yield execution_id, True
            except NotFound:
                yield execution_id, False

    def _runs(self, one: NightlyPass, item: DigestItem) -> Iterator[str]:
        yield item.execution_id
        # asked for only when the newest, which is nearly always the one, was resumed
        yield from (run for run in self._nights.runs(one, item) if run != item.execution_id)

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

    def _told(self, one: NightlyPass, item: NightlyItem, report: Report) -> NightlyItem:
        # the same key again, after a process was killed, has what is stored
        if report.already_fixed is None and report.served_from is None:
            report = self.as_given(one.workspace_id, report)
        return _told(item, report)

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
            items=in_order(
                [each.item for each in items], lambda kinds: self._states(one.workspace_id, kinds)
            ),
            applied=applied_in(
                [each.item for each in items],
                since=one.started_at,
                change=partial(self._changes.find, one.workspace_id),
            ),
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


def _leave_groups(_workspace_id: str) -> int:
    return 0


def _still_failed(_workspace_id: str, _execution_id: str) -> RunStatus:
    return RunStatus.FAILED


def _told(item: NightlyItem, report: Report, *, known: bool = False) -> NightlyItem:
    """*item* with what was found. *known*: before the pass, which is told for nothing."""
    receipt = report.receipt
    return replace(
        item,
        done=True,
        credits=0 if known else receipt.credits,
        cost_usd=Decimal(0) if known else receipt.cost_usd,
        item=with_findings(item.item, report),
    )


def _left_out(item: NightlyItem, code: str, execution_id: str | None = None) -> NightlyItem:
    """*execution_id*: the run that would have been analysed."""
    run = execution_id or item.item.execution_id
    facts = {"not_analysed": str(code), "execution_id": run}
    told: DigestItem = item.item.model_copy(update=facts)
    return replace(item, done=True, credits=0, cost_usd=Decimal(0), item=told)
