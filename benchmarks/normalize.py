"""How well, how fast and how steadily error texts are grouped, beside three other ways to do it.

    python -m benchmarks.normalize [--corpus PATH] [--groups PATH] [--raise-corpus PATH] [--json]

Groups are a JSONL file of `group` and `message`: lines of one group should share a signature. A
raise corpus is a CSV file of `Content` and `EventTemplate`, the literal template of the `raise` as
truth. `--corpus` takes either, or a folder with `groups-dev.jsonl` and `pyraise-stdlib.csv`. The
other ways are the three patterns of the first draft, one large pattern of token classes as error
trackers have it, and the log parser drain3 with masks.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .grouping.accuracy import (
    Pair,
    by_root,
    by_signature,
    read_groups,
    read_raise_corpus,
    score,
)
from .grouping.messages import raised_messages
from .grouping.rules import one_pattern, three_patterns
from .grouping.shapes import ADVERSARIAL, SIZE, median_ms, worst_cases
from .grouping.speed import PYTHON, Drain3, NotThere, drain3, median_ratio, speeds
from .grouping.stability import trials

__all__ = ["ADVERSARIAL"]

OWN_GROUPS = Path(__file__).parent.parent / "fixtures" / "groups.jsonl"
GROUPS_IN_A_FOLDER, RAISED_IN_A_FOLDER = "groups-dev.jsonl", "pyraise-stdlib.csv"
Rival = Callable[[Sequence[str]], list[str]]


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with its aim; `value` is None where `missing` says why it can't be measured."""

    what: str
    value: float | None
    aim: float
    at_least: bool = True
    missing: str = ""
    facts: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def met(self) -> bool | None:
        if self.value is None:
            return None
        return self.value >= self.aim if self.at_least else self.value <= self.aim

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "met": self.met}

    def line(self) -> str:
        aim = f"{'≥' if self.at_least else '≤'} {self.aim:g}"
        if self.value is None:
            return f"{self.what:<62}{'-':>9}{aim:>9}  missing: {self.missing}"
        facts = ", ".join(f"{name} {value}" for name, value in self.facts.items())
        verdict = "met" if self.met else "MISSED"
        return f"{self.what:<62}{self.value:>9.4g}{aim:>9}  {verdict:<7} {facts}"


def main() -> None:
    options = _options()
    groups, raised = read_groups(options.groups), raised_messages()
    if options.raise_corpus:
        raised = read_raise_corpus(options.raise_corpus)
    with ExitStack() as stack:
        rival, missing = _rival(stack, options.rivals)
        figures = [
            *_accuracy(groups, raised),
            *_beside(groups, raised, rival, missing),
            *_speed(rival, missing),
            *_worst(),
            *_stability([message for _, message in (*groups, *raised)]),
        ]
    if options.json:
        print(json.dumps([figure.as_json() for figure in figures], indent=2))
    else:
        print(f"{'figure':<62}{'value':>9}{'aim':>9}")
        print("\n".join(figure.line() for figure in figures))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--corpus", type=Path, help="a folder, a .jsonl or a .csv file")
    parser.add_argument("--groups", type=Path, default=OWN_GROUPS)
    parser.add_argument("--raise-corpus", type=Path)
    parser.add_argument("--rivals", type=Path, default=PYTHON, help="the Python that has drain3")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    corpus: Path | None = options.corpus
    if corpus is not None and not corpus.exists():
        parser.error(f"there is no {corpus}")
    if corpus is not None and corpus.is_dir():
        options.groups = corpus / GROUPS_IN_A_FOLDER
        options.raise_corpus = corpus / RAISED_IN_A_FOLDER
    elif corpus is not None:
        setattr(options, "raise_corpus" if corpus.suffix == ".csv" else "groups", corpus)
    return options


def _rival(stack: ExitStack, python: Path) -> tuple[Drain3 | None, str]:
    try:
        return stack.enter_context(drain3(python)), ""
    except NotThere as error:
        return None, str(error)


def _accuracy(groups: Sequence[Pair], raised: Sequence[Pair]) -> Iterator[Figure]:
    for name, by in (("groups", by_signature), ("groups with merge", by_root)):
        found = _scored(groups, by)
        facts = {key: found[key] for key in ("groups", "messages")}
        yield Figure(f"{name}: share exactly right", found["exact"], 0.90, facts=facts)
        yield Figure(f"{name}: pairwise precision", found["precision"], 0.98)
        yield Figure(f"{name}: pairwise recall", found["recall"], 0.95)
    aims = (("raised", by_signature, 0.70, 0.79), ("raised with merge", by_root, 0.72, 0.81))
    for name, by, ga, fga in aims:
        found = _scored(raised, by)
        facts = {key: found[key] for key in ("groups", "messages", "precision", "recall")}
        yield Figure(f"{name}: GA", found["ga"], ga, facts=facts)
        yield Figure(f"{name}: FGA", found["fga"], fga)


def _beside(
    groups: Sequence[Pair], raised: Sequence[Pair], rival: Drain3 | None, missing: str
) -> Iterator[Figure]:
    """The aim is what the other way reaches on the same messages."""
    ways: dict[str, Rival | None] = {
        "three patterns": lambda messages: [three_patterns(one) for one in messages],
        "one pattern": lambda messages: [one_pattern(one) for one in messages],
        "drain3 with masks": None if rival is None else lambda messages: rival.grouped(messages)[0],
    }
    for name, rows in (("groups", groups), ("raised", raised)):
        ours = _scored(rows, by_signature)
        for way, grouped in ways.items():
            if grouped is None:
                yield Figure(f"{name}: FGA, beside {way}", None, 0, missing=missing)
                continue
            theirs = _scored(rows, grouped)
            facts = {f"their {key}": theirs[key] for key in ("exact", "precision", "recall", "ga")}
            what = f"{name}: FGA, beside {way}"
            yield Figure(what, ours["fga"], theirs["fga"], facts=facts)


def _scored(rows: Sequence[Pair], by: Rival) -> dict[str, float]:
    found = by([message for _, message in rows])
    return score([(truth, given) for (truth, _), given in zip(rows, found, strict=True)])


def _speed(rival: Drain3 | None, missing: str) -> Iterator[Figure]:
    found = speeds(rival)
    ours = found["ours"]
    facts = {f"{name}, us": round(statistics.median(times), 1) for name, times in found.items()}
    ratio = median_ratio(found["three patterns"], ours)
    yield Figure("messages a second, to the three patterns", ratio, 0.25, facts=facts)
    ratio = median_ratio(found["one pattern"], ours)
    yield Figure("messages a second, to one pattern", ratio, 1)
    what = "messages a second, to drain3 with masks"
    if "drain3" not in found:
        yield Figure(what, None, 1, missing=missing)
        return
    assert rival is not None
    ratio = median_ratio(found["drain3"], ours)
    yield Figure(what, ratio, 1, facts={"version": rival.version})


def _worst() -> Iterator[Figure]:
    found = worst_cases()
    steepest = max(found, key=lambda one: one.growth)
    kilobytes = f"{len(found)} shapes of {SIZE // 1024} KB"
    yield Figure(
        f"{kilobytes}: t(2n)/t(n), the worst",
        steepest.growth,
        2.6,
        at_least=False,
        facts={"shape": steepest.shape},
    )
    facts = {f"{one.shape}, ms": one.ms for one in found[:3]}
    facts["median, ms"] = round(median_ms(found), 2)
    ratio = found[0].ms / median_ms(found)
    yield Figure(f"{kilobytes}: worst to median", ratio, 20, at_least=False, facts=facts)


def _stability(messages: Sequence[str]) -> Iterator[Figure]:
    for trial in trials(messages):
        what = f"identical signatures: {trial.what}"
        yield Figure(what, trial.same, 1, missing=trial.why)


if __name__ == "__main__":
    main()
