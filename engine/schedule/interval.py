"""When a schedule ticks: `5m`, `2h`, `1d`, or a cron line of five fields, in UTC.

Intervals are counted from one moment for all, midnight of 1 January 1970, so that every process
comes to the same ticks and nothing has to be remembered; those of days tick at 09:00.
"""

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol

from ..definition.suggestions import near
from ..definition.workflow import Workflow
from ..errors import InvalidSchedule

MINUTE = timedelta(minutes=1)
LONGEST = timedelta(days=366)
LONGEST_TEXT = 200
DAYS_TICK_AT = timedelta(hours=9)
_START = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS: Mapping[str, timedelta] = {
    "m": MINUTE,
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_INTERVAL = re.compile(r"([0-9]{1,6})([smhd])")
_SPELLED = re.compile(r"(?:every )?([0-9]{1,6}|an?|)\s*(s|m|h|d|w)[a-z]*")
_WORDS: Mapping[str, str] = {
    "hourly": "1h",
    "daily": "1d",
    "nightly": "0 2 * * *",
    "weekly": "0 9 * * 1",
    "fortnightly": "14d",
    "monthly": "0 9 1 * *",
    "yearly": "0 9 1 1 *",
    "annually": "0 9 1 1 *",
    "midnight": "0 0 * * *",
    "noon": "0 12 * * *",
}
_FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")
_NAMES: Mapping[str, str] = {
    "month": "jan feb mar apr may jun jul aug sep oct nov dec",
    "day of the week": "mon tue wed thu fri sat sun",
}
_RANDOM = re.compile(r"(?<![a-z])[rh](?![a-z])", re.IGNORECASE)  # other ticks in every process


class Ticks(Protocol):
    """The ticks of a schedule; `text` is as it was written. Moments are aware."""

    @property
    def text(self) -> str: ...

    def next_tick(self, after: datetime) -> datetime:
        """The first tick later than *after*."""
        ...

    def last_tick(self, moment: datetime) -> datetime:
        """The last tick not later than *moment*."""
        ...


@dataclass(frozen=True, slots=True)
class Every:
    """A tick each `period`, counted from the same moment everywhere."""

    text: str
    period: timedelta

    def next_tick(self, after: datetime) -> datetime:
        return self.last_tick(after) + self.period

    def last_tick(self, moment: datetime) -> datetime:
        start = _START + (DAYS_TICK_AT if self.period % _UNITS["d"] == timedelta() else timedelta())
        return start + (moment.astimezone(UTC) - start) // self.period * self.period


@dataclass(frozen=True, slots=True)
class Cron:
    """The ticks of a cron line."""

    text: str

    def next_tick(self, after: datetime) -> datetime:
        return self._ticks(_whole_minute(after)).get_next(datetime)

    def last_tick(self, moment: datetime) -> datetime:
        return self._ticks(_whole_minute(moment) + MINUTE).get_prev(datetime)

    def _ticks(self, start: datetime) -> Any:
        return _croniter()(self.text, start)


def parse_ticks(text: str, *, name: str) -> Ticks:
    """The ticks of *text*, the schedule of the workflow *name*.

    Raises `InvalidSchedule` with what is wrong and, where it can be guessed, what was meant.
    """
    try:
        return _parsed(text)
    except _Unclear as unclear:
        raise InvalidSchedule(name, text[:LONGEST_TEXT], str(unclear)) from None


def ticks_of(workflow: Workflow) -> Ticks | None:
    """The ticks that start *workflow*; None for one that is not started by the clock.

    Raises `InvalidSchedule`.
    """
    trigger = workflow.trigger
    if trigger.type != "schedule":
        return None
    return parse_ticks(trigger.schedule or "", name=workflow.name)


class _Unclear(Exception):
    """What is wrong, to be put behind the text."""


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Ticks:
    plain = text.strip()
    if len(plain) > LONGEST_TEXT:
        raise _Unclear(f"is longer than {LONGEST_TEXT} characters")
    if found := _INTERVAL.fullmatch(plain):
        return Every(plain, _period(int(found[1]), found[2]))
    fields = plain.split()
    if len(fields) == len(_FIELDS):
        return _cron(" ".join(fields))
    if len(fields) > len(_FIELDS):
        raise _Unclear("has more than five fields. Nothing ticks below a minute: leave seconds out")
    advice = _meant(plain)
    raise _Unclear(
        "is neither an interval (5m, 2h, 1d) nor a cron line of five fields"
        + (f". Write {advice}" if advice else "")
    )


def _period(count: int, unit: str) -> timedelta:
    if unit == "s":
        raise _Unclear(f"counts seconds: nothing ticks below a minute. Write {_minutes(count)}")
    period = count * _UNITS[unit]
    if period < MINUTE:
        raise _Unclear("is below a minute. Write 1m")
    if period > LONGEST:
        raise _Unclear(f"is longer than a year. Write {LONGEST.days}d")
    return period


def _minutes(seconds: int) -> str:
    return f"{max(1, -(-seconds // 60))}m"


def _meant(text: str) -> str | None:
    """How *text* is written here, if it can be told."""
    words = text.casefold().strip("@").removeprefix("at ")
    if found := _SPELLED.fullmatch(words):
        count = int(found[1]) if found[1].isdecimal() else 1
        match found[2]:
            case "s":
                return _minutes(count)
            case "w":
                return f"{count * 7}d"
            case "m" if words.rstrip("s").endswith("month"):
                return _WORDS["monthly"] if count == 1 else None
            case unit:
                return f"{max(count, 1)}{unit}"
    alike = near(words, _WORDS, most=1)
    return _WORDS[alike[0]] if alike else None


def _cron(line: str) -> Cron:
    if _RANDOM.search(line):
        raise _Unclear("can't be used: R and H would mean another time in every process")
    for place, field in zip(_FIELDS, line.split(), strict=True):
        _check_field(place, field)
    cron = Cron(line)
    try:
        cron.next_tick(_START)
    except ValueError:  # every error of croniter is one
        raise _Unclear("never comes") from None
    return cron


def _check_field(place: str, field: str) -> None:
    alone = " ".join(field if one == place else "*" for one in _FIELDS)
    try:
        _croniter()(alone, _START).get_next(datetime)
    except ValueError:
        known = _NAMES.get(place, "").split()
        alike = near(field, known, most=1)
        hint = f". Write {alike[0]}" if alike else ""
        raise _Unclear(f"has the {place} {field!r}, which is not one{hint}") from None


def _whole_minute(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(second=0, microsecond=0)


def _croniter() -> Any:
    # Not at the top: the command line should not pay for its import.
    return importlib.import_module("croniter").croniter
