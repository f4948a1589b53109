"""What became of the cases, counted by kind, and what was missed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .setback import Setback
from .trial import Trial


@dataclass(frozen=True, slots=True)
class Row:
    """Counts of one kind of fault."""

    kind: str
    cases: int
    diagnosed: int
    fixed: int
    handed_over: int
    fixes: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class WrongRow:
    """Counts of one way in which a fix is of no use."""

    kind: str
    applied: int
    detected: int
    rolled_back: int
    fixes: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def rows(trials: Sequence[Trial]) -> Iterator[Row]:
    for kind in dict.fromkeys(one.kind for one in trials):
        of_kind = [one for one in trials if one.kind == kind]
        yield Row(
            kind,
            cases=len(of_kind),
            diagnosed=sum(one.diagnosed for one in of_kind),
            fixed=sum(one.state == "fixed" for one in of_kind),
            handed_over=sum(one.state == "handed over" for one in of_kind),
            fixes=_named(one.fix_type for one in of_kind),
        )


def wrong_rows(setbacks: Sequence[Setback]) -> Iterator[WrongRow]:
    for kind in dict.fromkeys(one.kind for one in setbacks):
        of_kind = [one for one in setbacks if one.kind == kind]
        yield WrongRow(
            kind,
            applied=sum(one.applied for one in of_kind),
            detected=sum(one.detected for one in of_kind),
            rolled_back=sum(one.rolled_back for one in of_kind),
            fixes=_named(one.fix_type for one in of_kind),
        )


def missed(trials: Sequence[Trial], setbacks: Sequence[Setback]) -> list[str]:
    """A line for everything that did not go as it should."""
    lines = [f"{one.kind}: {one.words}" for one in (*trials, *setbacks) if one.words]
    unusable = [f"{one.kind}: unusable: {text}" for one in trials for text in one.unusable]
    other = [
        f"{one.kind}: {one.fix_type} made it work, but not as its author meant it"
        for one in trials
        if one.as_meant is False and one.state == "fixed"
    ]
    return [line.replace("\n", " ")[:400] for line in (*lines, *unusable, *other)]


def table(trials: Sequence[Trial], setbacks: Sequence[Setback]) -> Iterator[str]:
    yield f"{'fault':<24}{'cases':>7}{'diagnosed':>11}{'fixed':>7}{'handed over':>13}  fixes"
    for row in rows(trials):
        counts = f"{row.cases:>7}{row.diagnosed:>11}{row.fixed:>7}{row.handed_over:>13}"
        yield f"{row.kind:<24}{counts}  {row.fixes}"
    yield ""
    yield f"{'wrong fix':<24}{'applied':>9}{'detected':>10}{'rolled back':>13}  fixes"
    for one in wrong_rows(setbacks):
        counts = f"{one.applied:>9}{one.detected:>10}{one.rolled_back:>13}"
        yield f"{one.kind:<24}{counts}  {one.fixes}"
    lines = missed(trials, setbacks)
    yield from ("", "missed:" if lines else "nothing was missed", *lines)


def _named(types: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(types))
