"""When schedules tick: how they are written, and that every process comes to the same ticks."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.definition.workflow import Trigger
from engine.errors import InvalidSchedule
from engine.schedule.interval import MINUTE, parse_ticks, ticks_of
from engine.schedule.stagger import spread
from engine.testing import tool, workflow

MONDAY = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
MOMENTS = st.timedeltas(timedelta(), timedelta(days=20 * 365)).map(
    lambda span: datetime(2020, 1, 1, tzinfo=UTC) + span
)
CRON_LINES = st.tuples(
    st.sampled_from(["*", "*/7", "0", "59", "1,31", "10-20"]),
    st.sampled_from(["*", "*/5", "0", "23", "9-17"]),
    st.sampled_from(["*", "1", "31", "*/10"]),
    st.sampled_from(["*", "2", "jan,jul"]),
    st.sampled_from(["*", "mon", "1-5", "0"]),
).map(" ".join)
INTERVALS = st.one_of(
    st.integers(1, 60 * 24).map("{}m".format),
    st.integers(1, 24 * 366).map("{}h".format),
    st.integers(1, 366).map("{}d".format),
)


def ticks(text):
    return parse_ticks(text, name="Weekly report")


@pytest.mark.parametrize(
    ("text", "last", "following"),
    [
        ("5m", "2026-01-05 09:30", "2026-01-05 09:35"),
        ("7m", "2026-01-05 09:28", "2026-01-05 09:35"),
        ("2h", "2026-01-05 08:00", "2026-01-05 10:00"),
        ("1d", "2026-01-05 09:00", "2026-01-06 09:00"),
        ("3d", "2026-01-04 09:00", "2026-01-07 09:00"),
        (" 1h ", "2026-01-05 09:00", "2026-01-05 10:00"),
        ("*/20 * * * *", "2026-01-05 09:20", "2026-01-05 09:40"),
        ("30  9 * * mon", "2026-01-05 09:30", "2026-01-12 09:30"),
        ("0 0 29 2 *", "2024-02-29 00:00", "2028-02-29 00:00"),
    ],
)
def test_ticks_around_a_moment(text, last, following):
    found = ticks(text)
    assert (found.last_tick(MONDAY), found.next_tick(MONDAY)) == (
        datetime.fromisoformat(f"{last}Z"),
        datetime.fromisoformat(f"{following}Z"),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0m", "is below a minute. Write 1m"),
        ("30s", "counts seconds: nothing ticks below a minute. Write 1m"),
        ("90s", "nothing ticks below a minute. Write 2m"),
        ("45 seconds", "Write 1m"),
        ("5M", "Write 5m"),
        ("every 5 minutes", "Write 5m"),
        ("2 hours", "Write 2h"),
        ("daily", "Write 1d"),
        ("@hourly", "Write 1h"),
        ("dayly", "Write 1d"),
        ("2 weeks", "Write 14d"),
        ("fortnightly", "Write 14d"),
        ("every month", "Write 0 9 1 * *"),
        ("", "is neither an interval (5m, 2h, 1d) nor a cron line of five fields."),
        ("3 months", "is neither an interval"),
        ("* * * *", "is neither an interval"),
        ("999d", "is longer than a year. Write 366d"),
        ("* * * * * *", "has more than five fields. Nothing ticks below a minute"),
        ("61 * * * *", "has the minute '61', which is not one"),
        ("0 24 * * *", "has the hour '24', which is not one"),
        ("0 9 * fbe *", "has the month 'fbe', which is not one. Write feb"),
        ("0 9 * * monn", "has the day of the week 'monn', which is not one. Write mon"),
        ("H 2 * * *", "R and H would mean another time in every process"),
        ("0 0 31 2 *", "never comes"),
        ("x" * 300, "is longer than 200 characters"),
    ],
)
def test_a_schedule_that_cannot_be_read_says_what_was_meant(text, words):
    with pytest.raises(InvalidSchedule) as caught:
        ticks(text)
    assert "The schedule of 'Weekly report' can't be used" in str(caught.value)
    assert words in str(caught.value)
    assert caught.value.code == "invalid_schedule"
    assert len(str(caught.value)) < 400


@given(st.text(max_size=60))
def test_any_text_is_a_schedule_or_a_named_error(text):
    try:
        found = ticks(text)
    except InvalidSchedule:
        return
    assert found.last_tick(MONDAY) <= MONDAY < found.next_tick(MONDAY)


@given(st.one_of(INTERVALS, CRON_LINES), MOMENTS)
def test_ticks_are_whole_minutes_and_follow_each_other(text, moment):
    try:
        found = ticks(text)
    except InvalidSchedule:  # the 31st of February
        return
    last, following = found.last_tick(moment), found.next_tick(moment)
    assert last <= moment < following
    assert following - last >= MINUTE
    for tick in (last, following):
        assert (tick.second, tick.microsecond) == (0, 0)
        assert tick.tzinfo is not None
        assert found.last_tick(tick) == tick
    assert found.next_tick(last) == following
    assert found.last_tick(following - timedelta(microseconds=1)) == last


@given(INTERVALS, MOMENTS)
def test_intervals_have_one_length_and_days_tick_at_nine(text, moment):
    found = ticks(text)
    unit = {"m": MINUTE, "h": 60 * MINUTE, "d": timedelta(days=1)}[text[-1]]
    following = found.next_tick(moment)
    assert following - found.last_tick(moment) == int(text[:-1]) * unit
    if text[-1] == "d":
        assert (following.hour, following.minute) == (9, 0)


def test_the_trigger_of_a_workflow_says_when_it_ticks():
    def ticks_with(**trigger):
        return ticks_of(workflow(tool("work"), trigger=Trigger(**trigger)))

    assert ticks_with(type="manual", schedule="never read") is None
    assert ticks_with(type="schedule", schedule="5m") == ticks("5m")
    for missing in (None, "5 mins"):
        with pytest.raises(InvalidSchedule, match="'Weekly report'"):
            ticks_with(type="schedule", schedule=missing)


def test_the_zone_of_a_moment_makes_no_difference():
    there = MONDAY.astimezone(tz=datetime.fromisoformat("2026-01-01T00:00+05:30").tzinfo)
    for text in ("1d", "2h", "0 9 * * mon"):
        assert ticks(text).next_tick(there) == ticks(text).next_tick(MONDAY)


def test_starts_of_one_minute_are_five_minutes_apart():
    following = {name: MONDAY + timedelta(days=1) for name in "cab"}
    found = spread(MONDAY, following, planned={}, gap=timedelta(minutes=5))
    assert {name: (at - MONDAY) // MINUTE for name, at in found.items()} == {
        "a": 0,
        "b": 5,
        "c": 10,
    }


def test_a_gap_gives_way_to_the_next_tick():
    following = {"each minute": MONDAY + MINUTE, "daily": MONDAY + timedelta(days=1)}
    following |= {f"hourly{n:02}": MONDAY + timedelta(hours=1) for n in range(14)}
    found = spread(MONDAY, following, planned={}, gap=timedelta(minutes=5))
    minutes = {name: (at - MONDAY) // MINUTE for name, at in found.items()}
    assert minutes["each minute"] == 0
    assert [minutes[f"hourly{n:02}"] for n in range(14)] == [*range(5, 60, 5), 59, 59, 59]
    assert minutes["daily"] == 64


def test_what_is_due_later_starts_after_what_was_planned_before_but_not_after_its_own_start():
    following = {"c": MONDAY + timedelta(days=1)}
    gap = timedelta(minutes=5)
    for planned, minutes in [
        ({"a": -5, "b": 0}, 5),
        ({"a": -5}, 0),
        ({"a": 10}, 15),
        ({"c": -1}, 0),
        ({"a": -2, "c": -1}, 3),
    ]:
        starts = {name: MONDAY + many * MINUTE for name, many in planned.items()}
        found = spread(MONDAY, following, planned=starts, gap=gap)
        assert found == {"c": MONDAY + minutes * MINUTE}


@given(
    st.dictionaries(st.text(max_size=3), st.integers(1, 2000), max_size=30),
    st.integers(0, 90),
)
def test_every_start_comes_before_its_next_tick_and_keeps_the_gap_if_it_can(periods, gap):
    following = {name: MONDAY + many * MINUTE for name, many in periods.items()}
    found = spread(MONDAY, following, planned={}, gap=gap * MINUTE)
    assert found.keys() == following.keys()
    before = None
    for name, at in sorted(found.items(), key=lambda item: (item[1], following[item[0]], item[0])):
        assert MONDAY <= at < following[name]
        squeezed = at == following[name] - MINUTE
        assert before is None or squeezed or at - before >= gap * MINUTE
        before = at
