"""How much one key may ask in a minute."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.errors import TooManyRequests
from copilot.surfaces.rest.rate import RateLimit


class Seconds:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def refused(limit, holder):
    try:
        limit.take(holder)
    except TooManyRequests as error:
        return error.args
    return None


def test_a_minutes_worth_at_once_and_then_as_they_come_back():
    seconds = Seconds()
    limit = RateLimit(30, now=seconds)
    assert [refused(limit, "a") for _ in range(30)] == [None] * 30
    assert refused(limit, "a") == (30, 2)
    assert refused(limit, "b") is None
    seconds.now += 1.9
    assert refused(limit, "a") == (30, 1)
    seconds.now += 0.1
    assert refused(limit, "a") is None
    assert refused(limit, "a") == (30, 2)


@given(st.integers(1, 1000), st.lists(st.floats(0, 30), max_size=60))
def test_who_waits_as_long_as_was_said_is_let_in(a_minute, pauses):
    seconds = Seconds()
    limit = RateLimit(a_minute, now=seconds)
    for pause in pauses:
        seconds.now += pause
        while (said := refused(limit, "a")) is None:
            pass
        assert said[1] >= 1
        seconds.now += said[1]
        assert refused(limit, "a") is None


@given(st.integers(1, 50), st.lists(st.floats(0, 5), max_size=200))
def test_no_more_come_through_than_the_bucket_and_the_time_give(a_minute, pauses):
    seconds = Seconds()
    limit = RateLimit(a_minute, now=seconds)
    passed = 0
    for pause in pauses:
        seconds.now += pause
        passed += refused(limit, "a") is None
    assert passed <= a_minute + (seconds.now - 1000.0) * a_minute / 60 + 1


def test_nought_is_no_limit():
    limit = RateLimit(0)
    assert [refused(limit, "a") for _ in range(2000)] == [None] * 2000


@pytest.mark.parametrize("a_minute", [1, 600])
def test_a_clock_that_stands_still_gives_nothing_back(a_minute):
    limit = RateLimit(a_minute, now=lambda: 0.0)
    assert sum(refused(limit, "a") is None for _ in range(2 * a_minute)) == a_minute
