"""What asking has cost, and what it may cost."""

import socket
import ssl
from decimal import Decimal

import pytest

from copilot.routing.reached import used
from copilot.runtimes import FailureKind, ModelFailure, Usage
from tests.copilot.routing.scene import (
    HANGS,
    OTHER,
    SMALL,
    TOKENS,
    Scene,
    fails,
    kinds,
    says,
)

CENT = Decimal("0.01")


def a_cent_at_most(model, request):
    return CENT


def test_failed_attempts_cost_too():
    scene = Scene([fails("truncated", usage=TOKENS)], [says("bad"), says("because")])
    routed, _ = scene.ask(SMALL, OTHER)
    assert [attempt.cost_usd for attempt in routed.attempts] == [CENT] * 3
    assert routed.cost_usd == 3 * CENT
    assert routed.attempts[0].usage == Usage(input=100, output=10)


def test_one_unknown_price_makes_the_whole_unknown():
    scene = Scene([fails("auth")], [says("because")], price=lambda model, usage: None)
    routed, _ = scene.ask(SMALL, OTHER)
    assert routed.cost_usd is None


def test_after_a_timeout_nobody_knows_what_it_cost():
    routed, _ = Scene([HANGS], [says("because")]).ask(SMALL, OTHER)
    assert [attempt.cost_usd for attempt in routed.attempts] == [None, CENT]
    assert routed.cost_usd is None
    assert not routed.attempts[0].usage.known


def test_unknown_tokens_have_an_unknown_price():
    routed, _ = Scene([{"text": "because", "usage": {"known": False}}]).ask()
    assert (routed.result, routed.cost_usd) == ("because", None)


def test_a_request_that_was_sent_back_cost_nothing():
    scene = Scene([fails("rate_limit", status=429), says("because")])
    routed, _ = scene.ask()
    assert routed.cost_usd == CENT
    assert routed.attempts[0].usage == Usage()


def raised_from(cause, kind=FailureKind.NETWORK):
    failure = ModelFailure(kind, "no connection")
    failure.__cause__ = RuntimeError("an error of the SDK")
    failure.__cause__.__context__ = cause
    return failure


@pytest.mark.parametrize(
    ("failure", "known"),
    [
        (raised_from(ConnectionRefusedError()), True),
        (raised_from(socket.gaierror(-2, "unknown name")), True),
        (raised_from(ssl.SSLCertVerificationError()), True),
        (raised_from(ExceptionGroup("all", [ConnectionRefusedError()])), True),
        (raised_from(ConnectionResetError()), False),
        (ModelFailure(FailureKind.NETWORK, "?"), False),
        (ModelFailure(FailureKind.SERVER, "?", status=500), False),
        (ModelFailure(FailureKind.QUOTA, "?", status=402), True),
        (ModelFailure(FailureKind.NOT_READY, "?"), True),
    ],
    ids=[
        "refused",
        "no_such_host",
        "wrong_certificate",
        "refused_by_all",
        "reset",
        "network",
        "status_500",
        "status_402",
        "not_ready",
    ],
)
def test_it_is_known_that_nothing_was_used_where_nobody_can_have_worked(failure, known):
    assert used(failure) == Usage(known=known)


def test_causes_in_a_circle_end():
    failure = ModelFailure(FailureKind.NETWORK, "?")
    failure.__cause__ = ValueError()
    failure.__cause__.__context__ = failure
    assert not used(failure).known


def test_a_call_that_could_cost_more_than_is_left_is_not_made():
    scene = Scene([says("because")], estimate=a_cent_at_most)
    routed, _ = scene.ask(spend_cap_usd=CENT / 2)
    assert (routed.result, routed.reason, routed.attempts) == (None, "spend_cap", ())
    assert scene.asked() == []


def test_a_call_that_costs_just_what_is_left_is_made():
    routed, _ = Scene([says("because")], estimate=a_cent_at_most).ask(spend_cap_usd=CENT)
    assert routed.result == "because"


def test_what_failed_attempts_have_cost_counts():
    scene = Scene([fails("server", usage=TOKENS, repeat=True)], estimate=a_cent_at_most)
    routed, _ = scene.ask(spend_cap_usd=2 * CENT)
    assert (len(routed.attempts), routed.reason) == (2, "spend_cap")


def test_what_nobody_knows_counts_with_the_most_it_can_have_been():
    scene = Scene([HANGS], [says("because")], estimate=a_cent_at_most)
    routed, _ = scene.ask(SMALL, OTHER, spend_cap_usd=CENT)
    assert (routed.reason, kinds(routed)) == ("timeout", ["timeout"])


def test_a_second_round_that_could_cost_too_much_is_left_out():
    scene = Scene([says("bad"), says("because")], estimate=a_cent_at_most)
    routed, _ = scene.ask(spend_cap_usd=CENT)
    assert (routed.reason, len(scene.asked())) == ("invalid_output", 1)


def test_a_cheaper_model_is_asked_where_the_first_would_cost_too_much():
    prices = {"small": CENT, "other": CENT / 10}
    scene = Scene(
        [says("dear")], [says("because")], estimate=lambda model, request: prices[model.id]
    )
    routed, _ = scene.ask(SMALL, OTHER, spend_cap_usd=CENT / 5)
    assert routed.note == "small gave no answer (spend_cap): other answered."


def test_a_price_that_nobody_knows_stops_nothing():
    routed, _ = Scene([says("because")]).ask(spend_cap_usd=Decimal(0))
    assert routed.result == "because"
