"""Branches that spend at the same moment keep to a limit together, in whatever order they run."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.definition import Budget
from engine.errors import BudgetExceeded
from engine.ports import Completion, Limits, Message, ModelFacts, Question
from engine.run.budget import Governor
from engine.run.pricing import most_needed
from engine.run.reach import Reach
from engine.run.reservations import Need
from engine.run.spending import Spending, Usage
from engine.storage.spending import Spent
from engine.testing import FrozenClock, KnownModels, agent, step_bench, tool, workflow

STEP = agent("a", "?", max_turns=100, budget=Budget(max_cost_usd=50, max_tokens=10**9))


@dataclass(frozen=True)
class Call:
    """A call that may cost `most` cents (None: nobody knows) and costs `actual`."""

    most: int | None
    actual: int
    before: int
    during: int


def needs(call):
    return Need() if call.most is None else Need(call.most, Decimal(call.most) / 100)


calls = st.builds(
    lambda most, part, known, before, during: Call(
        most if known else None, most * part // 4, before, during
    ),
    most=st.integers(0, 40),
    part=st.integers(0, 4),
    known=st.integers(0, 4).map(bool),
    before=st.integers(0, 4),
    during=st.integers(0, 4),
)
branches = st.lists(st.lists(calls, max_size=4), min_size=1, max_size=6)


UNITS = ["usd", "tokens", "usd a day", "tokens a day"]


def limits_of(unit, limit):
    """*limit* in cents or tokens, set by the workflow or for the workspace's day."""
    match unit:
        case "usd":
            return Budget(max_cost_usd=Decimal(limit) / 100), Limits()
        case "tokens":
            return Budget(max_tokens=limit), Limits()
        case "usd a day":
            return Budget(), Limits(max_daily_cost_usd=Decimal(limit) / 100)
        case "tokens a day":
            return Budget(), Limits(max_daily_tokens=limit)


class Round:
    """Branches of one round, each a step with one call after the other."""

    def __init__(self, limit, unit):
        self.governor = Governor(
            *limits_of(unit, limit), Spending(), FrozenClock().now, self._spent_today
        )
        self.under_way = []
        self.overshot_beside_others = []
        self.refused = 0
        self.done = 0
        self.unit = unit
        self.limit = limit

    async def _spent_today(self, _moment):
        await asyncio.sleep(0)
        return Spent()

    @property
    def spent(self):
        spending = self.governor.spending
        return spending.tokens if "tokens" in self.unit else int(spending.cost_usd * 100)

    async def branch(self, listed):
        usage = Usage()
        for call in listed:
            await pause(call.before)
            try:
                hold = await self.governor.admit(STEP, usage, needs(call))
            except BudgetExceeded:
                self.refused += 1
                return
            await self._call(call, usage, hold)
            if await self.governor.breach(STEP, usage) is not None:
                return

    async def _call(self, call, usage, hold):
        mark = [call, len(self.under_way) > 0]
        for other in self.under_way:
            other[1] = True
        self.under_way.append(mark)
        try:
            await pause(call.during)
            usage.add(tokens=call.actual, cost_usd=Decimal(call.actual) / 100)
            self.done += 1
        finally:
            self.under_way.remove(mark)
            before = self.spent
            self.governor.settle(hold, usage)
            if self.spent > self.limit and self.spent > before and mark[1]:
                self.overshot_beside_others.append(call)


async def pause(turns):
    for _ in range(turns):
        await asyncio.sleep(0)


async def all_of(round_, listed, cancelled=()):
    tasks = [asyncio.create_task(round_.branch(one)) for one in listed]
    for index, turns in cancelled:
        await pause(turns)
        tasks[index % len(tasks)].cancel()
    async with asyncio.timeout(60):
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


@given(branches, st.integers(1, 60), st.sampled_from(UNITS))
def test_branches_overshoot_no_more_than_one_call_that_ran_alone(listed, limit, unit):
    round_ = Round(limit, unit)
    asyncio.run(all_of(round_, listed))
    assert round_.overshot_beside_others == []
    dearest = max((call.actual for one in listed for call in one), default=0)
    assert round_.spent <= limit + dearest
    assert round_.governor._reservations._holds == []


@given(branches, st.sampled_from(UNITS))
def test_what_fits_together_is_never_refused(listed, unit):
    total = sum(call.actual if call.most is None else call.most for one in listed for call in one)
    round_ = Round(total + 1, unit)
    asyncio.run(all_of(round_, listed))
    assert (round_.refused, round_.done) == (0, sum(len(one) for one in listed))


@given(
    branches,
    st.integers(1, 60),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=4),
)
def test_a_cancelled_branch_holds_nothing_back(listed, cents, cancelled):
    round_ = Round(cents, "usd")
    asyncio.run(all_of(round_, listed, cancelled))
    assert round_.overshot_beside_others == []
    assert round_.governor._reservations._holds == []
    assert not round_.governor._reservations._queue


def test_without_a_shared_limit_nobody_waits():
    async def two_at_once():
        governor = Round(10, "usd").governor
        governor = Governor(Budget(), Limits(), Spending(), governor.now, governor.spent_since)
        async with asyncio.timeout(60):
            return [await governor.admit(STEP, Usage()) for _ in range(2)]

    assert len(asyncio.run(two_at_once())) == 2


def test_who_comes_first_is_let_in_first():
    async def order():
        governor = Round(100, "usd").governor
        seen = []

        async def ask(name, cents):
            usage = Usage()
            hold = await governor.admit(STEP, usage, Need(cents, Decimal(cents) / 100))
            seen.append(name)
            await pause(3)
            governor.settle(hold, usage)

        await asyncio.gather(ask("first", 60), ask("large", 90), ask("small", 10))
        return seen

    assert asyncio.run(order()) == ["first", "large", "small"]


def test_branches_of_a_real_step_stay_within_the_workflows_budget(tmp_path):
    """Eight agents at once that may cost 10 cents each, and 25 cents for all of them."""

    class Slow:
        most = asked = now = 0

        async def complete(self, question):
            self.asked += 1
            self.now += 1
            self.most = max(self.most, self.now)
            await pause(3)
            self.now -= 1
            return Completion("x", 1000, 1000, Decimal("0.10"))

    price = {"input_usd": Decimal(10), "output_usd": Decimal(90)}
    facts = ModelFacts(id="m", max_output_tokens=1000, **price)
    bench = step_bench(
        tmp_path,
        model=(model := Slow()),
        flow=workflow(tool("t"), budget={"max_cost_usd": "0.25"}),
        reach=Reach(catalog=KnownModels((facts,))),
    )

    async def together():
        steps = [agent(f"s{n}", "x", retries=0) for n in range(8)]
        return await asyncio.gather(*(bench.carry_out(step) for step in steps))

    ended = asyncio.run(together())
    assert model.most == 2
    assert (model.asked, bench.run.governor.spending.cost_usd) == (3, Decimal("0.30"))
    assert [done.error is None for done in ended].count(True) == 2
    (broke,) = [done for done in ended if done.error and done.usage.calls]
    assert broke.error.message.startswith("Cost limit of $0.25 exceeded: $0.30 used.")


@pytest.mark.parametrize("text", ["hello", "日本語" * 50, "\ud800", ""])
def test_a_call_never_needs_more_than_is_reserved(text):
    facts = ModelFacts(id="m", input_usd=Decimal(1), output_usd=Decimal(2))
    messages = (Message("user", text),)
    question = Question(system="s", messages=messages, timeout_seconds=1, max_output_tokens=100)
    need = most_needed(question, facts)
    size = len(text.encode("utf-8", "replace"))
    assert need.tokens >= size + 1 + 100
    assert need.cost_usd == (need.tokens - 100 + 200) / Decimal(1_000_000)
    free = ModelFacts(id="m")
    assert most_needed(question, free).cost_usd is None
    endless = Question(system="", messages=messages, timeout_seconds=1)
    assert most_needed(endless, facts) == Need()
