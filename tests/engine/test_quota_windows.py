"""Windows of quotas: when they begin and end, over the calendar and over clocks that change."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.quota import LENGTHS, Override, measure, overridden, split_name

from .quotas import NINE, quota


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "begin", "end"),
    [
        ("second", "2026-03-11T14:35:27", "2026-03-11T14:35:28"),
        ("minute", "2026-03-11T14:35:00", "2026-03-11T14:36:00"),
        ("hour", "2026-03-11T14:00:00", "2026-03-11T15:00:00"),
        ("day", "2026-03-11T00:00:00", "2026-03-12T00:00:00"),
        ("week", "2026-03-09T00:00:00", "2026-03-16T00:00:00"),
        ("month", "2026-03-01T00:00:00", "2026-04-01T00:00:00"),
    ],
)
def test_windows_of_the_calendar_in_utc(window, begin, end):
    moment = utc("2026-03-11T14:35:27.250000")
    assert quota(f"requests/{window}").bounds(moment) == (utc(begin), utc(end))


@pytest.mark.parametrize(
    ("zone", "moment", "begin", "end"),
    [
        # Paris: a plain day, the day of 23 hours, and the day of 25.
        ("Europe/Paris", "2026-01-05T23:30", "2026-01-05T23:00", "2026-01-06T23:00"),
        ("Europe/Paris", "2026-03-29T12:00", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("Europe/Paris", "2026-10-25T12:00", "2026-10-24T22:00", "2026-10-25T23:00"),
        # No summer time at all.
        ("Asia/Kolkata", "2026-01-05T18:29", "2026-01-04T18:30", "2026-01-05T18:30"),
        # Cairo's clocks jump from 00:00 to 01:00: the day begins with the jump.
        ("Africa/Cairo", "2026-04-24T12:00", "2026-04-23T22:00", "2026-04-24T21:00"),
    ],
)
def test_days_of_a_named_time_zone(zone, moment, begin, end):
    assert quota(timezone=zone).bounds(utc(moment)) == (utc(begin), utc(end))


@given(
    window=st.sampled_from(sorted(LENGTHS)),
    zone=st.sampled_from(["UTC", "Europe/Paris", "America/New_York", "Asia/Kolkata"]),
    moment=st.integers(946_684_800, 2_114_380_800).map(
        lambda s: datetime.fromtimestamp(s + 0.5, UTC)
    ),
)
def test_a_window_holds_its_moment_and_the_next_begins_where_it_ends(window, zone, moment):
    one = quota(f"requests/{window}", timezone=zone)
    begin, end = one.bounds(moment)
    assert begin <= moment < end
    assert one.bounds(begin) == one.bounds(end - timedelta(microseconds=1)) == (begin, end)
    assert one.bounds(end)[0] == end


@pytest.mark.parametrize(
    ("zone", "moment", "words"),
    [
        ("UTC", "2026-01-06T00:00", "at 00:00 UTC"),
        ("UTC", "2026-01-05T14:30", "at 14:30 UTC"),
        ("UTC", "2026-01-06T14:30", "on 6 January at 14:30 UTC"),
        ("UTC", "2026-02-01T00:00", "on 1 February at 00:00 UTC"),
        ("Europe/Paris", "2026-01-05T23:00", "at 00:00 Europe/Paris"),
    ],
)
def test_when_it_resets_is_said_plainly(zone, moment, words):
    assert quota(timezone=zone).when(utc(moment), now=NINE) == words


def test_what_services_call_differently_is_counted_together():
    assert measure("sends") == measure(" Emails ") == measure("message") == "messages"
    assert measure("API calls") == measure("request") == "requests"
    assert measure("Invitations") == "invitations"


def test_a_workspace_changes_adds_and_lifts_limits():
    known = (quota(), quota("requests/hour", 5000))
    own = {
        "invitations/day": (Override(limit=20, timezone="Europe/Paris"), date(2026, 2, 1)),
        "requests/hour": (Override(limit=None), date(2026, 2, 1)),
        "messages/week": (Override(limit=7, resets="rolling"), date(2026, 2, 1)),
    }
    found = {one.name: one for one in overridden(known, own)}
    assert set(found) == {"invitations/day", "messages/week"}
    changed = found["invitations/day"]
    assert (changed.limit, changed.timezone, changed.source) == (20, "Europe/Paris", "workspace")
    assert (found["messages/week"].window, found["messages/week"].resets) == ("week", "rolling")


@pytest.mark.parametrize("name", ["invitations", "invitations/fortnight", "/day", "day"])
def test_a_name_without_a_unit_or_a_window_is_refused(name):
    with pytest.raises(ValueError, match="invitations/day"):
        split_name(name)


def test_a_time_zone_that_does_not_exist_is_refused():
    with pytest.raises(ValidationError, match="must be a time zone"):
        Override(limit=1, timezone="Europe/Atlantis")
    assert ZoneInfo(Override(limit=1, timezone="Asia/Kolkata").timezone)
