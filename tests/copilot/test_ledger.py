"""Credits: never below 0, never charged twice, and the journal always adds up."""

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from copilot.errors import InsufficientCredits, InvalidInput, NotFound
from copilot.storage.store import Store
from copilot.testing import ManualClock, SimulatedCrash
from tests.copilot.storage_builders import START, a_failure, a_finished_analysis, sqlite_engine

T = TypeVar("T")


def at_once(*calls: Callable[[], T]) -> list[T]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def test_reserve_settle_and_release_add_up(store: Store) -> None:
    assert store.ledger.grant("acme", "start", credits=10, reason="trial") == 10
    reservation = store.ledger.reserve("acme", "key-1", price=2)
    assert (reservation.price, reservation.limited, reservation.settled) == (2, True, None)
    assert store.ledger.balance("acme") == 8
    receipt = store.ledger.settle("acme", "key-1", credits=1, reason="rules")
    assert (receipt.credits, receipt.balance, receipt.reason) == (1, 9, "rules")
    audit = store.ledger.audit("acme")
    assert (audit.granted, audit.spent, audit.reserved, audit.balance) == (10, 1, 0, 9)
    assert audit.balanced


def test_a_workspace_without_a_limit_is_metered(store: Store) -> None:
    store.ledger.reserve("acme", "key-1", price=2)
    receipt = store.ledger.settle("acme", "key-1", credits=2, reason="model")
    assert (receipt.credits, receipt.balance) == (2, None)
    assert store.ledger.used("acme", since=START) == 2
    assert store.ledger.used("acme", since=START + timedelta(seconds=1)) == 0
    assert store.ledger.audit("acme").balanced


def test_a_limit_set_while_an_analysis_runs_does_not_touch_that_analysis(store: Store) -> None:
    store.ledger.reserve("acme", "key-1", price=2)
    store.ledger.grant("acme", "start", credits=5, reason="first limit")
    store.ledger.settle("acme", "key-1", credits=1, reason="rules")
    assert store.ledger.balance("acme") == 5
    assert store.ledger.audit("acme").balanced


def test_too_few_credits_are_refused_and_leave_no_trace(store: Store) -> None:
    store.ledger.grant("acme", "start", credits=1, reason="trial")
    with pytest.raises(InsufficientCredits, match="needs 2, 1 left"):
        store.ledger.reserve("acme", "key-1", price=2)
    assert store.ledger.reservation("acme", "key-1") is None
    assert store.ledger.balance("acme") == 1


def test_a_limit_of_nothing_refuses_everything(store: Store) -> None:
    assert store.ledger.grant("acme", "start", credits=0, reason="closed") == 0
    with pytest.raises(InsufficientCredits):
        store.ledger.reserve("acme", "key-1", price=1)


def test_the_same_key_grants_reserves_and_settles_once(store: Store) -> None:
    for _ in range(2):
        assert store.ledger.grant("acme", "start", credits=3, reason="trial") == 3
    for _ in range(2):
        store.ledger.reserve("acme", "key-1", price=2)
    assert store.ledger.balance("acme") == 1
    first = store.ledger.settle("acme", "key-1", credits=2, reason="model")
    assert store.ledger.settle("acme", "key-1", credits=0, reason="changed my mind") == first
    assert store.ledger.release("acme", "key-1", reason="too late") == first
    assert store.ledger.balance("acme") == 1
    again = store.ledger.reserve("acme", "key-1", price=2)
    assert again.settled == 2


def test_keys_of_two_workspaces_are_two_keys(store: Store) -> None:
    store.ledger.reserve("acme", "key-1", price=2)
    store.ledger.reserve("rival", "key-1", price=1)
    assert store.ledger.settle("rival", "key-1", credits=1, reason="rules").credits == 1
    assert store.ledger.reservation("acme", "key-1").settled is None


def test_what_was_not_reserved_can_not_be_settled(store: Store) -> None:
    with pytest.raises(NotFound):
        store.ledger.settle("acme", "key-1", credits=1, reason="rules")
    store.ledger.reserve("acme", "key-1", price=1)
    with pytest.raises(InvalidInput, match="1 are reserved"):
        store.ledger.settle("acme", "key-1", credits=2, reason="model")
    with pytest.raises(InvalidInput):
        store.ledger.reserve("acme", "key-2", price=-1)


def test_interrupted_analyses_are_found_by_age(store: Store, clock: ManualClock) -> None:
    store.ledger.reserve("acme", "done", price=2)
    store.ledger.settle("acme", "done", credits=1, reason="rules")
    store.ledger.reserve("acme", "lost", price=2)
    clock.advance(minutes=5)
    store.ledger.reserve("rival", "running", price=2)
    lost = store.ledger.open_reservations(older_than=clock() - timedelta(minutes=1))
    assert [(one.workspace_id, one.key) for one in lost] == [("acme", "lost")]


def test_an_answer_that_comes_after_the_reconciler_keeps_the_settled_price(store: Store) -> None:
    store.ledger.grant("acme", "start", credits=5, reason="trial")
    store.ledger.reserve("acme", "key-1", price=2)
    offline = store.analyses.finish(a_finished_analysis(a_failure(), credits=1))
    late = store.analyses.finish(a_finished_analysis(a_failure(), analysis_id="late", credits=2))
    assert late == offline
    assert store.ledger.balance("acme") == 4


def test_parallel_reservations_can_not_overdraw(store: Store) -> None:
    store.ledger.grant("acme", "start", credits=7, reason="trial")

    def reserve(number: int) -> bool:
        try:
            store.ledger.reserve("acme", f"key-{number}", price=2)
        except InsufficientCredits:
            return False
        return True

    won = at_once(*(lambda n=n: reserve(n) for n in range(12)))
    assert sum(won) == 3
    assert store.ledger.balance("acme") == 1
    assert store.ledger.audit("acme").balanced


def test_parallel_requests_with_one_key_reserve_once_even_the_last_credits(store: Store) -> None:
    store.ledger.grant("acme", "start", credits=2, reason="trial")
    same = [lambda: store.ledger.reserve("acme", "key-1", price=2)] * 8
    assert {one.price for one in at_once(*same)} == {2}
    assert store.ledger.balance("acme") == 0
    assert store.ledger.audit("acme").reserved == 2


def test_parallel_answers_to_one_request_are_one_and_cost_once(store: Store) -> None:
    store.ledger.grant("acme", "start", credits=2, reason="trial")
    answers = at_once(
        *(
            lambda n=n: store.analyses.answer(
                a_finished_analysis(a_failure(), analysis_id=f"a-{n}", fix_ids=()), price=2
            )
            for n in range(6)
        )
    )
    assert len({answer.analysis_id for answer in answers}) == 1
    assert store.ledger.balance("acme") == 1
    assert store.ledger.audit("acme").balanced


def test_an_answer_that_can_not_be_paid_leaves_no_trace(store: Store) -> None:
    store.ledger.grant("acme", "start", credits=1, reason="trial")
    with pytest.raises(InsufficientCredits, match="needs 2, 1 left"):
        store.analyses.answer(a_finished_analysis(a_failure()), price=2)
    assert store.ledger.reservation("acme", "key-1") is None
    assert store.analyses.by_key("acme", "key-1") is None
    assert store.failures.recent_failures("acme", "outreach") == ()


def test_an_answer_uses_what_is_put_aside_for_it_already(store: Store) -> None:
    store.ledger.grant("acme", "start", credits=2, reason="trial")
    store.ledger.reserve("acme", "key-1", price=2)
    assert store.analyses.answer(a_finished_analysis(a_failure()), price=2).receipt.balance == 1
    assert store.ledger.audit("acme").balanced


def test_an_answer_whose_reservation_was_given_back_is_charged_anew(store: Store) -> None:
    store.ledger.grant("acme", "start", credits=2, reason="trial")
    store.ledger.reserve("acme", "key-1", price=2)
    store.ledger.release("acme", "key-1", reason="interrupted")
    assert store.analyses.answer(a_finished_analysis(a_failure()), price=2).receipt.balance == 1
    assert store.analyses.of_run("acme", "run-1") is not None
    assert store.ledger.audit("acme").balanced


def test_parallel_settlements_agree_on_one(store: Store) -> None:
    store.ledger.grant("acme", "start", credits=9, reason="trial")
    store.ledger.reserve("acme", "key-1", price=2)
    prices = [0, 1, 2, 0, 1, 2]
    receipts = at_once(
        *(lambda c=c: store.ledger.settle("acme", "key-1", credits=c, reason="r") for c in prices)
    )
    assert len({receipt.credits for receipt in receipts}) == 1
    assert store.ledger.balance("acme") == 9 - receipts[0].credits
    assert store.ledger.audit("acme").balanced


def test_the_audit_notices_a_forged_entry(store: Store, engine: Engine) -> None:
    store.ledger.grant("acme", "start", credits=9, reason="trial")
    store.ledger.reserve("acme", "key-1", price=2)
    store.ledger.settle("acme", "key-1", credits=1, reason="rules")
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER copilot_entry_kept")
        connection.exec_driver_sql(
            "UPDATE copilot_ledger_entry SET credits = 2 WHERE kind='settle'"
        )
    assert store.ledger.audit("acme").problems == ("key-1: 2 reserved, 2 settled, 1 released.",)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE copilot_workspace_limit SET balance = 100")
    assert "The balance is 100, the entries add up to 8." in store.ledger.audit("acme").problems


FORGED = "INSERT INTO copilot_ledger_entry (workspace_id, kind, key, credits, effect, reason,"
AT = "'', '2026-01-02 03:04:05.000000')"


@pytest.mark.parametrize(
    ("statement", "refused"),
    [
        ("UPDATE copilot_ledger_entry SET credits = 2", "a ledger entry is never changed"),
        (f"{FORGED} created_at) VALUES ('acme', 'grant', 'k', -1, 0, {AT}", "amount from 0"),
        (f"{FORGED} created_at) VALUES ('acme', 'grant', 'k', 1, 9, {AT}", "amount from 0"),
        (f"{FORGED} created_at) VALUES ('acme', 'settle', 'k', 1, 0, {AT}", "than was reserved"),
        (f"{FORGED} created_at) VALUES ('acme', 'settle', 'open', 3, 0, {AT}", "than was reserved"),
        ("UPDATE copilot_workspace_limit SET balance = -1", "credits end at 0"),
        ("INSERT INTO copilot_workspace_limit VALUES ('globex', -1)", "credits end at 0"),
    ],
    ids=["changed", "below-0", "effect", "not-reserved", "too-much", "overdrawn", "new-overdrawn"],
)
def test_the_database_itself_refuses_what_breaks_the_sums(
    store: Store, engine: Engine, statement: str, refused: str
) -> None:
    store.ledger.grant("acme", "start", credits=9, reason="trial")
    store.ledger.reserve("acme", "open", price=2)
    with pytest.raises(IntegrityError, match=refused), engine.begin() as connection:
        connection.exec_driver_sql(statement)
    assert store.ledger.audit("acme").balanced


class LedgerMachine(RuleBasedStateMachine):
    """Any history of grants, parallel analyses and crashes, against plain arithmetic."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = ManualClock()
        self.engine = sqlite_engine(Path(self.folder.name) / "ledger.sqlite")
        self.store = Store.open(self.engine, clock=self.clock)
        self.keys = 0
        self.granted = self.spent = 0
        self.open: dict[str, int] = {}

    @property
    def expected(self) -> int:
        return self.granted - self.spent - sum(self.open.values())

    def new_key(self) -> str:
        self.keys += 1
        return f"key-{self.keys}"

    @initialize(credits=st.integers(0, 12))
    def first_limit(self, credits: int) -> None:
        self.grant(credits)

    @rule(credits=st.integers(0, 12))
    def grant(self, credits: int) -> None:
        key = self.new_key()
        for _ in range(2):
            self.store.ledger.grant("acme", key, credits=credits, reason="top-up")
        self.granted += credits

    @rule(prices=st.lists(st.integers(0, 5), min_size=1, max_size=3))
    def reserve_at_once(self, prices: list[int]) -> None:
        keys = {self.new_key(): price for price in prices}

        def reserve(key: str, price: int) -> str | None:
            try:
                self.store.ledger.reserve("acme", key, price=price)
            except InsufficientCredits:
                return None
            return key

        won = at_once(*(lambda k=k, p=p: reserve(k, p) for k, p in keys.items()))
        before = self.expected
        self.open |= {key: keys[key] for key in won if key is not None}
        assert self.expected >= 0
        somebody_lost = None in won
        assert not somebody_lost or sum(prices) > before

    @rule(data=st.data(), twice=st.booleans())
    def settle_at_once(self, data: st.DataObject, twice: bool) -> None:
        if not self.open:
            return
        key = data.draw(st.sampled_from(sorted(self.open)))
        price = self.open.pop(key)
        amounts = data.draw(st.lists(st.integers(0, price), min_size=1 + twice, max_size=1 + twice))
        receipts = at_once(
            *(
                lambda c=c: self.store.ledger.settle("acme", key, credits=c, reason="done")
                for c in amounts
            )
        )
        assert len({receipt.credits for receipt in receipts}) == 1
        assert receipts[0].credits in amounts
        self.spent += receipts[0].credits

    @rule(price=st.integers(0, 5))
    def crash_inside_the_settlement(self, price: int) -> None:
        key = self.new_key()
        try:
            self.store.ledger.reserve("acme", key, price=price)
        except InsufficientCredits:
            return
        self.open[key] = price
        with pytest.raises(SimulatedCrash):
            self.settle_and_crash(key)

    def settle_and_crash(self, key: str) -> None:
        with self.store.database.write() as connection:
            self.store.ledger.settle_in(connection, "acme", key, credits=0, reason="done")
            raise SimulatedCrash

    @rule()
    def reconcile_after_a_restart(self) -> None:
        self.engine.dispose()
        self.clock.advance(minutes=5)
        lost = self.store.ledger.open_reservations(older_than=self.clock())
        assert {one.key: one.price for one in lost} == self.open
        for one in lost:
            charged = min(1, one.price)
            self.store.ledger.settle("acme", one.key, credits=charged, reason="interrupted")
            self.spent += charged
        self.open.clear()

    @invariant()
    def it_balances(self) -> None:
        audit = self.store.ledger.audit("acme")
        assert audit.problems == ()
        if self.keys:
            assert audit.balance == self.expected
            assert (audit.granted, audit.spent) == (self.granted, self.spent)
            assert audit.reserved == sum(self.open.values())

    def teardown(self) -> None:
        self.engine.dispose()
        self.folder.cleanup()


TestLedgerHistories = LedgerMachine.TestCase
TestLedgerHistories.settings = settings(
    max_examples=15,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
