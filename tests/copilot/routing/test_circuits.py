"""A model that does not answer is left alone for longer and longer."""

from dataclasses import dataclass

import pytest

from copilot.routing.circuits import FAILURES, Circuits
from copilot.runtimes import FailureKind

MODEL = ("openai", "small")


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def circuits(clock):
    return Circuits(clock=clock)


def fail(circuits, kind="server", times=FAILURES, **facts):
    for _ in range(times):
        circuits.failed(*MODEL, FailureKind(kind), **facts)


@pytest.mark.parametrize("kind", ["network", "timeout", "server", "overloaded", "auth"])
def test_five_failures_in_a_row_open_it(circuits, kind):
    fail(circuits, kind, times=FAILURES - 1)
    assert circuits.admit(*MODEL) is None
    fail(circuits, kind, times=1)
    assert circuits.admit(*MODEL) == kind
    assert circuits.admit("openai", "another") is None


@pytest.mark.parametrize(
    "kind",
    [
        "context_length",
        "refusal",
        "content_filter",
        "truncated",
        "invalid_output",
        "invalid_request",
        "model_unavailable",
    ],
)
def test_what_only_an_answering_model_says_ends_the_row(circuits, kind):
    fail(circuits, times=FAILURES - 1)
    fail(circuits, kind, times=1)
    fail(circuits, times=FAILURES - 1)
    assert circuits.admit(*MODEL) is None


@pytest.mark.parametrize("kind", ["quota", "rate_limit", "not_ready"])
def test_what_says_nothing_about_it_neither_opens_nor_closes(circuits, kind):
    fail(circuits, kind, times=50)
    assert circuits.states() == ()
    fail(circuits, times=FAILURES - 1)
    fail(circuits, kind, times=1)
    fail(circuits, times=1)
    assert circuits.admit(*MODEL) == "server"


def test_an_answer_closes_it(circuits):
    fail(circuits)
    circuits.answered(*MODEL)
    assert (circuits.admit(*MODEL), circuits.states()) == (None, ())


def test_half_open_lets_one_try(circuits, clock):
    fail(circuits)
    clock.now += 30
    assert [circuits.admit(*MODEL) for _ in range(3)] == [None, "server", "server"]


def test_each_pause_is_twice_as_long_up_to_five_minutes(circuits, clock):
    fail(circuits)
    pauses = []
    for _ in range(6):
        (state,) = circuits.states()
        pauses.append(state.seconds)
        clock.now += state.seconds - 1
        assert circuits.admit(*MODEL) == "server"
        clock.now += 1
        assert circuits.admit(*MODEL) is None
        fail(circuits, times=1)
    assert pauses == [30, 60, 120, 240, 300, 300]


def test_a_rate_limit_keeps_everybody_out_until_it_is_over(circuits, clock):
    fail(circuits, "rate_limit", times=1, retry_after=20)
    (state,) = circuits.states()
    assert (state.state, state.kind, state.seconds) == ("open", "rate_limit", 20)
    assert circuits.admit(*MODEL) == "rate_limit"
    clock.now += 20
    assert [circuits.admit(*MODEL) for _ in range(3)] == [None] * 3
    assert [one.state for one in circuits.states()] == ["closed"]


def test_nobody_is_kept_out_for_a_day(circuits, clock):
    fail(circuits, "rate_limit", times=1, retry_after=86_400)
    clock.now += 300
    assert circuits.admit(*MODEL) is None


def test_a_try_that_told_nothing_leaves_the_door_to_the_next(circuits, clock):
    fail(circuits)
    clock.now += 30
    circuits.admit(*MODEL)
    circuits.let_go(*MODEL)
    assert circuits.admit(*MODEL) is None
