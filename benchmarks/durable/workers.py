"""How soon a run begins: after it was submitted, and after the worker that had it was killed.

All processes are on one machine, where `time.monotonic` is the same clock for all of them.
"""

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Collection, Generator, Iterable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.engine import Engine
from engine.ports import EngineSettings
from engine.testing import tool, workflow

from .figures import Figure, Goal, missing, p95
from .postgres import NoPostgres, Server
from .rivals import ROOT
from .scene import WORKSPACE
from .worker import LOG, holding

START = Goal(key="start", what="submission to first step, same process, to a poll, p50", aim=2)
START_ELSEWHERE = Goal(
    key="start_elsewhere", what="submission to first step, other process, to a poll, p50", aim=2
)
TAKEN_OVER = Goal(
    key="taken_over", what="run begins again after kill -9 of 1 of 3 workers, p95", aim=2, unit="s"
)
HELD = "held"
WORKERS, ROOM = 3, 3
RUNS = (WORKERS - 1) * ROOM  # two of the workers can carry out all of them
_PATIENCE = 60.0


class TooLate(Exception):
    """A run has not begun within a minute."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The first step of a run has begun, in process *pid*."""

    execution_id: str
    pid: int
    at: float


@dataclass(frozen=True, slots=True)
class Log:
    """What workers have written down in *folder*."""

    folder: Path

    def lines(self) -> Iterable[Begun]:
        path = self.folder / LOG
        text = path.read_text() if path.exists() else ""
        for line in text[: text.rfind("\n") + 1].splitlines():
            execution_id, pid, at = line.split()
            yield Begun(execution_id, int(pid), float(at))

    def wait(self, runs: Collection[str], *, after: float) -> dict[str, Begun]:
        """Where each of *runs* has begun first since *after*. Raises `TooLate`."""
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            found: dict[str, Begun] = {}
            for line in self.lines():
                if line.execution_id in runs and line.at >= after:
                    found.setdefault(line.execution_id, line)
            if len(found) == len(runs):
                return found
            time.sleep(0.005)
        raise TooLate


def start_here(folder: Path, count: int) -> Figure:
    """On SQLite, where the process that submits carries out."""
    settings = EngineSettings(url=f"sqlite:///{folder / 'start.db'}", files=folder / "files")
    with Engine(settings, actions=holding(folder)) as engine:
        return _start(START, engine, folder, count)


def _start(goal: Goal, engine: Engine, folder: Path, count: int) -> Figure:
    """One submission after another, each at another moment between two polls."""
    _define(engine)
    log, poll = Log(folder), engine.settings.poll_seconds
    times: list[float] = []
    for _ in range(count + 1):
        time.sleep(poll * (1 + random.random()))  # noqa: S311 - no secret
        asked = time.monotonic()
        run = engine.submit(WORKSPACE, HELD)
        times.append(log.wait({run.id}, after=asked)[run.id].at - asked)
        engine.cancel(WORKSPACE, run.id)
    times = times[1:]  # the first one loads what the others find loaded
    return Figure(
        goal,
        statistics.median(times) / poll,
        [one / poll for one in times],
        {"p50_ms": round(statistics.median(times) * 1000, 1), "poll_ms": poll * 1000},
    )


def over_workers(
    server: Server | NoPostgres, folder: Path, *, starts: int, kills: int
) -> Generator[Figure]:
    """What needs several processes, and so Postgres."""
    if isinstance(server, NoPostgres):
        yield from (missing(goal, str(server)) for goal in (START_ELSEWHERE, TAKEN_OVER))
        return
    with ExitStack() as closing:
        url, _ = closing.enter_context(server.database())
        crew = closing.enter_context(_crew(url, folder))
        settings = EngineSettings(url=url, files=folder / "files")
        engine = Engine.open(settings, dispatch=False, actions=holding(folder))
        closing.callback(engine.close)
        yield _start(START_ELSEWHERE, engine, folder, starts)
        yield _taken_over(engine, crew, Log(folder), kills)


def _taken_over(engine: Engine, crew: "Crew", log: Log, kills: int) -> Figure:
    """Each time one of three is killed, and a new one takes its place afterwards."""
    times: list[float] = []
    while len(crew.killed) < kills:
        asked = time.monotonic()
        runs = {engine.submit(WORKSPACE, HELD).id for _ in range(RUNS)}
        begun = log.wait(runs, after=asked)
        victim = random.choice([one.pid for one in begun.values()])  # noqa: S311 - no secret
        lost = {one.execution_id for one in begun.values() if one.pid == victim}
        killed = crew.kill(victim)
        again = log.wait(lost, after=killed)
        times += [one.at - killed for one in again.values()]
        for execution_id in runs:
            engine.cancel(WORKSPACE, execution_id)
        crew.hire()
    return p95(
        TAKEN_OVER,
        times,
        kills=kills,
        p50_ms=round(statistics.median(times) * 1000),
        runs=len(times),
    )


@dataclass(slots=True)
class Crew:
    """The worker processes."""

    url: str
    folder: Path
    working: dict[int, subprocess.Popen[str]]
    killed: list[int]

    def hire(self) -> None:
        """One more; it is ready when this returns."""
        process = subprocess.Popen(  # noqa: S603 - our own module
            [
                sys.executable,
                "-m",
                "benchmarks.durable.worker",
                self.url,
                str(self.folder),
                str(ROOM),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.working[process.pid] = process
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"

    def kill(self, pid: int) -> float:
        """SIGKILL; the moment it was sent."""
        process = self.working.pop(pid)
        at = time.monotonic()
        process.kill()
        process.communicate()
        self.killed.append(pid)
        return at


@contextmanager
def _crew(url: str, folder: Path) -> Generator[Crew]:
    crew = Crew(url, folder, {}, [])
    try:
        for _ in range(WORKERS):
            crew.hire()
        yield crew
    finally:
        for process in crew.working.values():
            process.terminate()
        for process in crew.working.values():
            process.communicate(timeout=_PATIENCE)


def _define(engine: Engine) -> None:
    engine.put_workflow(WORKSPACE, workflow(tool("hold", "hold", timeout=3600)), workflow_id=HELD)
