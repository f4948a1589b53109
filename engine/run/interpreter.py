"""Carries out one round of one run: step after step, skipping what has an output already."""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import TypeAlias
from uuid import uuid4

import sqlalchemy as sa

from ..definition.workflow import Workflow
from ..errors import RunTimeout
from ..execution import ErrorInfo, ExecutionStatus, StepApproval, StepStatus
from ..ports import EventSink, Limits
from ..storage import journal, pauses
from ..storage.definitions import DefinitionStore
from ..storage.journal import Begun, Fenced
from ..storage.parked import QUOTA
from ..storage.spending import SpendingStore, Spent
from ..storage.writer import Writer
from .budget import Governor
from .context import NobodyListens, NoLimits, Outside, Run, UnderWay, workspace_folder
from .entries import Entries
from .parking import park_stopped
from .reach import Reach
from .restored import outputs_by_path
from .spending import Spending
from .steps.working import WorkingSteps
from .walk import Walk

Listening: TypeAlias = Callable[[Begun], EventSink]


def _nobody(_begun: Begun) -> EventSink:
    return NobodyListens()


class Interpreter:
    """Any number of runs at once, on one event loop or several."""

    def __init__(
        self,
        definitions: DefinitionStore,
        spending: SpendingStore,
        writer: Writer,
        outside: Outside,
        *,
        reach: Reach | None = None,
        listening: Listening | None = None,
    ) -> None:
        self._definitions = definitions
        self._spending = spending
        self._writer = writer
        self._outside = outside
        self._reach = reach or Reach()
        self._listening = listening or _nobody
        self._entries = Entries(writer, outside.clock, outside.masker)
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
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task})  # it may have something to tell
            raise
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
        run.events = self._listening(run.begun)
        try:
            return await self._carry_on(run, dispatch)
        except Fenced:
            await self._entries.leave(run)
            return "superseded"
        except asyncio.CancelledError:
            await self._entries.leave(run)
            raise
        finally:
            run.events.note("execution_left", "")

    async def _carry_on(self, run: Run, dispatch: int) -> str:
        if not isinstance(self._outside.limits, NoLimits):
            await asyncio.to_thread(self._ask_limits, run)
        if run.begun.steps:
            run.done = await asyncio.to_thread(outputs_by_path, run.begun.steps)
        run.events.note("execution_started", "", round=run.ticket.round, dispatch=dispatch)
        return await self._within_limit(run)

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
            unfinished={
                step.path: step for step in begun.steps if step.status is not StepStatus.SUCCEEDED
            },
            approvals=begun.approvals,
            governor=self._governor(stored.workflow, begun, Limits()),
        )

    def _governor(self, workflow: Workflow, begun: Begun, limits: Limits) -> Governor:
        return Governor(
            workflow=workflow.budget,
            workspace=limits,
            spending=Spending(
                begun.spent.tokens,
                begun.spent.known_cost_usd,
                put_aside_tokens=begun.put_aside.tokens,
                put_aside_cost_usd=begun.put_aside.known_cost_usd,
            ),
            now=self._outside.clock.now,
            spent_since=partial(self._spent_since, begun.workspace_id),
        )

    async def _spent_since(self, workspace_id: str, moment: datetime) -> Spent:
        return await asyncio.to_thread(self._spending.since, workspace_id, moment)

    def _ask_limits(self, run: Run) -> None:
        """As they are now; a change during the round counts from the next one on."""
        limits = self._outside.limits.limits(run.begun.workspace_id)
        run.governor = self._governor(run.workflow, run.begun, limits)

    async def _within_limit(self, run: Run) -> str:
        limit = run.begun.timeout_seconds
        if limit is None:
            return await self._go(run)
        spent = (self._outside.clock.now() - run.begun.round_started_at).total_seconds()
        deadline = asyncio.timeout(max(0.0, limit - max(0.0, spent)))  # the clock may be put back
        try:
            async with deadline:
                return await self._go(run)
        except TimeoutError:
            if not deadline.expired():
                raise
        return await self._time_out(run, limit)

    async def _go(self, run: Run) -> str:
        """Until the run ends or waits for a person; it goes on if one has decided meanwhile."""
        walk = Walk(run, self._entries, WorkingSteps(self._outside, self._reach))
        while True:
            outcome = await walk.steps(run.workflow.steps, run.scope, "")
            if not outcome.is_paused:
                return await self._finish(run, outcome.error)
            decided = await self._pause(run)
            if decided is None:
                return ExecutionStatus.PAUSED.value
            run.approvals = decided
            await self._refresh(run)

    async def _pause(self, run: Run) -> Mapping[str, StepApproval] | None:
        """The approvals as they are now, if somebody has decided meanwhile; else the run waits."""
        ticket, now = run.ticket, self._outside.clock.now()
        known, at = run.approvals, run.at or None
        decided = await self._writer.write(
            lambda c: pauses.pause(c, ticket, now=now, current_step=at, known=known)
        )
        if decided is None:
            run.events.note("execution_paused", f"/{run.at}", reason="approval")
        return decided

    async def _refresh(self, run: Run) -> None:
        """What has ended since this interpreter began is passed by the next time."""
        execution_id = run.ticket.execution_id
        steps = await self._writer.write(
            lambda c: journal.live_steps(c, execution_id, outputs=True)
        )
        run.done = await asyncio.to_thread(outputs_by_path, steps)
        run.unfinished = {
            step.path: step for step in steps if step.status is not StepStatus.SUCCEEDED
        }

    async def _finish(self, run: Run, error: ErrorInfo | None) -> str:
        if error is None:
            run.at = ""
        status = ExecutionStatus.SUCCEEDED if error is None else ExecutionStatus.FAILED
        return (await self._end(run, status, error)).value

    async def _time_out(self, run: Run, limit: float) -> str:
        """The steps it was at are recorded as failed, unless their end was on its way to the disk."""
        found = next((step for step in run.workflow.steps if step.id == run.at), None)
        step = found or run.workflow.steps[-1]
        error = RunTimeout(limit, step.title)
        if found is None or not run.under_way:
            run.under_way.setdefault(f"/{step.id}", UnderWay(step, self._outside.clock.now()))
        for path in sorted(run.under_way, key=lambda path: -path.count("/")):
            await self._entries.interrupt(run, path, error)
        info = self._entries.describe(error)
        await self._end(run, ExecutionStatus.TIMED_OUT, info)
        return ExecutionStatus.TIMED_OUT.value

    async def _end(
        self, run: Run, status: ExecutionStatus, error: ErrorInfo | None
    ) -> ExecutionStatus:
        """How the run stands then: one that a quota has stopped may be parked."""
        now, at = self._outside.clock.now(), run.at or None

        def end(connection: sa.Connection) -> datetime | None:
            stopped = error if status is ExecutionStatus.FAILED else None
            wake_at = park_stopped(
                connection,
                run.ticket,
                error=stopped,
                on_quota=run.workflow.on_quota,
                now=now,
                current_step=at,
            )
            if wake_at is None:
                journal.end(
                    connection,
                    run.ticket,
                    status=status,
                    now=now,
                    error=error,
                    current_step=at,
                    workflow=run.workflow,
                )
            return wake_at

        wake_at = await self._writer.write(end)
        facts = {} if error is None else {"error": error.message, "code": error.code}
        if wake_at is None:
            run.events.note("execution_ended", "", status=status.value, **facts)
            return status
        facts |= {"reason": QUOTA, "auto_resume_at": wake_at.isoformat()}
        run.events.note("execution_paused", f"/{run.at}", **facts)
        return ExecutionStatus.PAUSED
