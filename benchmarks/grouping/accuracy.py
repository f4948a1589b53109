"""Sets of messages with their true groups, and how near a grouping comes to them."""

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from copilot.pipeline.merge import Known, merge
from copilot.pipeline.normalize import normalize

Pair = tuple[str, str]  # the true group, and the message or the group it was given


def read_groups(path: Path) -> list[Pair]:
    """(group, message) of each line of a JSONL file."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    return [(str(row["group"]), str(row["message"])) for row in rows]


def read_raise_corpus(path: Path) -> list[Pair]:
    """(literal template of the `raise`, message) of each line of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["EventTemplate"], row["Content"]) for row in csv.DictReader(file)]


def score(pairs: Sequence[Pair]) -> dict[str, float]:
    """Pairwise precision and recall, groups exactly right, GA and FGA as log parsing defines them.

    GA is the share of messages in groups that are exactly right; FGA the F1 over such groups.
    """
    true, given, both = Counter[str](), Counter[str](), Counter[Pair]()
    parts: defaultdict[str, set[str]] = defaultdict(set)
    for truth, found in pairs:
        true[truth] += 1
        given[found] += 1
        both[truth, found] += 1
        parts[truth].add(found)
    right = [
        truth
        for truth, founds in parts.items()
        if len(founds) == 1 and given[next(iter(founds))] == true[truth]
    ]
    agreeing = _pairs_in(both.values())
    return {
        "messages": len(pairs),
        "groups": len(true),
        "exact": round(len(right) / max(1, len(true)), 4),
        "precision": round(agreeing / max(1, _pairs_in(given.values())), 4),
        "recall": round(agreeing / max(1, _pairs_in(true.values())), 4),
        "ga": round(sum(true[truth] for truth in right) / max(1, len(pairs)), 4),
        "fga": round(2 * len(right) / max(1, len(true) + len(given)), 4),
    }


def _pairs_in(sizes: Iterable[int]) -> int:
    return sum(size * (size - 1) // 2 for size in sizes)


def by_signature(messages: Sequence[str]) -> list[str]:
    return [normalize(message).signature for message in messages]


def by_root(messages: Sequence[str]) -> list[str]:
    """The groups after the nightly merge of all that was seen."""
    found = [normalize(message) for message in messages]
    known = {
        one.signature: Known(
            one.signature, one.key, one.label, exception=one.facets.get("exception", "")
        )
        for one in reversed(found)
    }
    roots = {alias.signature: alias.root for alias in merge(tuple(reversed(known.values())))}
    return [roots.get(one.signature, one.signature) for one in found]
