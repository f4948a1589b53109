"""Jobs by the clock: a plain function, called once at each tick of a cron line, in UTC."""

import importlib
import logging
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from ..errors import InvalidSchedule

Job: TypeAlias = Callable[[datetime], None]
_FIELDS = (5, 6)
_RANDOM = re.compile(r"(?<![a-z])[rh](?![a-z])", re.IGNORECASE)  # other ticks in every process
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ScheduledJob:
    """A job under its name. `cron` has five fields, or six with the second in front."""

    name: str
    cron: str
    job: Job

    def __post_init__(self) -> None:
        """Raises `InvalidSchedule`."""
        if len(self.cron.split()) not in _FIELDS or _RANDOM.search(self.cron):
            raise InvalidSchedule(self.name, self.cron, "is not a cron line of five fields")
        try:
            self._ticks(datetime.now(UTC)).get_next(datetime)
        except ValueError as error:  # every error of croniter is one
            reason = f"can't be read: {error}".rstrip(".")
            raise InvalidSchedule(self.name, self.cron, reason) from None

    def next_tick(self, after: datetime) -> datetime:
        """The first tick later than *after*."""
        return self._ticks(after).get_next(datetime)

    def last_tick(self, before: datetime) -> datetime:
        """The last tick earlier than *before*."""
        return self._ticks(before).get_prev(datetime)

    def ticks_at(self, moment: datetime) -> bool:
        """Whether *moment*, to the second, is a tick."""
        whole = moment.astimezone(UTC).replace(microsecond=0)
        return self.last_tick(self.next_tick(whole)) == whole

    def run(self, moment: datetime) -> None:
        """Calls the job. What it raises is logged: its class and its place, not its words."""
        try:
            self.job(moment)
        except Exception as error:  # noqa: BLE001 - the job is not ours, and the next tick comes
            place = traceback.extract_tb(error.__traceback__)[-1]
            _log.error(
                "Job %s failed with %s at %s:%s.",
                self.name,
                type(error).__qualname__,
                place.filename,
                place.lineno,
            )

    def _ticks(self, start: datetime) -> Any:
        # Not at the top: the command line should not pay for its import.
        croniter: Any = importlib.import_module("croniter").croniter
        return croniter(self.cron, start.astimezone(UTC), second_at_beginning=True)
