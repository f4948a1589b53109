"""Carries out one round of one run: step after step, skipping what has an output already."""

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from time import perf_counter
from typing import Any, cast
from uuid import uuid4

import sqlalchemy as sa

from ..definition.steps import AgentStep, Step, ToolStep
from ..errors import Conflict, EngineError, RunTimeout, UnserializableValue
from ..execution import ErrorInfo, ExecutionStatus, StepStatus
from ..ports import Limits
from ..storage import codec, journal
from ..storage.definitions import DefinitionStore
from ..storage.journal import Begun, Fenced, LiveStep
from ..storage.records import StepRecord
from ..storage.spending import SpendingStore
from ..storage.writer import Writer
from .budget import Governor
from .context import NoLimits, Outside, Run, workspace_folder
from .foreign import describe
from .retry import Attempts, Prepared, Result
from .spending import Spending, Usage
from .steps import agent, tool

_log = logging.getLogger(__name__)


class Interpreter:
    """Any number of runs at once, on one event loop or several."""

    def __init__(
        self,
        definitions: DefinitionStore,
        spending: SpendingStore,
        writer: Writer,
        outside: Outside,
    ) -> None:
        self._definitions = definitions
        self._spending = spending
        self._writer = writer
        self._outside = outside
        self._attempts = Attempts(outside.clock, outside.masker)
        self._live: dict[str, tuple[asyncio.AbstractEventLoop, asyncio.Task[str]]] = {}
        self._stopping = False
        self._changed = threading.Condition()
        self._endings = 0

    async def carry_out(self, execution_id: str, dispatch: int) -> str:
        """Carries out the run, or what is left of it; gives the status it ended with.

        'superseded' when another dispatch has it; 'interrupted' when it was cancelled, which has
        been stored by whoever did it.
        """
        if self._stopping:
            return "interrupted"
        task = asyncio.create_task(self._take_over(execution_id, dispatch))
        self._live[execution_id] = (asyncio.get_running_loop(), task)
        try:
            await asyncio.wait({task})
        finally:
            if self._live.get(execution_id, (None, None))[1] is task:
                del self._live[execution_id]
            if not task.done():
                task.cancel()
            with self._changed:
                self._endings += 1
                self._changed.notify_all()
        return "interrupted" if task.cancelled() else task.result()

    def stop(self, timeout: float) -> None:
        """Interrupts every run in this process, for good, and waits until all have let go.

        Nothing is stored about it: the next start finds them unfinished and goes on.
        """
        self._stopping = True
        until = time.monotonic() + timeout
        for execution_id in list(self._live):
            self.interrupt(execution_id)
        with self._changed:
            self._changed.wait_for(lambda: not self._live, max(0.0, until - time.monotonic()))

    def next_ending(self, seen: int, timeout: float) -> int:
        """Waits until more than *seen* runs have ended in this process; gives how many have."""
        with self._changed:
            self._changed.wait_for(lambda: self._endings > seen, timeout)
            return self._endings

    def interrupt(self, execution_id: str) -> None:
        """Stops a run in this process at once, wherever it waits."""
        if (found := self._live.get(execution_id)) is not None:
            loop, task = found
            loop.call_soon_threadsafe(task.cancel)

    async def _take_over(self, execution_id: str, dispatch: int) -> str:
        now, token = self._outside.clock.now(), uuid4().hex

        def begin(connection: sa.Connection) -> Run | None:
            begun = journal.begin(connection, execution_id, dispatch=dispatch, token=token, now=now)
            return None if begun is None else self._load(connection, begun)

        run = await self._writer.write(begin)
        if run is None:
            return "superseded"
        if not isinstance(self._outside.limits, NoLimits):
            await asyncio.to_thread(self._ask_limits, run)
        if run.begun.steps:
            run.scope.update(await asyncio.to_thread(_outputs, run.begun.steps))
        try:
            return await self._within_limit(run)
        except Fenced:
            return "superseded"

    def _load(self, connection: sa.Connection, begun: Begun) -> Run:
        """The definition and the resources, as they are when the round begins."""
        stored = self._definitions.read_workflow(
            connection, begun.workspace_id, begun.workflow_id, begun.ticket.workflow_version
        )
        return Run(
            begun=begun,
            workflow=stored.workflow,
            resources=self._definitions.read_resources(connection, begun.workspace_id).resources,
            folder=workspace_folder(self._outside.files, begun.workspace_id),
            scope={"inputs": begun.inputs},
            governor=Governor(
                workflow=stored.workflow.budget,
                workspace=Limits(),
                spending=Spending(begun.spent.tokens, begun.spent.known_cost_usd),
                now=self._outside.clock.now,
                spent_since=partial(self._spent_since, begun.workspace_id),
            ),
        )

    async def _spent_since(self, workspace_id: str, moment: datetime) -> Decimal:
        return await asyncio.to_thread(self._spending.since, workspace_id, moment)

    def _ask_limits(self, run: Run) -> None:
        """As they are now; a change during the round counts from the next one on."""
        limits = self._outside.limits.limits(run.begun.workspace_id)
        run.governor = replace(run.governor, workspace=limits)

    async def _within_limit(self, run: Run) -> str:
        limit = run.begun.timeout_seconds
        if limit is None:
            return await self._finish(run, await self._steps(run))
        spent = (self._outside.clock.now() - run.begun.round_started_at).total_seconds()
        deadline = asyncio.timeout(max(0.0, limit - spent))
        try:
            async with deadline:
                return await self._finish(run, await self._steps(run))
        except TimeoutError:
            if not deadline.expired():
                raise
        return await self._time_out(run, limit)

    async def _steps(self, run: Run) -> ErrorInfo | None:
        """Runs what is left, in order, up to the first failure."""
        done = {step.path for step in run.begun.steps if step.status is StepStatus.SUCCEEDED}
        begun = {step.path for step in run.begun.steps if step.status is StepStatus.RUNNING}
        for number, step in enumerate(run.workflow.steps, start=1):
            path = f"/{step.id}"
            if path in done:
                continue
            run.at = step.id
            if path in begun:
                return await self._refuse_to_repeat(run, step, number, path)
            error = await self._step(run, step, number, path)
            if error is not None:
                return error
        run.at = ""
        return None

    async def _step(self, run: Run, step: Step, number: int, path: str) -> ErrorInfo | None:
        """One step, from its first attempt to its commit."""
        usage = Usage()
        started_at = self._outside.clock.now()
        started = perf_counter()
        record = partial(_record, step, number, path, started_at)
        intended = False

        async def intend() -> None:
            nonlocal intended
            intent = record(status=StepStatus.RUNNING, attempts=0)
            await self._write_step(run, intent)
            intended = True

        result = await self._attempts.run(
            step, partial(self._prepare, step, run, path, usage), intend=intend
        )
        error, output = await self._judge(run, step, result, usage, path)
        ended = record(
            status=StepStatus.SUCCEEDED if error is None else StepStatus.FAILED,
            attempts=result.attempts,
            completed_at=self._outside.clock.now(),
            execution_time_ms=round((perf_counter() - started) * 1000),
            tokens_used=usage.tokens,
            cost_usd=usage.cost_usd,
            item_count=_item_count(result.output),
            feedback=result.feedback,
            error=error,
            output=output,
        )
        await self._write_step(run, ended, settle=intended)
        if error is None:
            run.scope[step.id] = result.output
        return error

    def _prepare(self, step: Step, run: Run, path: str, usage: Usage) -> Prepared:
        match step:
            case ToolStep():
                return tool.prepare(step, run, self._outside, path)
            case AgentStep():
                return agent.prepare(step, run, self._outside, usage)

    async def _judge(
        self, run: Run, step: Step, result: Result, usage: Usage, path: str
    ) -> tuple[ErrorInfo | None, str | None]:
        """The step's error and its output as text: stored in full, counted, then checked."""
        run.governor.spending.add(usage)
        if result.error is not None:
            return result.error, None
        try:
            output = codec.dumps(result.output, place=f"output of {path}")
        except UnserializableValue as error:
            return self._describe(error), None
        if not isinstance(step, AgentStep):
            return None, output
        breach = await run.governor.breach(step, usage)
        return (None if breach is None else self._describe(breach)), output

    async def _write_step(self, run: Run, record: StepRecord, *, settle: bool = False) -> None:
        batch = journal.settle_steps if settle else journal.record_steps
        await self._writer.write_item(batch, (run.ticket, record))

    async def _refuse_to_repeat(self, run: Run, step: Step, number: int, path: str) -> ErrorInfo:
        """The process died between the intent of a step and its end: its effect may have happened."""
        now = self._outside.clock.now()
        error = self._describe(
            Conflict(
                f"Step {step.title!r} was interrupted, and its effect may have happened already. "
                "It was not done a second time. Check, then resume the run.",
                kind="interrupted_effect",
                name=step.id,
            )
        )
        record = _record(
            step,
            number,
            path,
            now,
            status=StepStatus.FAILED,
            attempts=1,
            completed_at=now,
            error=error,
        )
        await self._write_step(run, record, settle=True)
        return error

    async def _finish(self, run: Run, error: ErrorInfo | None) -> str:
        status = ExecutionStatus.SUCCEEDED if error is None else ExecutionStatus.FAILED
        await self._end(run, status, error)
        return status.value

    async def _time_out(self, run: Run, limit: float) -> str:
        """The step it was at is recorded as failed, unless its end was on its way to the disk."""
        now = self._outside.clock.now()
        found = ((n, s) for n, s in enumerate(run.workflow.steps, 1) if s.id == run.at)
        number, step = next(found, (len(run.workflow.steps), run.workflow.steps[-1]))
        error = self._describe(RunTimeout(limit, step.title))
        record = _record(
            step,
            number,
            f"/{step.id}",
            now,
            status=StepStatus.FAILED,
            attempts=1,
            completed_at=now,
            error=error,
        )
        ticket = run.ticket
        await self._writer.write(lambda c: journal.record_interrupted(c, ticket, record))
        await self._end(run, ExecutionStatus.TIMED_OUT, error)
        return ExecutionStatus.TIMED_OUT.value

    async def _end(self, run: Run, status: ExecutionStatus, error: ErrorInfo | None) -> None:
        await self._writer.write(
            partial(
                journal.end,
                ticket=run.ticket,
                status=status,
                now=self._outside.clock.now(),
                error=error,
                current_step=run.at or None,
            )
        )

    def _describe(self, error: EngineError) -> ErrorInfo:
        return describe(error, self._outside.masker, trace=False)


def _record(step: Step, number: int, path: str, started_at: Any, **facts: Any) -> StepRecord:
    return StepRecord(
        path=path,
        step_id=step.id,
        number=number,
        name=step.title,
        action=step.action,
        started_at=started_at,
        **facts,
    )


def _outputs(steps: Sequence[LiveStep]) -> dict[str, Any]:
    return {
        step.step_id: None if step.output is None else codec.loads(step.output)
        for step in steps
        if step.status is StepStatus.SUCCEEDED
    }


def _item_count(output: Any) -> int | None:
    return len(cast("Sequence[Any]", output)) if isinstance(output, list | tuple) else None
