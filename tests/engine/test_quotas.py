"""Real use of an account: counted before each call, never over a limit, refused with a plain word."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa

from engine.errors import (
    NetworkFailed,
    NotFound,
    PermissionDenied,
    QuotaExhausted,
    RateLimited,
    StepTimeout,
    UpstreamFailed,
)
from engine.quota import Override
from engine.storage.database import writing
from engine.storage.quota_tables import QUOTA_USE
from engine.storage.quota_windows import Account
from engine.storage.quotas import Full, Taken
from engine.testing import FrozenClock

from ..postgres import new_database
from .quotas import LINKEDIN, NINE, Invite, open_counter, quota

DAY = 86_400


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'engine.db'}"


@pytest.fixture
def counter(url):
    with open_counter(url) as opened:
        yield opened


def refused(counter, **given):
    with pytest.raises(QuotaExhausted) as caught:
        counter.call(**given)
    return caught.value


def test_what_is_used_is_counted_and_the_call_that_exceeds_is_not_made(counter):
    counter.call(count=60)
    counter.call(count=40)
    error = refused(counter)
    assert str(error) == (
        "LinkedIn's daily limit of 100 invitations is used up; it resets at 00:00 UTC."
    )
    assert error.details == {
        "name": "LinkedIn",
        "limit": 100,
        "used": 100,
        "asked": 1,
        "unit": "invitations",
        "window": "day",
        "timezone": "UTC",
        "resets_at": "2026-01-06T00:00:00+00:00",
    }
    assert counter.action.sent == [60, 40]
    assert counter.used() == [100]


def test_a_call_that_is_larger_than_what_is_left_is_told_how_much_that_is(counter):
    counter.call(count=60)
    error = refused(counter, count=50)
    assert "leaves 40, and this step needs 50; it resets at 00:00 UTC" in str(error)
    assert counter.used() == [60]
    counter.call(count=40)


def test_a_call_that_is_larger_than_the_whole_limit_never_fits(counter):
    error = refused(counter, count=101)
    assert str(error).startswith("This step needs 101 at once, and LinkedIn's daily limit of 100")
    assert "resets_at" not in error.details


def test_the_next_day_begins_anew(counter):
    counter.call(count=100)
    counter.clock.advance(15 * 3600 - 1)
    refused(counter)
    counter.clock.advance(1)
    counter.call(count=100)
    assert counter.used() == [100]


def test_midnight_is_that_of_the_named_time_zone(url):
    with open_counter(url, quota(timezone="Europe/Paris")) as counter:
        counter.call(count=100)
        error = refused(counter)
        assert error.details["resets_at"] == "2026-01-05T23:00:00+00:00"
        assert str(error).endswith("it resets at 00:00 Europe/Paris.")
        counter.clock.advance(14 * 3600)
        counter.call(count=100)


def test_a_rolling_day_frees_what_was_used_a_day_ago(url):
    with open_counter(url, quota(resets="rolling")) as counter:
        counter.call(count=70)
        counter.clock.advance(3600)
        counter.call(count=30)
        error = refused(counter, count=50)
        assert error.details["resets_at"] == "2026-01-06T09:01:00+00:00"
        counter.clock.advance(DAY - 3600 + 60)
        counter.call(count=50)
        assert counter.used(quota(resets="rolling")) == [80]
        assert refused(counter, count=30).details["resets_at"] == "2026-01-06T10:01:00+00:00"


def test_of_several_limits_the_one_that_resets_last_is_told(url):
    with open_counter(url, quota("requests/hour", 2), quota("invitations/month", 2)) as counter:
        counter.call()
        counter.call()
        error = refused(counter)
        assert error.details["window"] == "month"
        assert str(error).endswith("it resets on 1 February at 00:00 UTC.")


def test_a_short_window_is_waited_for(url):
    with open_counter(url, quota("request/second", 1)) as counter:
        for _ in range(4):
            counter.call()
        assert counter.clock.slept == [1.0, 1.0, 1.0]
        assert counter.used(quota("requests/second", 1)) == [1]


def test_a_longer_wait_is_left_to_the_attempts_of_the_step(url):
    with open_counter(url, quota("requests/minute", 2)) as counter:
        counter.call()
        counter.call()
        with pytest.raises(RateLimited) as caught:
            counter.call()
        assert caught.value.details["retry_after"] == 60.0
        assert counter.clock.slept == []


def test_calls_at_the_same_moment_never_overshoot_together(url):
    async def thirty(counter):
        calls = [counter.use() for _ in range(30)]
        return await asyncio.gather(*calls, return_exceptions=True)

    with open_counter(url, quota(limit=10)) as counter:
        answers = asyncio.run(thirty(counter))
        assert len(counter.action.sent) == 10
        assert sum(isinstance(one, QuotaExhausted) for one in answers) == 20
        assert counter.used(quota(limit=10)) == [10]


@pytest.mark.parametrize("backend", ["sqlite", "postgres"])
def test_processes_beside_each_other_never_overshoot_together(url, backend):
    def take(counter, _):
        with writing(counter.database) as connection:
            return counter.store.take(
                connection,
                LINKEDIN,
                {"invitations": 1},
                [quota(limit=10)],
                execution_id="run-1",
                now=NINE,
            )

    def check(address):
        with open_counter(address, quota(limit=10)) as counter, ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(partial(take, counter), range(40)))
            assert sum(isinstance(one, Taken) for one in answers) == 10
            assert sum(isinstance(one, Full) for one in answers) == 30
            assert counter.used(quota(limit=10)) == [10]

    if backend == "sqlite":
        check(url)
    else:
        with new_database() as address:
            check(address)


@pytest.mark.parametrize(
    ("error", "used"),
    [
        (NetworkFailed("refused", sent=False), [0, 0]),
        (NetworkFailed("reset", sent=True), [3, 1]),
        (PermissionDenied("no", status=403), [0, 1]),
        (UpstreamFailed("broken", status=500, sent=True), [3, 1]),
        (StepTimeout("too long", limit=1), [3, 1]),
        (RuntimeError("who knows"), [3, 1]),
    ],
)
def test_what_certainly_did_not_happen_is_given_back(url, error, used):
    quotas = (quota(), quota("requests/day", 100))
    with open_counter(url, *quotas, action=Invite(error)) as counter:
        with pytest.raises(type(error)):
            counter.call(count=3)
        assert counter.used(*quotas) == used


def test_the_other_sides_own_word_is_remembered_until_its_time(url):
    told = RateLimited("LinkedIn received too many requests (429)", status=429, retry_after=7200)
    with open_counter(url, action=Invite(told)) as counter:
        with pytest.raises(RateLimited):
            counter.call()
        error = refused(counter)
        assert str(error) == (
            "LinkedIn wants no more requests until 2026-01-05 11:00 UTC. "
            "It said: LinkedIn received too many requests (429)"
        )
        assert error.details["resets_at"] == "2026-01-05T11:00:00+00:00"
        assert counter.action.tried == 1
        counter.clock.advance(7200)
        counter.call()


def test_a_short_pause_the_other_side_asks_for_stops_nobody_else(url):
    told = RateLimited("too many requests (429)", status=429, retry_after=20)
    with open_counter(url, action=Invite(told)) as counter:
        with pytest.raises(RateLimited):
            counter.call()
        counter.call()


def test_accounts_and_workspaces_are_counted_apart_and_names_however_spelt(counter):
    counter.call(count=100)
    counter.call(count=100, workspace="other")
    refused(counter, integration=" linkedin ", types={"LinkedIn": "linkedin"})
    assert counter.used(account=Account("other", "LinkedIn")) == [100]


def test_an_account_has_the_limits_of_its_service(counter):
    types = {"Sales account": "LinkedIn"}
    counter.call(count=100, integration="Sales account", types=types)
    assert "Sales account's daily limit" in str(
        refused(counter, integration="sales account", types=types)
    )
    counter.call(count=100)


def test_a_call_without_an_account_and_an_action_without_quotas_are_left_alone(counter):
    counter.call(integration=None, count=1000)
    assert counter.used() == [0]
    assert type(counter.metered["other"]) is object
    assert counter.metered["invite"].repeatable is False


def test_a_workspace_lowers_lifts_and_restores_a_limit(counter):
    name = "invitations/day"
    counter.store.override(LINKEDIN, name, Override(limit=5), by="ada", now=NINE)
    counter.call(count=5)
    assert "daily limit of 5 invitations" in str(refused(counter))
    counter.store.override(LINKEDIN, name, Override(limit=None), by="ada", now=NINE)
    counter.call(count=500)
    counter.store.restore(LINKEDIN, name)
    assert "daily limit of 100 invitations" in str(refused(counter))
    with pytest.raises(NotFound):
        counter.store.restore(LINKEDIN, name)
    with pytest.raises(NotFound):
        counter.store.restore(Account("other", "LinkedIn"), name)


def test_a_limit_that_is_set_later_counts_what_was_used_before(url):
    with open_counter(url, quota("requests/hour", 5000)) as counter:
        counter.call(count=80)
        counter.store.override(LINKEDIN, "invitations/day", Override(limit=100), by=None, now=NINE)
        assert "leaves 20" in str(refused(counter, count=30))


def test_what_lies_in_no_window_any_more_is_forgotten(url):
    with open_counter(url, quota("requests/second", 9), quota("invitations/month")) as counter:
        counter.call(count=10)
        counter.store.purge(NINE + timedelta(days=31))
        counter.clock.advance(3600)
        assert counter.used(quota("invitations/month")) == [10]
        with counter.database.connect() as connection:
            assert set(connection.scalars(sa.select(QUOTA_USE.c.span))) == {"minute"}
        counter.store.purge(NINE + timedelta(days=33))
        assert counter.used(quota("invitations/month")) == [0]


def test_time_is_taken_from_the_clock_that_is_given(url):
    with open_counter(url, clock=FrozenClock(NINE + timedelta(days=400))) as counter:
        counter.call(count=100)
        assert refused(counter).details["resets_at"].startswith("2027-02-10")
