"""What looking at a run costs: its progress, and 200 people who watch it."""

import asyncio
import json
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from engine.dispatch.inline import InlineDispatcher
from engine.engine import Engine
from engine.testing import actions, settings, tool, workflow

from .figures import Figure, Goal, missing
from .rivals import ROOT
from .scene import WORKSPACE, Nothing, loop, row

STEPS = 10_000
AT_TOP = 1_000
PROGRESS = Goal(
    key="progress", what=f"progress of a run of {STEPS:,} steps, to a bare COUNT", aim=2
)
WATCHED = (
    Goal(key="watching_lag", what="200 watch one run: lag p95", aim=1, unit="s"),
    Goal(key="watching_memory", what="200 watch one run: memory for each", aim=100, unit="KB"),
)
_ASKED = 100
#: Answered from an index alone.
_COUNT = "SELECT count(*) FROM step_run WHERE execution_id = ? AND status = 'succeeded'"


def progress(folder: Path, repeat: int) -> Figure:
    """Of a run at its last step, asked by another thread than the one that carries it out.

    A tenth of its steps are at the top, where progress is counted, the others in a loop.
    """
    with _at_last_step(folder) as (engine, execution_id):
        bare = sqlite3.connect(folder / "engine.db", isolation_level=None)

        def ask() -> None:
            assert engine.progress(WORKSPACE, execution_id).agents_completed == AT_TOP + 1

        def count() -> None:
            assert bare.execute(_COUNT, (execution_id,)).fetchone() == (STEPS + 1,)

        _seconds(ask, _ASKED)
        pairs = [(_seconds(ask, _ASKED), _seconds(count, _ASKED)) for _ in range(2 * repeat)]
        bare.close()
    ratios = [ours / bare for ours, bare in pairs]
    return Figure(
        PROGRESS,
        statistics.median(ratios),
        ratios,
        {
            "engine_ms": round(statistics.median(ours for ours, _ in pairs) * 1000, 3),
            "count_ms": round(statistics.median(bare for _, bare in pairs) * 1000, 3),
        },
    )


def _seconds(call: Callable[[], None], times: int) -> float:
    """The median of *times* calls."""
    taken: list[float] = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


@contextmanager
def _at_last_step(folder: Path) -> Generator[tuple[Engine, str]]:
    """An engine, and a run of it that has one step to go."""
    arrived, leave = threading.Event(), threading.Event()

    async def stay() -> None:
        arrived.set()
        await asyncio.to_thread(leave.wait)

    queue = InlineDispatcher(hold=True)
    offered = actions(noop=Nothing(), stay=stay)
    options = settings(folder, reconcile_seconds=3600.0)
    with Engine(options, actions=offered, dispatcher=queue) as engine:
        last = tool("last", "stay", timeout=3600)
        steps = (*row(AT_TOP), loop("more", STEPS - AT_TOP), last)
        engine.put_workflow(WORKSPACE, workflow(*steps), workflow_id="long")
        run = engine.submit(WORKSPACE, "long", timeout_seconds=3600)
        working = threading.Thread(target=queue.run)
        working.start()
        arrived.wait()
        try:
            yield engine, run.id
        finally:
            leave.set()
            working.join()


def watching() -> Generator[Figure]:
    """The benchmark `live_events`, in a process of its own: memory is that of a fresh one."""
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.live_events", "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if answer.returncode:
        yield from (missing(goal, "live_events has failed") for goal in WATCHED)
        return
    found = json.loads(answer.stdout)
    lag, memory = WATCHED
    live = {"live_p95_ms": found["live_lag_p95_ms"], "p50_ms": found["stored_lag_p50_ms"]}
    yield Figure(lag, found["stored_lag_p95_ms"] / 1000, [found["stored_lag_p95_ms"] / 1000], live)
    yield Figure(memory, found["kb_a_subscriber"], [found["kb_a_subscriber"]])
