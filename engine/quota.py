"""Quotas: how much an account may do within a window of time, and when such a window ends.

A quota is over one kind of thing (`unit`) and one window. The same things have several names where
services speak of them: what counts as one is said by `measure`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Annotated, Literal, Protocol, TypeAlias
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Window: TypeAlias = Literal["second", "minute", "hour", "day", "week", "month"]
Resets: TypeAlias = Literal["midnight", "rolling"]

#: How long a window lasts where it rolls; a month is then thirty days.
LENGTHS: Mapping[Window, timedelta] = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
}
#: Windows that are waited for; the longer ones are an allowance that is used up.
PACES: frozenset[Window] = frozenset({"second", "minute"})
_SAME = {
    **dict.fromkeys(("call", "calls", "api calls", "request"), "requests"),
    **dict.fromkeys(("email", "emails", "mails", "message", "send", "sends"), "messages"),
    "invitation": "invitations",
    "recipient": "recipients",
}
_PERIODS: Mapping[Window, str] = {
    "second": "per-second",
    "minute": "per-minute",
    "hour": "hourly",
    "day": "daily",
    "week": "weekly",
    "month": "monthly",
}


def measure(unit: str) -> str:
    """What is counted by this name: 'sends' and 'emails' are both messages."""
    plain = " ".join(unit.split()).casefold()
    return _SAME.get(plain, plain)


def account_key(integration: str) -> str:
    """The form in which an account is looked up: its name, however it is spelt."""
    return " ".join(integration.split()).casefold()


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("must be a time zone, such as Europe/Paris")
    return name


Zone: TypeAlias = Annotated[str, AfterValidator(_known_zone)]


class Quota(BaseModel):
    """One limit of an account. `source` and `date` say who says so, and when it was looked up.

    With `resets` midnight a window begins as the calendar has it in `timezone`: on the full hour, at
    midnight, on Monday, on the first. With rolling it is the time just gone by.
    """

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="Unit and window: 'invitations/day'.")
    limit: int = Field(ge=0)
    unit: str = Field(min_length=1, max_length=60, description="As a plural: 'invitations'.")
    window: Window
    timezone: Zone = "UTC"
    resets: Resets = "midnight"
    source: str = ""
    date: date

    @cached_property
    def measure(self) -> str:
        return measure(self.unit)

    @property
    def period(self) -> str:
        """'daily', as in "LinkedIn's daily limit"."""
        return _PERIODS[self.window]

    @property
    def length(self) -> timedelta:
        return LENGTHS[self.window]

    def bounds(self, moment: datetime) -> tuple[datetime, datetime]:
        """The window of the calendar that *moment* lies in, in UTC; the end is not part of it."""
        if self.window in {"second", "minute", "hour"}:
            begin = whole(moment, self.window)
            return begin, begin + self.length
        zone = ZoneInfo(self.timezone)
        today = moment.astimezone(zone).date()
        first, after = _days(today, self.window)
        return _midnight(first, zone), _midnight(after, zone)

    def when(self, moment: datetime, *, now: datetime) -> str:
        """*moment* for people: 'at 00:00 UTC', with the day unless it is the next midnight or near."""
        zone = ZoneInfo(self.timezone)
        local, today = moment.astimezone(zone), now.astimezone(zone).date()
        clock = f"at {local:%H:%M} {self.timezone}"
        is_near = local.date() == today or local == _midnight(today + timedelta(days=1), zone)
        return clock if is_near else f"on {local.day} {local:%B} {clock}"


def whole(moment: datetime, window: Window) -> datetime:
    """The beginning of the second, minute or hour that *moment* lies in, in UTC."""
    begin = moment.astimezone(UTC).replace(microsecond=0)
    if window == "second":
        return begin
    return begin.replace(second=0) if window == "minute" else begin.replace(second=0, minute=0)


def _days(today: date, window: Window) -> tuple[date, date]:
    """The first day of a window of days, and the first day after it."""
    if window == "week":
        first = today - timedelta(days=today.weekday())
        return first, first + timedelta(days=7)
    if window == "month":
        first = today.replace(day=1)
        return first, (first + timedelta(days=31)).replace(day=1)
    return today, today + timedelta(days=1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """Where clocks jump over midnight it is the moment at which they do."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


class Override(BaseModel):
    """What a workspace says of one limit of an account of its own: None lifts it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: int | None = Field(ge=0, le=1_000_000_000, description="null: there is no such limit.")
    timezone: Zone = "UTC"
    resets: Resets = "midnight"


def overridden(
    quotas: Iterable[Quota], overrides: Mapping[str, tuple[Override, date]]
) -> tuple[Quota, ...]:
    """*quotas* as a workspace has them: *overrides* by name, with the day each was set on."""
    found = {quota.name: quota for quota in quotas}
    for name, (override, day) in overrides.items():
        known = found.pop(name, None)
        if override.limit is None:
            continue
        unit, window = split_name(name)
        found[name] = Quota(
            name=name,
            limit=override.limit,
            unit=known.unit if known else unit,
            window=window,
            timezone=override.timezone,
            resets=override.resets,
            source="workspace",
            date=day,
        )
    return tuple(found.values())


def split_name(name: str) -> tuple[str, Window]:
    """Unit and window of a quota's name. Raises ValueError."""
    unit, _, per = name.rpartition("/")
    for window in LENGTHS:
        if window == per and unit.strip():
            return unit, window
    raise ValueError(f"{name!r} is not a unit and a window, such as invitations/day")


@dataclass(frozen=True, slots=True)
class QuotaUse:
    """What one call of an action takes of an account: amounts by unit."""

    integration: str
    amounts: Mapping[str, int] = field(default_factory=dict[str, int])


class QuotaSource(Protocol):
    """Knows the limits of the services that accounts are of; asked before each call."""

    def limits(self, workspace_id: str, integration: str) -> tuple[Quota, ...]:
        """Those of the account called so, or of the service called so; none if it is unknown."""
        ...


class NoQuotas:
    """For an engine that knows no limits: those a workspace sets itself still hold."""

    def limits(self, workspace_id: str, integration: str) -> tuple[Quota, ...]:
        return ()
