"""How well and how fast error texts are grouped: accuracy, speed beside a rival, worst cases.

    python -m benchmarks.normalize [--groups PATH] [--raise-corpus PATH] [--json]

`--groups` is a JSONL file of `group` and `message`; lines of one group should share a signature.
`--raise-corpus` is a CSV file of `Content` and `EventTemplate`, the literal template of the
`raise` as truth. The rival is the rule this project started from: quoted strings out, digits out,
blanks collapsed, lower case.
"""

import argparse
import csv
import json
import random
import re
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from copilot.pipeline.normalize import normalize

OWN_GROUPS = Path(__file__).parent.parent / "fixtures" / "groups.jsonl"
CAP = 64 * 1024
Pair = tuple[str, str]  # the true group, the group it was given


@dataclass(frozen=True, slots=True)
class Result:
    """All numbers of one run: by set and method, of speed, and by adversarial shape."""

    accuracy: dict[str, dict[str, float]]
    speed: dict[str, float]
    worst: dict[str, dict[str, float]]


def rival(message: str) -> str:
    """The rule of the first draft, kept as the measure of speed and accuracy."""
    text = re.sub(r"""["'`][^"'`]*["'`]""", "", message)
    return re.sub(r"\s+", " ", re.sub(r"\d+", "", text)).strip().lower()


def signature(message: str) -> str:
    return normalize(message).signature


def read_groups(path: Path) -> list[Pair]:
    """(group, message) of each line."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    return [(str(row["group"]), str(row["message"])) for row in rows]


def read_raise_corpus(path: Path) -> list[Pair]:
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
        "precision": round(agreeing / max(1, _pairs_in(given.values())), 4),
        "recall": round(agreeing / max(1, _pairs_in(true.values())), 4),
        "exact_groups": len(right),
        "ga": round(sum(true[truth] for truth in right) / max(1, len(pairs)), 4),
        "fga": round(2 * len(right) / max(1, len(true) + len(given)), 4),
    }


def _pairs_in(sizes: Iterable[int]) -> int:
    return sum(size * (size - 1) // 2 for size in sizes)


def typical_messages(count: int, *, seed: int) -> list[str]:
    """Agent errors of about 140 characters with random values, the same for the same *seed*."""
    rng = random.Random(seed)  # noqa: S311 - test data, no secret

    def number() -> int:
        return rng.randrange(1, 10_000_000)

    def identifier() -> str:
        return f"{rng.getrandbits(64):016x}"

    shapes: list[Callable[[], str]] = [
        lambda: (
            f"Template 'Outbound {number()}' not found in workspace {identifier()}; the step "
            "send_email of workflow Follow-up could not be carried out and was stopped"
        ),
        lambda: (
            f"openai.RateLimitError: Error code: 429 - Rate limit reached for gpt-4o on tokens "
            f"per min: Limit 30000, Used {number()}, please try again in {number() / 1000}s"
        ),
        lambda: (
            f"HTTPSConnectionPool(host='api{number()}.example.com', port=443): Read timed out. "
            f"(read timeout={number()}) while the step fetch_leads waited for the first page"
        ),
        lambda: (
            f'insert or update on table "t{number()}" violates foreign key constraint while '
            f"writing row {number()} of batch {identifier()}; the whole batch was rolled back"
        ),
        lambda: (
            f"2026-01-02T03:04:05.{number()}Z ERROR Request failed with status code 503 for "
            f"https://api.example.com/v1/leads/{number()} after 3 attempts, giving up on this step"
        ),
        lambda: (
            f"FileNotFoundError: [Errno 2] No such file or directory: '/data/run-{number()}/"
            f"out-{identifier()}.json' while the report of yesterday was being put together"
        ),
        lambda: (
            f"Contact {number()} has an invalid email address: user{number()}@example.com; the "
            "mail was not sent and the contact was skipped in this run of the campaign"
        ),
        lambda: (
            "This model's maximum context length is 131072 tokens. However, you requested "
            f"{number()} tokens ({number()} in the messages, 4096 in the completion)."
        ),
    ]
    return [shapes[index % len(shapes)]() for index in range(count)]


def speed(*, count: int = 2000, rounds: int = 9) -> dict[str, float]:
    """CPU time of both, interleaved, median of rounds; the ratio is ours to the rival's.

    Each round has values of its own, so that no cache has seen them.
    """
    ours: list[float] = []
    rivals: list[float] = []
    lengths: list[int] = []
    for seed in range(rounds + 1):
        messages = typical_messages(count, seed=seed)
        times = _cpu_seconds(signature, messages), _cpu_seconds(rival, messages)
        if seed:  # the first round only warms up
            ours.append(times[0])
            rivals.append(times[1])
            lengths += map(len, messages)
    own, other = statistics.median(ours), statistics.median(rivals)
    return {
        "messages_per_s": round(count / own),
        "rival_per_s": round(count / other),
        "ratio": round(other / own, 3),
        "mean_length": round(statistics.mean(lengths)),
    }


def _cpu_seconds(group: Callable[[str], str], messages: Sequence[str]) -> float:
    start = time.process_time()
    for message in messages:
        group(message)
    return time.process_time() - start


ADVERSARIAL = {
    "digits": "1",
    "letters": "a",
    "double quotes": '"',
    "single quotes": "'",
    "curly quotes": "\u201c",
    "mixed quotes": "'\"`",
    "unclosed quotes": "'a ",
    "escaped quotes": '\\"',
    "dotted letters": "a.",
    "dotted digits": "1.",
    "slashes": "/",
    "at signs": "a@",
    "equals": "=",
    "pairs": "a=",
    "spaces": " ",
    "hyphens": "a-",
    "schemes": "a://",
    "clock": "1:",
    "opening angles": "<",
    "angle letters": "<a",
    "brackets": "([",
    "subscripts": "A.b[",
    "braces": '{"a":',
    "months": "Jan ",
    "numbers": "1 ",
    "nouns": "table ",
    "colons": "tool: ",
    "parentheses": "(a: b, ",
    "lines": "a1\n",
    "frames": "\tat a.b.C(D.java:1)\n",
    "python frames": '  File "a.py", line 1, in f\n',
    "tracebacks": "Traceback (most recent call last):\n",
    "causes": "Caused by: a\n",
    "indents": "    \n",
    "pluses": "a+b ",
    "datetimes": "datetime.datetime(",
    "sql": "SELECT a FROM b ",
    "validation": "1 validation error for A\n",
    "terminal codes": "\x1b[",
    "classes": "a.B: ",
    "stamps": "2026-01-02 03:04:05 ",
    "keys": "Key (a)=(",
}


def worst_cases(size: int = CAP) -> dict[str, dict[str, float]]:
    """Per shape: milliseconds at *size* characters, and how they grow from half of it."""
    found: dict[str, dict[str, float]] = {}
    for name, unit in ADVERSARIAL.items():
        whole = (unit * (size // len(unit) + 1))[:size]
        half, full = _best_ms(whole[: size // 2]), _best_ms(whole)
        found[name] = {"ms": round(full, 2), "growth": round(full / max(half, 0.05), 2)}
    return found


def _best_ms(text: str) -> float:
    times: list[float] = []
    for _ in range(3):
        start = time.process_time()
        normalize(text)
        times.append(time.process_time() - start)
    return min(times) * 1000


def _grouped(rows: Sequence[Pair], group: Callable[[str], str]) -> list[Pair]:
    return [(truth, group(message)) for truth, message in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--groups", type=Path, default=OWN_GROUPS)
    parser.add_argument("--raise-corpus", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sets = {"groups": read_groups(options.groups)}
    if options.raise_corpus:
        sets["raise"] = read_raise_corpus(options.raise_corpus)
    result = Result(
        accuracy={
            f"{name}, {who}": score(_grouped(rows, group))
            for name, rows in sets.items()
            for who, group in (("ours", signature), ("rival", rival))
        },
        speed=speed(),
        worst=worst_cases(),
    )
    print(json.dumps(asdict(result), indent=2) if options.json else _table(result))


def _table(result: Result) -> str:
    lines = [f"{name:16} {_values(values)}" for name, values in result.accuracy.items()]
    lines += [f"{'speed':16} {_values(result.speed)}", f"\nslowest shapes, {CAP} characters"]
    slowest = sorted(result.worst.items(), key=lambda item: -item[1]["ms"])
    return "\n".join(lines + [f"  {name:16} {_values(values)}" for name, values in slowest[:12]])


def _values(values: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value}" for name, value in values.items())


if __name__ == "__main__":
    main()
