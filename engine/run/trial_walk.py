"""Going to one step of a run and no further, where nothing outside can hear of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, cast

from ..actions import effect_of
from ..definition.steps import (
    AgentStep,
    ApprovalStep,
    ParallelStep,
    RetryPolicy,
    Step,
    WorkStep,
)
from ..errors import InvalidParameters
from ..ports import EventSink
from ..storage.writer import Writer
from .context import Outside, Run
from .entries import Entries
from .outcome import Outcome
from .places import is_within
from .retry import Intend
from .steps.fallback import fallback_step
from .steps.working import Done, WorkingSteps
from .walk import Scope, Walk

_ONCE = RetryPolicy(max_retries=0)


class NotTried(Exception):
    """Going on would do what a trial may not do."""


class Reached(Exception):
    """The step that was asked for has ended."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(outcome)


def entries_nobody_keeps(outside: Outside) -> Entries:
    """Rows of steps that are made and thrown away."""
    return Entries(cast("Writer", _NoWriter()), outside.clock, outside.masker)


class _NoWriter:
    async def write(self, work: Any) -> None:
        return

    async def write_item(self, batch: Any, item: Any) -> None:
        return


@dataclass(frozen=True)
class HarmlessSteps(WorkingSteps):
    """Carries out, once each, the steps that only read and compute."""

    async def carry_out(
        self,
        step: WorkStep,
        run: Run,
        *,
        path: str,
        scope: Mapping[str, Any],
        intend: Intend,
        events: EventSink | None = None,
    ) -> Done:
        """Raises `NotTried` for any other."""
        self._require_harmless(step)
        alone = step.model_copy(update={"retry": _ONCE, "fallback": None})
        done = await WorkingSteps.carry_out(
            self, alone, run, path=path, scope=scope, intend=intend, events=events
        )
        if done.error is None or step.fallback is None:
            return done
        self._require_harmless(_instead(step))
        whole = step.model_copy(update={"retry": _ONCE})
        return await WorkingSteps.carry_out(
            self, whole, run, path=path, scope=scope, intend=intend, events=events
        )

    def _require_harmless(self, step: WorkStep) -> None:
        if isinstance(step, AgentStep):
            raise NotTried(f"step {step.title!r} asks a model.")
        if step.plugins:
            raise NotTried(f"step {step.title!r} has a plugin look at its output.")
        action = self.outside.actions.get(step.action)
        if action is None or effect_of(action) == "acts":
            raise NotTried(f"step {step.title!r} acts outside ({step.action}).")
        if step.repeatable is False:
            raise NotTried(f"step {step.title!r} is not to be repeated, as it says itself.")


def _instead(step: WorkStep) -> WorkStep:
    try:
        return fallback_step(step)
    except InvalidParameters as error:
        raise NotTried(f"the fallback of step {step.title!r} can't be read.") from error


@dataclass(frozen=True)
class WalkTo(Walk):
    """Goes to the step at `target` and raises `Reached`; through nothing that is not on the way."""

    target: str = ""

    async def step(self, step: Step, scope: Scope, path: str) -> Outcome:
        if path in self.run.done:
            return Outcome(self.run.done[path])
        match step:
            case ApprovalStep():
                raise NotTried(f"step {step.title!r} asks a person.")
            case ParallelStep() if path != self.target and is_within(self.target, path):
                return await self._only_lane(step, scope, path)
            case _:
                outcome = await Walk.step(self, step, scope, path)
        if path == self.target:
            raise Reached(outcome)
        return outcome

    async def _only_lane(self, step: ParallelStep, scope: Scope, path: str) -> NoReturn:
        """The branches beside it see nothing of each other, and so need not be gone through."""
        lane = next(one for one in step.branches if is_within(self.target, f"{path}/{one.id}"))
        outcome = await self.steps(lane.steps, dict(scope), f"{path}/{lane.id}")
        raise Reached(outcome)
