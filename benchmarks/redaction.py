"""How many secrets redaction takes out, what else it takes, and how long that takes.

    python -m benchmarks.redaction [--corpus PATH] [--json]

Recall counts a value as gone when no stretch of 12 characters of it is left (of a shorter one: all
of it). Phone and IP numbers are looked for only on request and count apart. Time is a ratio to one
plain pass of RE2 with the markers of all token rules over the same logs. `--corpus` takes a file
of samples, or the folder in which it is; without one it is a set of our own.
"""

import argparse
import json
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from copilot.redaction import Redactor, mask_secrets
from copilot.redaction.automata import compiled
from copilot.redaction.tokens import rules

from .grouping.messages import raised_messages
from .leaks import logs, samples
from .leaks.samples import SEED, Sample, leaked
from .normalize import Figure

ON_REQUEST = frozenset({"phone", "ipv4", "ipv6", "address"})
LOG_LINES = 10_000
ROUNDS = 7


def main() -> None:
    options = _options()
    corpus = samples.own() if options.corpus is None else samples.read(options.corpus)
    figures = [*_found(corpus), *_left_alone(), *_time()]
    if options.json:
        print(json.dumps([figure.as_json() for figure in figures], indent=2))
    else:
        print(f"{'figure':<62}{'value':>9}{'aim':>9}")
        print("\n".join(figure.line() for figure in figures))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--corpus", type=Path, help="a file of samples, or its folder")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.corpus is not None and not options.corpus.exists():
        parser.error(f"there is no {options.corpus}")
    return options


def _found(corpus: Sequence[Sample]) -> Iterator[Figure]:
    by_label = {
        label: [sample for sample in corpus if sample.label == label]
        for label in ("secret", "pii", "negative")
    }
    asked = [sample for sample in by_label["pii"] if sample.kind not in ON_REQUEST]
    request = [sample for sample in by_label["pii"] if sample.kind in ON_REQUEST]
    yield _recall("secrets: recall", by_label["secret"], 0.98)
    yield _recall("personal data: recall", asked, 0.98)
    if request:
        yield _recall("phone and IP numbers, on request: recall", request, 0.9, request=True)
    changed = Counter(
        sample.kind
        for sample in by_label["negative"]
        if Redactor().redact(sample.text).text != sample.text
    )
    share = changed.total() / len(by_label["negative"])
    facts = {"samples": len(by_label["negative"]), **changed}
    yield Figure("near misses: false positives", share, 0.01, at_least=False, facts=facts)
    yield Figure("redacted again by another redactor: unchanged", _same_again(corpus), 1)
    masked = [sample for sample in by_label["secret"] if leaked(sample, mask_secrets(sample.text))]
    recall = 1 - len(masked) / len(by_label["secret"])
    yield Figure("secrets: recall of mask_secrets", recall, 0.98)


def _recall(what: str, wanted: Sequence[Sample], aim: float, *, request: bool = False) -> Figure:
    missed = Counter(
        sample.kind
        for sample in wanted
        if leaked(sample, Redactor(phones=request, addresses=request).redact(sample.text).text)
    )
    facts = {"samples": len(wanted), **{f"missed {kind}": n for kind, n in missed.items()}}
    return Figure(what, 1 - missed.total() / len(wanted), aim, facts=facts)


def _same_again(corpus: Sequence[Sample]) -> float:
    once = [Redactor().redact(sample.text).text for sample in corpus]
    return sum(Redactor().redact(text).text == text for text in once) / len(once)


def _left_alone() -> Iterator[Figure]:
    ordinary = {
        "log lines": logs.lines(LOG_LINES, seed=SEED),
        "raised messages": [message for _, message in raised_messages()],
    }
    for name, texts in ordinary.items():
        redactor = Redactor()
        share = sum(redactor.redact(text).text != text for text in texts) / len(texts)
        facts = {"of": len(texts)}
        yield Figure(f"ordinary {name}: changed", share, 0.005, at_least=False, facts=facts)


def _time() -> Iterator[Figure]:
    lines = logs.lines(LOG_LINES, seed=SEED)
    whole = "\n".join(lines)
    plain = compiled(dict.fromkeys(rule.gate for rule in rules()))
    redactor = Redactor()
    ways: dict[str, Callable[[], object]] = {
        "RE2": lambda: list(plain.finditer(whole)),
        "redact": lambda: redactor.redact(whole),
        "mask": lambda: mask_secrets(whole),
        "RE2 by line": lambda: [plain.search(line) for line in lines],
        "redact by line": lambda: [redactor.redact(line) for line in lines],
        "mask by line": lambda: [mask_secrets(line) for line in lines],
    }
    ms = _medians(ways)
    facts = {f"{way}, ms": round(took, 1) for way, took in ms.items()}
    facts["MB"] = round(len(whole) / 1e6, 2)
    for way in ("redact", "mask"):
        for unit, suffix in (("as one text", ""), ("line by line", " by line")):
            ratio = ms[way + suffix] / ms["RE2" + suffix]
            what = f"{way}: time to one RE2 pass, logs {unit}"
            yield Figure(what, ratio, 3, at_least=False, facts=facts if way == "redact" else {})


def _medians(ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Milliseconds each way takes, measured in turns, so that a busy moment hits all alike."""
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, run in ways.items():
            began = time.perf_counter()
            run()
            taken[way].append((time.perf_counter() - began) * 1_000)
    return {way: statistics.median(times[1:]) for way, times in taken.items()}


if __name__ == "__main__":
    main()
