"""What a benchmark has found: one figure with its aim, its spread and what it was made of."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Unit: TypeAlias = Literal["x", "s", "ms", "KB"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A figure that is to be measured; `aim` is the most it may be, or the least with *at_least*."""

    key: str
    what: str
    aim: float
    unit: Unit = "x"
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """What came of a goal. `value` is None where it could not be measured; `missing` says why.

    `samples` are the single ratios or times that `value` stands for, `facts` what else is known,
    among them the times behind a ratio.
    """

    goal: Goal
    value: float | None = None
    samples: Sequence[float] = ()
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    missing: str | None = None

    @property
    def met(self) -> bool | None:
        if self.value is None:
            return None
        return self.value >= self.goal.aim if self.goal.at_least else self.value <= self.goal.aim

    def as_json(self) -> dict[str, Any]:
        return {
            "what": self.goal.what,
            "value": self.value,
            "unit": self.goal.unit,
            "aim": self.goal.aim,
            "aim_is": "at least" if self.goal.at_least else "at most",
            "met": self.met,
            "lowest": min(self.samples, default=None),
            "highest": max(self.samples, default=None),
            "samples": len(self.samples),
            "missing": self.missing,
            **self.facts,
        }

    def line(self) -> str:
        """One line of the table."""
        sign = "≥" if self.goal.at_least else "≤"
        aim = f"{sign} {_number(self.goal.aim)} {self.goal.unit}"
        if self.value is None:
            return f"{self.goal.what:<58}{'-':>10}{'':>20}{aim:>11}   missing: {self.missing}"
        value = f"{_number(self.value)} {self.goal.unit}"
        spread = f"{_number(min(self.samples))} - {_number(max(self.samples))}"
        verdict = "met" if self.met else "MISSED"
        facts = ", ".join(f"{name} {_shown(one)}" for name, one in self.facts.items())
        return f"{self.goal.what:<58}{value:>10}{spread:>20}{aim:>11}   {verdict:<8}{facts}"


HEADING = f"{'figure':<58}{'value':>10}{'lowest - highest':>20}{'aim':>11}"


def of_pairs(goal: Goal, pairs: Sequence[tuple[float, float]], **facts: Any) -> Figure:
    """A figure from (upper, lower) pairs measured right after each other: the median ratio.

    What slows the machine slows both of a pair, so ratios of neighbours say more than means.
    """
    ratios = [upper / lower for upper, lower in pairs]
    return Figure(goal, statistics.median(ratios), ratios, facts)


def p95(goal: Goal, samples: Sequence[float], **facts: Any) -> Figure:
    """A figure that nearly all *samples* are below, at least two of them."""
    value = statistics.quantiles(samples, n=20, method="inclusive")[-1]
    return Figure(goal, value, samples, facts)


def missing(goal: Goal, reason: str) -> Figure:
    """A figure that can't be measured here."""
    return Figure(goal, missing=reason)


def median_ms(seconds: Sequence[float], steps: int = 1) -> float:
    """Milliseconds for one of *steps*."""
    return round(statistics.median(seconds) / steps * 1000, 4)


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 or value == round(value) else f"{value:.2f}"


def _shown(value: Any) -> str:
    return _number(value) if isinstance(value, float) else str(value)
