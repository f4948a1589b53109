"""Going through the steps of a run, those inside others too; what has an output is passed by."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..definition.steps import (
    AgentStep,
    ApprovalStep,
    BranchStep,
    LoopStep,
    ParallelStep,
    Step,
    ToolStep,
    WorkStep,
)
from ..errors import Conflict, InvalidDefinition, StepError, StepStopped
from ..execution import ErrorInfo, FallbackUse, StepStatus
from ..storage import codec
from ..storage.interrupted import INTERRUPTED_EFFECT
from .context import Run
from .entries import Ended, Entries, Entry
from .outcome import Outcome
from .retry import Engaged
from .steps import approval, branch, loop, parallel
from .steps.working import WorkingSteps

Scope: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Walk:
    """One interpreter's way through one run."""

    run: Run
    entries: Entries
    working: WorkingSteps

    async def steps(self, steps: tuple[Step, ...], scope: Scope, prefix: str) -> Outcome:
        """*steps* one after the other, adding to *scope*; the output is the last one's.

        Stops at the first that fails or waits for a person.
        """
        outcome = Outcome()
        for step in steps:
            path = f"{prefix}/{step.id}"
            if not prefix:
                self.run.at = step.id
            outcome = await self.step(step, scope, path)
            if not outcome.is_done:
                return outcome
            scope[step.id] = outcome.output
        return outcome

    async def step(self, step: Step, scope: Scope, path: str) -> Outcome:
        """One step, unless it has ended already."""
        if path in self.run.done:
            return Outcome(self.run.done[path])
        known = self.run.unfinished.get(path)
        if known is not None and known.status is StepStatus.FAILED:
            return Outcome(error=known.error)  # stored, and then the process died
        match step:
            case ToolStep() | AgentStep():
                if known is not None:
                    return await self._refuse_to_repeat(step, path)
                return await self._work(step, scope, path)
            case BranchStep():
                return await self._held(
                    step, path, lambda: branch.carry_out(step, scope, path, self)
                )
            case ParallelStep():
                return await self._held(
                    step, path, lambda: parallel.carry_out(step, scope, path, self)
                )
            case LoopStep():
                return await self._held(step, path, lambda: loop.carry_out(step, scope, path, self))
            case ApprovalStep():
                return await approval.carry_out(step, scope, path, self)

    async def _work(self, step: WorkStep, scope: Scope, path: str) -> Outcome:
        """From its first attempt to its commit."""
        run = self.run
        entry = self.entries.open(run, step, path)
        try:
            done = await self.working.carry_out(
                step, run, path=path, scope=scope, intend=entry.intend, events=run.events
            )
            await entry.end(
                Ended(
                    output=done.output,
                    text=done.text,
                    error=done.error,
                    attempts=done.attempts,
                    feedback=done.feedback,
                    usage=done.usage,
                    fallback=_fallback(done.fallback),
                )
            )
        except asyncio.CancelledError:
            if (by := run.stopper(path)) is not None:
                await self._stop(step, path, by)
            raise
        return self._result(path, done.output, done.error)

    async def _stop(self, step: Step, path: str, by: str) -> None:
        """Another branch has failed, and this one is to stop: what it was at is recorded so."""
        words = f"Step {step.title!r} was stopped because the branch {by!r} beside it had failed."
        await self.entries.interrupt(self.run, path, StepStopped(words, branch=by))

    async def _held(
        self, step: Step, path: str, carry_out: Callable[[], Awaitable[Outcome]]
    ) -> Outcome:
        """A step that holds others: its own row is written when they have ended."""
        entry = self.entries.open(self.run, step, path)
        try:
            outcome = await carry_out()
        except (StepError, InvalidDefinition) as error:
            outcome = Outcome(error=self.entries.describe(error))
        if outcome.is_paused:
            self.run.under_way.pop(path, None)
            return outcome
        return await self.end_held(entry, outcome)

    async def end_held(self, entry: Entry, outcome: Outcome) -> Outcome:
        """The row of a step that holds others. Its outputs have been encoded before, each."""
        error = outcome.error
        if error is not None and outcome.failed_path is not None:
            details = {"failed_path": outcome.failed_path} | error.details
            error = error.model_copy(update={"details": details})
        text = None
        if error is None:
            text = codec.dumps(outcome.output, place=f"output of {entry.path}")
        await entry.end(Ended(output=outcome.output, text=text, error=error))
        return Outcome(outcome.output, error, failed_path=outcome.failed_path or entry.path)

    def _result(self, path: str, output: Any, error: ErrorInfo | None) -> Outcome:
        if error is not None:
            return Outcome(error=error, failed_path=path)
        return Outcome(output)

    async def _refuse_to_repeat(self, step: Step, path: str) -> Outcome:
        """The process died between the intent of a step and its end: its effect may have happened."""
        error = self.entries.describe(
            Conflict(
                f"Step {step.title!r} was interrupted, and its effect may have happened already. "
                "It was not done a second time. Look whether it was done, then resume with "
                "repeat_effects.",
                kind=INTERRUPTED_EFFECT,
                name=step.id,
            )
        )
        entry = self.entries.open(self.run, step, path, settles=True)
        entry.mark_effect()
        await entry.end(Ended(error=error))
        return Outcome(error=error, failed_path=path)


def _fallback(engaged: Engaged | None) -> FallbackUse | None:
    if engaged is None:
        return None
    return FallbackUse(
        title=engaged.title,
        attempts=engaged.attempts,
        succeeded=engaged.succeeded,
        error=engaged.error,
    )
