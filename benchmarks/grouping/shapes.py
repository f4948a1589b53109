"""Texts made to be slow: one piece over and over, which patterns that look back read many times."""

import random
import statistics
import string
import time
from dataclasses import dataclass

from copilot.pipeline.normalize import normalize

SIZE = 64 * 1024
_REPEATS = 5
_LEAST_MS = 0.05

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
    "addresses": "0x" + "f" * 62,
    "underscores": "a_",
    "calls": "a(",
    "types": "type A ",
    "assignments": "a = b, ",
    "choices": "must be one of a, b, c or ",
    "bracketed": "a [b] ",
    "data": "a {'b': 1} ",
}

_NOISE = random.Random(1).choices(  # noqa: S311 - test data, no secret
    string.ascii_letters + string.digits + string.punctuation + " ", k=SIZE
)


@dataclass(frozen=True, slots=True)
class Slowness:
    """One shape at 64 KB: CPU milliseconds, and how many times those of half of it."""

    shape: str
    ms: float
    growth: float


def repeated(unit: str, size: int) -> str:
    return (unit * (size // len(unit) + 1))[:size]


def worst_cases(size: int = SIZE) -> list[Slowness]:
    """Every shape, the slowest first."""
    texts = {name: repeated(unit, size) for name, unit in ADVERSARIAL.items()}
    texts["random"] = "".join(_NOISE)[:size]
    found: list[Slowness] = []
    for name, text in texts.items():
        half, full = _best_ms(text[: size // 2]), _best_ms(text)
        found.append(Slowness(name, round(full, 3), round(full / max(half, _LEAST_MS), 2)))
    return sorted(found, key=lambda one: -one.ms)


def median_ms(found: list[Slowness]) -> float:
    return statistics.median(one.ms for one in found)


def _best_ms(text: str) -> float:
    times: list[float] = []
    for _ in range(_REPEATS):
        start = time.process_time()
        normalize(text)
        times.append(time.process_time() - start)
    return min(times) * 1000
