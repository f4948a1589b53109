"""What a workspace has learned about fixes: which kinds of them hold, and what follows from that.

A share is told with its interval, since a few fixes say little: a type is held back or put behind
others by the best that may be true of it, and trusted by the worst.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt

from pydantic import JsonValue

from .storage.outcomes import FixRate
from .types import AlreadyFixed
from .types.learning import Level, SuccessRate

#: Below this many judged fixes nothing follows from a rate.
LEAST_JUDGED = 5
#: What 95 % of a normal distribution lie within, in standard deviations.
_Z = 1.959963984540054
#: A kind of fix that holds more often than not, or less.
_HALF = 0.5
#: Further fixes that hold; beyond it nobody is told how many it takes.
_MOST_FURTHER = 1_000


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """The interval in which the true share lies with a probability of 95 %; trials: at least 1."""
    share, square = successes / trials, _Z * _Z
    middle = share + square / (2 * trials)
    spread = _Z * sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
    scale = 1 + square / trials
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def success(name: str, rates: Iterable[FixRate]) -> SuccessRate:
    """Of all *rates* together."""
    found = tuple(rates)
    verified, regressed = sum(one.verified for one in found), sum(one.regressed for one in found)
    judged = verified + regressed
    low, high = wilson(verified, judged) if judged else (None, None)
    return SuccessRate(
        name=name,
        verified=verified,
        regressed=regressed,
        under_watch=sum(one.under_watch for one in found),
        undecided=sum(one.undecided for one in found),
        taken_back=sum(one.taken_back for one in found),
        judged=judged,
        rate=verified / judged if judged else None,
        low=low,
        high=high,
    )


def by(rates: Sequence[FixRate], name: Callable[[FixRate], str | None]) -> tuple[SuccessRate, ...]:
    """One rate for each name there is, the most judged first."""
    found = {one for one in map(name, rates) if one is not None}
    counted = [success(one, (rate for rate in rates if name(rate) == one)) for one in found]
    return tuple(sorted(counted, key=lambda one: (-one.judged, -one.under_watch, one.name)))


def held_back(rates: Sequence[FixRate], floor: float) -> Mapping[str, str]:
    """The fix types that are below *floor* at best, each with the reason in a sentence."""
    return {
        one.name: (
            f"Not offered as a fix: {one.verified} of {one.judged} of this type held in this "
            "workspace."
        )
        for one in by(rates, lambda rate: rate.fix_type)
        if one.judged >= LEAST_JUDGED and one.high is not None and one.high < floor
    }


def meets(rate: SuccessRate, floor: float) -> bool:
    """Whether the worst that may be true of it is above *floor*."""
    return rate.judged >= LEAST_JUDGED and rate.low is not None and rate.low > floor


def shortfall(rate: SuccessRate, floor: float) -> str | None:
    """What keeps *rate* from `meets`, with its figures; None where it does."""
    if meets(rate, floor):
        return None
    wanted = f"for the floor of {_percent(floor)} (standing_floor)"
    held = f"{rate.verified} of {rate.judged} held"
    if rate.judged < LEAST_JUDGED:
        known = f"{rate.judged} of {LEAST_JUDGED} fixes judged"
        known += f", {held}" if rate.judged else ""
    else:
        known = (
            f"{held} ({_percent(rate.verified / rate.judged)}), surely {_percent(rate.low or 0)}"
        )
    further = _further(rate, floor)
    if further is None:
        return f"{known}, which is far too few {wanted}"
    count = "one" if further == 1 else str(further)
    return f"{known}, and the next {count} would have to hold {wanted}"


def _further(rate: SuccessRate, floor: float) -> int | None:
    """The fewest fixes more that would do if all of them held; None where they are very many."""
    for more in range(1, _MOST_FURTHER + 1):
        judged = rate.judged + more
        if judged >= LEAST_JUDGED and wilson(rate.verified + more, judged)[0] > floor:
            return more
    return None


def _percent(share: float) -> str:
    """Rounded down: nothing is told as reached that is not."""
    return f"{int(share * 100 + 1e-9)} %"


def by_itself(fix_type: str, *, standing_id: str, signed_by: str) -> str:
    """That nobody was asked, and under whose signature."""
    return (
        f"{fix_type} was applied under the standing approval {standing_id}, signed by {signed_by}."
    )


@dataclass(frozen=True, slots=True)
class Lessons:
    """What has been learned that bears on the fixes of one failure.

    failed: how often exactly this fix did not help here, by its key. held_back: types that are not
    offered as fixes, with the reason. levels: how far types may go; others go as far as `level`.
    """

    rates: Sequence[FixRate] = ()
    failed: Mapping[str, int] = field(default_factory=dict[str, int])
    held_back: Mapping[str, str] = field(default_factory=dict[str, str])
    level: Level = Level.APPROVE
    levels: Mapping[str, Level] = field(default_factory=dict[str, Level])
    already_fixed: AlreadyFixed | None = None

    def level_of(self, fix_type: str) -> Level:
        return effective(self.level, self.levels.get(fix_type))

    def standing(self, fix_type: str, cause: str) -> int:
        """-1 for a type that mostly holds against this cause, 1 for one that mostly does not.

        0 where that can't be told. Counted against all causes while too few were judged.
        """
        own = [rate for rate in self.rates if rate.fix_type == fix_type]
        here = success(fix_type, (rate for rate in own if rate.root_cause == cause))
        counted = here if here.judged >= LEAST_JUDGED else success(fix_type, own)
        if counted.judged < LEAST_JUDGED or counted.low is None or counted.high is None:
            return 0
        return -1 if counted.low > _HALF else 1 if counted.high < _HALF else 0

    @property
    def as_data(self) -> list[JsonValue]:
        """Equal when the same fixes may be shown in the same way; their order may differ."""
        return [
            dict(sorted(self.failed.items())),
            [*sorted(self.held_back)],
            self.level.value,
            {name: told.value for name in sorted(self.levels) if (told := self._told(name))},
        ]

    def _told(self, fix_type: str) -> Level | None:
        """A type's own level as far as an answer shows it: whether nobody is asked does not."""
        level = self.level_of(fix_type)
        told = Level.APPROVE if level is Level.STANDING else level
        return None if told is self.level else told


NO_LESSONS = Lessons()


def effective(workspace: Level, own: Level | None) -> Level:
    """How far a type may go: no further than its workspace, but for standing approvals."""
    if own is None:
        return workspace
    if own is Level.STANDING and workspace.allows(Level.APPROVE):
        return own
    return min(workspace, own, key=lambda level: level.rank)
