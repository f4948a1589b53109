"""Single steps, carried out as a run would, without a store."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ..definition.steps import WorkStep
from ..definition.workflow import Workflow
from ..ports import Limits
from ..run.budget import Governor
from ..run.context import Outside, Run
from ..run.reach import Reach
from ..run.spending import Spending
from ..run.steps.working import Done, WorkingSteps
from ..storage.journal import Begun, Ticket
from ..storage.records import Totals
from ..storage.spending import Spent
from ..workspace import Resources
from .builders import WORKSPACE, actions, tool, workflow
from .fakes import FrozenClock, HeardEvents


@dataclass(slots=True)
class StepBench:
    """Carries out single steps as a run would, without a store.

    `intents` counts how often a step said that it is about to do what can't be repeated.
    """

    outside: Outside
    run: Run
    reach: Reach = field(default_factory=Reach)
    events: HeardEvents = field(default_factory=HeardEvents)
    intents: int = 0

    async def carry_out(self, step: WorkStep, *, path: str | None = None, **scope: Any) -> Done:
        """How *step* went; *scope* is what its expressions see."""
        return await WorkingSteps(self.outside, self.reach).carry_out(
            step,
            self.run,
            path=path or f"/{step.id}",
            scope=scope,
            intend=self._intend,
            events=self.events,
        )

    def do(self, step: WorkStep, **scope: Any) -> Done:
        """The same for tests that wait for nothing else."""
        return asyncio.run(self.carry_out(step, **scope))

    async def _intend(self) -> None:
        """Counts; where steps are stored, only the first one writes."""
        self.intents += 1


def step_bench(
    folder: Path,
    *,
    flow: Workflow | None = None,
    limits: Limits | None = None,
    resources: Resources | None = None,
    reach: Reach | None = None,
    spent_today: Spent | None = None,
    timeout_seconds: float | None = None,
    **outside: Any,
) -> StepBench:
    """A run of *flow* that has just begun, at the frozen clock's time unless another is given."""
    outside = {"files": folder, "actions": actions(), "clock": FrozenClock()} | outside
    chosen = flow or workflow(tool("a"))
    now = outside["clock"].now

    async def spent_since(_moment: datetime) -> Spent:
        return spent_today or Spent()

    begun = Begun(
        ticket=Ticket("run-1", 1, 1, "token"),
        workspace_id=WORKSPACE,
        workflow_id="w",
        inputs={},
        timeout_seconds=timeout_seconds,
        round_started_at=now(),
        steps=(),
        spent=Totals(),
    )
    governor = Governor(chosen.budget, limits or Limits(), Spending(), now, spent_since)
    run = Run(begun, chosen, resources or Resources(), {"inputs": {}}, governor, folder / WORKSPACE)
    return StepBench(Outside(**outside), run, reach or Reach())
