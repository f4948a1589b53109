"""Other engines with a store of their own, each in a process of its own, in turns with ours."""

import json
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .figures import Figure, Goal, median_ms, missing, of_pairs
from .scene import STEPS, Scene, opened

ROOT = Path(__file__).resolve().parents[2]
#: Where `make bench` installs them: their requirements don't go with ours.
PYTHON = ROOT / ".venv-bench/bin/python"
_SCRIPTS = ROOT / "benchmarks/rivals"
_LAST_WORDS = 200


@dataclass(frozen=True, slots=True)
class Rival:
    """One of them; slow ones are measured *less* often."""

    goal: Goal
    script: str
    less: int = 1


RIVALS = (
    Rival(
        Goal(
            key="langgraph",
            what="LangGraph, SQLite checkpointer, sync, to the engine",
            aim=3,
            at_least=True,
        ),
        "langgraph_steps.py",
    ),
    Rival(
        Goal(key="dbos", what="DBOS steps, SQLite WAL FULL, to the engine", aim=3, at_least=True),
        "dbos_steps.py",
    ),
    Rival(
        Goal(key="flujo", what="flujo, its SQLite backend, to the engine", aim=50, at_least=True),
        "flujo_steps.py",
        less=2,
    ),
)


class NotThere(Exception):
    """A rival can't be measured; the words say why."""


@dataclass(slots=True)
class Contest:
    """A rival that is ready."""

    process: subprocess.Popen[str]
    said: Path
    version: str = ""

    def seconds(self) -> float:
        """How long one run takes it."""
        return float(self.ask("go")["seconds"])

    def ask(self, words: str = "") -> dict[str, str]:
        """The next line it says, after *words* if there are any."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if words:
            print(words, file=self.process.stdin, flush=True)
        if line := self.process.stdout.readline():
            return json.loads(line)
        last = self.said.read_text().strip().rpartition("\n")[2]
        raise NotThere(last[-_LAST_WORDS:] or "it ended without a word")


def against_rivals(folder: Path, python: Path, repeat: int) -> Generator[Figure]:
    """How many times as long a step takes each of them."""
    with opened(folder) as scene:
        scene.sequence()
        for rival in RIVALS:
            try:
                yield _contest(rival, scene, folder, python=python, repeat=repeat)
            except NotThere as error:
                yield missing(rival.goal, str(error))


def _contest(rival: Rival, scene: Scene, folder: Path, *, python: Path, repeat: int) -> Figure:
    with _started(rival, folder, python) as contest:
        pairs = [(contest.seconds(), scene.sequence()) for _ in range(max(1, repeat // rival.less))]
    return of_pairs(
        rival.goal,
        pairs,
        rival_ms=median_ms([theirs for theirs, _ in pairs], STEPS),
        engine_ms=median_ms([ours for _, ours in pairs], STEPS),
        version=contest.version,
    )


@contextmanager
def _started(rival: Rival, folder: Path, python: Path) -> Generator[Contest]:
    if not python.exists():
        raise NotThere("not installed; `make bench` does")
    own = folder / rival.goal.key
    own.mkdir()
    said = own / "stderr"
    with said.open("w") as errors:
        process = subprocess.Popen(  # noqa: S603 - our own script
            [python, _SCRIPTS / rival.script, own, str(STEPS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        contest = Contest(process, said)
        try:
            contest.version = contest.ask()["version"]
            yield contest
        finally:
            process.kill()
            process.communicate()
