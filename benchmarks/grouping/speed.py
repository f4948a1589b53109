"""How long each way of grouping takes, in turns on the same messages, so that one is fair to another."""

import json
import statistics
import subprocess
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from copilot.pipeline.normalize import normalize

from .messages import typical_messages
from .rules import one_pattern, three_patterns

ROOT = Path(__file__).resolve().parents[2]
#: Where `make bench` installs it: what it requires does not go with ours.
PYTHON = ROOT / ".venv-bench/bin/python"
_SCRIPT = ROOT / "benchmarks/rivals/drain3_lines.py"
_LAST_WORDS = 200


class NotThere(Exception):
    """The rival can't be measured; the words say why."""


class Drain3:
    """The log parser, in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.version = str(self._answer()["version"])

    def grouped(self, messages: Sequence[str]) -> tuple[list[str], float]:
        """The group of each message, and the CPU seconds that took."""
        assert self._process.stdin is not None
        print(json.dumps(messages), file=self._process.stdin, flush=True)
        answer = self._answer()
        return [str(cluster) for cluster in answer["clusters"]], float(answer["seconds"])

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        if line := self._process.stdout.readline():
            return json.loads(line)
        last = self._process.stderr.read().strip().rpartition("\n")[2]
        raise NotThere(last[-_LAST_WORDS:] or "it ended without a word")


@contextmanager
def drain3(python: Path = PYTHON) -> Generator[Drain3]:
    """Raises NotThere where it is not installed."""
    if not python.exists():
        raise NotThere("not installed; `make bench` does")
    process = subprocess.Popen(  # noqa: S603 - our own script
        [python, _SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Drain3(process)
    finally:
        process.kill()
        process.communicate()


def speeds(rival: Drain3 | None, *, count: int = 2000, rounds: int = 9) -> dict[str, list[float]]:
    """Microseconds of CPU time a message, by whom, one value a round.

    Each round has values of its own, so that no cache has seen them.
    """
    found: dict[str, list[float]] = {}
    for seed in range(rounds + 1):
        messages = typical_messages(count, seed=seed)
        times = {
            "ours": _cpu_seconds(_signature, messages),
            "three patterns": _cpu_seconds(three_patterns, messages),
            "one pattern": _cpu_seconds(one_pattern, messages),
        }
        if rival is not None:
            times["drain3"] = rival.grouped(messages)[1]
        if seed:  # the first round only warms up
            for name, seconds in times.items():
                found.setdefault(name, []).append(seconds / count * 1e6)
    return found


def median_ratio(upper: Sequence[float], lower: Sequence[float]) -> float:
    """The median over rounds: what slows the machine slows both of one round."""
    return statistics.median(one / other for one, other in zip(upper, lower, strict=True))


def _signature(message: str) -> str:
    return normalize(message).signature


def _cpu_seconds(group: Callable[[str], str], messages: Sequence[str]) -> float:
    start = time.process_time()
    for message in messages:
        group(message)
    return time.process_time() - start
