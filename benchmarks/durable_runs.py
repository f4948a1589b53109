"""What durability costs: runs of the engine against bare inserts that commit one step each.

    python -m benchmarks.durable_runs [--json] [--repeat 5]

The rival is `sqlite3` itself, writing the same payload to the same disk in write-ahead mode with a
sync for every commit: the least that any engine with one commit a step can do. Repetitions are
interleaved, and the ratio is the median of the ratios of neighbours, so that a busy machine slows
both. "Through the queue" goes the way a user's run goes: submitted, queued, polled, carried out.
"""

import argparse
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event

from engine.dispatch.inline import InlineDispatcher
from engine.engine import Engine
from engine.execution import ExecutionStatus
from engine.testing import FunctionAction, actions, settings, tool, workflow

PAYLOAD = {"text": "x" * 100}
SEQUENTIAL_STEPS = 1000
RUNS, STEPS_EACH = 100, 10
AIMS = {"one run, 1000 steps": 3.0, "100 runs at once, 10 steps each": 1.0}


@dataclass(frozen=True, slots=True)
class Row:
    """Medians in milliseconds for one step; `aim` is the ratio to stay under, if there is one."""

    what: str
    engine_ms: float
    raw_ms: float
    ratio: float
    commits_per_step: float | None
    aim: float | None

    @property
    def met(self) -> bool | None:
        return None if self.aim is None else self.ratio <= self.aim


def noop() -> dict[str, str]:
    return PAYLOAD


ACTIONS = actions(noop=noop, effect=FunctionAction(noop, repeatable=False))


class Raw:
    """One connection, one insert and one commit for each step."""

    def __init__(self, folder: Path) -> None:
        self._connection = sqlite3.connect(folder / "raw.db", isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute(
            "CREATE TABLE step (run TEXT, path TEXT, output TEXT, started REAL, ended REAL, "
            "PRIMARY KEY (run, path))"
        )
        self._run = 0

    def seconds(self, steps: int) -> float:
        self._run += 1
        text = json.dumps(PAYLOAD)
        started = time.perf_counter()
        for number in range(steps):
            now = time.time()
            self._connection.execute(
                "INSERT INTO step VALUES (?, ?, ?, ?, ?)",
                (str(self._run), f"/s{number}", text, now, now),
            )
        return time.perf_counter() - started

    def close(self) -> None:
        self._connection.close()


@dataclass(slots=True)
class Case:
    """One workload on the engine: how many steps, and how to time them."""

    what: str
    steps: int
    seconds: Callable[[], float]
    commits: Callable[[], int] | None = None


def _checked(engine: Engine, ids: list[str]) -> None:
    for execution_id in ids:
        ended = engine.wait("bench", execution_id, 120)
        assert ended.status is ExecutionStatus.SUCCEEDED, ended.error


def _inline(engine: Engine, queue: InlineDispatcher, name: str, runs: int) -> float:
    ids = [engine.submit("bench", name).id for _ in range(runs)]
    started = time.perf_counter()
    queue.run()
    elapsed = time.perf_counter() - started
    _checked(engine, ids)
    return elapsed


def _queued(engine: Engine, name: str, runs: int) -> float:
    started = time.perf_counter()
    ids = [engine.submit("bench", name).id for _ in range(runs)]
    _checked(engine, ids)
    return time.perf_counter() - started


def _define(engine: Engine) -> None:
    for name, steps, action in (
        ("long", SEQUENTIAL_STEPS, "noop"),
        ("short", STEPS_EACH, "noop"),
        ("effects", SEQUENTIAL_STEPS, "effect"),
    ):
        definition = workflow(*(tool(f"s{number}", action) for number in range(steps)))
        engine.put_workflow("bench", definition, workflow_id=name)


def inline_cases(engine: Engine, queue: InlineDispatcher) -> list[Case]:
    """The interpreter and the store, without the queue."""

    made = 0

    def count(_connection: sa.Connection) -> None:
        nonlocal made
        made += 1

    def commits() -> int:
        return made

    event.listen(engine.database, "commit", count)
    return [
        Case(
            "one run, 1000 steps",
            SEQUENTIAL_STEPS,
            lambda: _inline(engine, queue, "long", 1),
            commits,
        ),
        Case(
            "100 runs at once, 10 steps each",
            RUNS * STEPS_EACH,
            lambda: _inline(engine, queue, "short", RUNS),
            commits,
        ),
        Case(
            "one run, 1000 steps that commit their intent first",
            SEQUENTIAL_STEPS,
            lambda: _inline(engine, queue, "effects", 1),
            commits,
        ),
    ]


def queued_cases(engine: Engine) -> list[Case]:
    """The whole way, the dispatcher's own commits included."""
    return [
        Case(
            "one run, 1000 steps, through the queue",
            SEQUENTIAL_STEPS,
            lambda: _queued(engine, "long", 1),
        ),
        Case(
            "100 runs at once, 10 steps each, through the queue",
            RUNS * STEPS_EACH,
            lambda: _queued(engine, "short", RUNS),
        ),
    ]


def measure(cases: list[Case], raw: Raw, repeat: int) -> list[Row]:
    """Every case *repeat* times, a raw run right after each."""
    rows: list[Row] = []
    for case in cases:
        case.seconds()
        raw.seconds(case.steps)
        before = case.commits() if case.commits else 0
        pairs = [(case.seconds(), raw.seconds(case.steps)) for _ in range(repeat)]
        made = (case.commits() - before) / (repeat * case.steps) if case.commits else None
        rows.append(
            Row(
                case.what,
                engine_ms=statistics.median(ours for ours, _ in pairs) / case.steps * 1000,
                raw_ms=statistics.median(bare for _, bare in pairs) / case.steps * 1000,
                ratio=statistics.median(ours / bare for ours, bare in pairs),
                commits_per_step=made,
                aim=AIMS.get(case.what),
            )
        )
    return rows


def run(repeat: int) -> list[Row]:
    """All rows, on files of their own in a temporary folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        raw = Raw(folder)
        queue = InlineDispatcher(hold=True)
        with Engine(settings(folder / "inline"), actions=ACTIONS, dispatcher=queue) as engine:
            _define(engine)
            rows = measure(inline_cases(engine, queue), raw, repeat)
        with Engine(settings(folder / "queued", concurrency=RUNS), actions=ACTIONS) as engine:
            _define(engine)
            rows += measure(queued_cases(engine), raw, max(1, repeat // 2))
        raw.close()
    return rows


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.durable_runs")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args(arguments)
    rows = run(options.repeat)
    if options.json:
        print(json.dumps([asdict(row) | {"met": row.met} for row in rows], indent=2))
        return 0
    print(f"{'ms a step':52}{'engine':>8}{'raw':>8}{'ratio':>8}{'aim':>6}{'commits/step':>14}")
    for row in rows:
        aim = "" if row.aim is None else f"{row.aim:.0f}x"
        commits = "" if row.commits_per_step is None else f"{row.commits_per_step:.2f}"
        print(
            f"{row.what:52}{row.engine_ms:8.3f}{row.raw_ms:8.3f}{row.ratio:7.2f}x{aim:>6}{commits:>14}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
