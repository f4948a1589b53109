"""What a pass may cost, in credits and in money, and what it leaves out for that."""

from decimal import Decimal

import pytest

from copilot.errors import InsufficientCredits, InvalidInput, NotFound
from copilot.nightly import Ceiling, Nightly
from copilot.policy import Policy
from copilot.types.nightly import PassState
from tests.copilot.nightly_builders import answers as answers
from tests.copilot.nightly_builders import (
    fail,
    left_out,
)
from tests.copilot.nightly_builders import nightly as nightly
from tests.copilot.nightly_builders import policy as policy
from tests.copilot.storage_builders import START
from tests.copilot.test_watch import change as change


def test_what_is_over_the_credit_cap_is_listed_with_the_reason(store, nightly, answers, policy):
    policy["nightly_credit_cap"] = 2
    for name in ("a", "b", "c", "d"):
        fail(store, name)
    digest = nightly.run("acme")
    assert left_out(digest) == [None, None, "credit_cap", "credit_cap"]
    assert (digest.analysed, digest.credits, digest.credit_cap) == (2, 2, 2)
    assert store.ledger.used("acme", since=START) == 2


def test_an_analysis_that_may_not_fit_under_the_cap_is_not_begun(store, answers, clock):
    answers.price = 3
    fail(store, "a")
    fail(store, "b")
    nightly = Nightly(
        store,
        catch_up=lambda _: 0,
        analyze=answers,
        policy=lambda _: Policy(nightly_credit_cap=5),
        clock=clock,
        ceiling=lambda _: Ceiling(credits=3),
    )
    digest = nightly.run("acme")
    assert (digest.credits, left_out(digest)) == (3, [None, "credit_cap"])


def test_the_caps_of_a_call_can_only_lower_those_of_the_workspace(store, nightly, policy, clock):
    policy |= {"nightly_credit_cap": 1, "nightly_spend_cap_usd": Decimal(2)}
    fail(store, "a")
    fail(store, "b")
    more = nightly.run("acme", credit_cap=50, spend_cap_usd=Decimal(50))
    assert (more.credit_cap, more.spend_cap_usd, more.analysed) == (1, Decimal(2), 1)
    fail(store, "a", 2, start=20)
    clock.advance(days=1)
    less = nightly.run("acme", credit_cap=0, spend_cap_usd=Decimal(1))
    assert (less.credit_cap, less.spend_cap_usd, less.analysed) == (0, Decimal(1), 0)


@pytest.mark.parametrize(
    "caps", [{"credit_cap": -1}, {"spend_cap_usd": Decimal(-1)}, {"spend_cap_usd": Decimal("NaN")}]
)
def test_a_cap_below_nothing_is_refused_before_anything_happens(nightly, caps):
    with pytest.raises(InvalidInput):
        nightly.run("acme", **caps)
    with pytest.raises(NotFound):
        nightly.latest("acme")


def test_money_is_counted_against_the_spend_cap(store, clock, answers):
    for name in ("a", "b", "c", "d"):
        fail(store, name)
        answers.costs[f"{name}-0"] = Decimal("0.40")
    nightly = Nightly(
        store,
        catch_up=lambda _: 0,
        analyze=answers,
        policy=lambda _: Policy(nightly_spend_cap_usd=Decimal(1)),
        clock=clock,
        ceiling=lambda _: Ceiling(credits=1, cost_usd=Decimal("0.50")),
    )
    digest = nightly.run("acme")
    assert (digest.cost_usd, left_out(digest)) == (
        Decimal("0.80"),
        [None, None, "spend_cap", "spend_cap"],
    )


def test_without_a_known_ceiling_the_pass_stops_once_the_cap_is_reached(store, clock, answers):
    for name in ("a", "b", "c"):
        fail(store, name)
        answers.costs[f"{name}-0"] = Decimal("0.60")
    nightly = Nightly(
        store,
        catch_up=lambda _: 0,
        analyze=answers,
        policy=lambda _: Policy(nightly_spend_cap_usd=Decimal(1)),
        clock=clock,
        ceiling=lambda _: Ceiling(credits=1, cost_usd=None),
    )
    assert left_out(nightly.run("acme")) == [None, None, "spend_cap"]


def test_an_unknown_price_leaves_no_open_tab(store, nightly, answers):
    for minute, name in enumerate(("c", "b", "a")):
        fail(store, name, start=minute)
    answers.costs["b-0"] = None
    digest = nightly.run("acme")
    assert digest.cost_usd is None
    assert left_out(digest) == [None, None, "unknown_cost"]


def test_too_few_credits_end_the_analysing_and_not_the_pass(store, nightly, answers):
    store.ledger.grant("acme", "start", credits=1, reason="test")
    for minute, name in enumerate(("c", "b", "a")):
        fail(store, name, start=minute)
    digest = nightly.run("acme")
    assert left_out(digest) == [None, "insufficient_credits", "insufficient_credits"]
    assert (digest.state, digest.credits, answers.asked) == (PassState.FINISHED, 1, ["a-0", "b-0"])
    assert store.ledger.audit("acme").problems == ()
    with pytest.raises(InsufficientCredits):
        store.ledger.reserve("acme", "more", price=1)
