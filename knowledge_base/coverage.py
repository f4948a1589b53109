"""What a corpus of labelled failures says about the entries: which never matched, which classes are
missed."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from knowledge_base import KnowledgeBase
from knowledge_base.entry import Example
from knowledge_base.trial import Diagnose, observed


@dataclass(frozen=True, slots=True)
class Labelled:
    """A failure and its class. also_ok: classes that are no mistake either."""

    example: Example
    root_cause: str
    also_ok: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ClassScore:
    """How well one root cause is told. A share is None where there is nothing to divide by."""

    root_cause: str
    cases: int
    right: int
    named: int
    #: What was said instead, the most frequent first.
    mistaken_for: tuple[tuple[str, int], ...] = ()

    @property
    def recall(self) -> float | None:
        """Of its cases, the share that was named so."""
        return self.right / self.cases if self.cases else None

    @property
    def precision(self) -> float | None:
        """Of what was named so, the share that is so."""
        return self.right / self.named if self.named else None


@dataclass(frozen=True, slots=True)
class Coverage:
    """`classes`: the one that is told worst first. `chosen`: how often each entry explained one."""

    cases: int
    strict: float | None
    lenient: float | None
    classes: tuple[ClassScore, ...]
    never_matched: tuple[str, ...]
    never_chosen: tuple[str, ...]
    chosen: tuple[tuple[str, int], ...]


def measure(knowledge: KnowledgeBase, cases: Iterable[Labelled], diagnose: Diagnose) -> Coverage:
    """Diagnose every case and count."""
    matched: set[str] = set()
    chosen: Counter[str] = Counter()
    named: Counter[str] = Counter()
    total: Counter[str] = Counter()
    right: Counter[str] = Counter()
    confused: defaultdict[str, Counter[str]] = defaultdict(Counter)
    lenient = 0
    for case in cases:
        matched |= {match.entry for match in knowledge.matches(observed(case.example))}
        found = diagnose(case.example)
        said = str(found.root_cause)
        chosen[found.entry or "unknown"] += 1
        total[case.root_cause] += 1
        named[said] += 1
        lenient += said == case.root_cause or said in case.also_ok
        if said == case.root_cause:
            right[said] += 1
        else:
            confused[case.root_cause][said] += 1
    scores = [
        ClassScore(cause, total[cause], right[cause], named[cause], _top(confused[cause]))
        for cause in {*total, *named}
    ]
    used = {name for name, entry in knowledge.entries.items() if entry.status != "deprecated"}
    count = sum(total.values())
    return Coverage(
        cases=count,
        strict=sum(right.values()) / count if count else None,
        lenient=lenient / count if count else None,
        classes=tuple(sorted(scores, key=_worst_first)),
        never_matched=tuple(sorted(used - matched - chosen.keys())),
        never_chosen=tuple(sorted((used & matched) - chosen.keys())),
        chosen=tuple(chosen.most_common()),
    )


def _worst_first(score: ClassScore) -> tuple[bool, float, float, int, str]:
    recall, precision = score.recall, score.precision
    return (
        recall is None,
        0.0 if recall is None else recall,
        0.0 if precision is None else precision,
        -score.cases,
        score.root_cause,
    )


def _top(counts: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(counts.most_common(3))
