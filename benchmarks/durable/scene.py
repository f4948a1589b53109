"""The engine as it is measured: workflows of steps that do nothing, carried out when told."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict
from sqlalchemy import event

from engine.actions import ActionContext
from engine.definition.steps import LoopStep, Step
from engine.definition.workflow import Workflow
from engine.dispatch.inline import InlineDispatcher
from engine.engine import Engine
from engine.execution import ExecutionStatus
from engine.testing import actions, settings, tool, workflow

PAYLOAD = {"text": "x" * 100}
WORKSPACE = "bench"
STEPS = 1000
RUNS, STEPS_EACH = 100, 10


class NoParameters(BaseModel):
    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Nothing:
    """An action that gives the payload and does nothing for it."""

    repeatable: bool = True
    Parameters: type[BaseModel] = NoParameters

    async def run(self, parameters: Any, context: ActionContext) -> dict[str, str]:
        return PAYLOAD


def row(steps: int, action: str = "noop", *, prefix: str = "s") -> list[Step]:
    """That many steps, one after the other."""
    return [tool(f"{prefix}{number}", action) for number in range(steps)]


def loop(step_id: str, steps: int) -> LoopStep:
    """A step that does *steps*, ten in each iteration."""
    turns = steps // STEPS_EACH
    return LoopStep.model_validate(
        {
            "id": step_id,
            "for_each": list(range(turns)),
            "max_iterations": turns,
            "output": "last",
            "steps": row(STEPS_EACH, prefix="again"),
        }
    )


ACTIONS = actions(noop=Nothing(), effect=Nothing(repeatable=False))


class Scene:
    """An engine on one database, without a queue; `commits` counts those of what it has timed."""

    def __init__(self, engine: Engine, queue: InlineDispatcher) -> None:
        self.engine = engine
        self._queue = queue
        self._defined: set[str] = set()
        self._made = 0
        self.commits = 0
        event.listen(engine.database, "commit", self._count)

    def sequence(self, steps: int = STEPS, action: str = "noop") -> float:
        """Seconds that one run of *steps* takes."""
        return self._seconds(self.defined(steps, action), 1)

    def rounds(self, steps: int) -> float:
        """Seconds that one run takes that does *steps*, ten in each iteration of a loop."""
        name = f"loop-{steps}"
        self._define(name, lambda: workflow(loop("all", steps)))
        return self._seconds(name, 1)

    def crowd(self, runs: int = RUNS, steps: int = STEPS_EACH) -> float:
        """Seconds that *runs* at once take."""
        return self._seconds(self.defined(steps), runs)

    def defined(self, steps: int, action: str = "noop") -> str:
        """The id of a workflow of *steps*."""
        name = f"{action}-{steps}"
        self._define(name, lambda: workflow(*row(steps, action)))
        return name

    def _define(self, name: str, definition: Callable[[], Workflow]) -> None:
        if name not in self._defined:
            self.engine.put_workflow(WORKSPACE, definition(), workflow_id=name)
            self._defined.add(name)

    def _seconds(self, name: str, runs: int) -> float:
        ids = [self.engine.submit(WORKSPACE, name).id for _ in range(runs)]
        before, started = self._made, time.perf_counter()
        self._queue.run()
        elapsed = time.perf_counter() - started
        self.commits += self._made - before
        for execution_id in ids:
            ended = self.engine.wait(WORKSPACE, execution_id, 120)
            assert ended.status is ExecutionStatus.SUCCEEDED, ended.error
        return elapsed

    def _count(self, _connection: sa.Connection) -> None:
        self._made += 1


@contextmanager
def opened(folder: Path, *, url: str | None = None) -> Generator[Scene]:
    """On a SQLite file in *folder*, or on the database at *url*."""
    chosen = {} if url is None else {"url": url}
    queue = InlineDispatcher(hold=True)
    options = settings(folder, reconcile_seconds=3600.0, **chosen)
    with Engine(options, actions=ACTIONS, dispatcher=queue) as engine:
        yield Scene(engine, queue)
