"""Runs of workflows: started, waited for, run again, ended, and looked at."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from .definition.workflow import Workflow
from .dispatch import Dispatcher, WorkState
from .errors import InvalidParameters
from .execution import (
    EndedRun,
    Execution,
    ExecutionStatus,
    FailedRun,
    Progress,
    ResumeMode,
    StepApproval,
    StepExecution,
)
from .observe import progress
from .observe.progress import Heard
from .ports import EngineSettings
from .run.context import workspace_folder
from .run.estimates import Estimates
from .run.inputs import complete_inputs
from .run.interpreter import Interpreter
from .run.resume import ResumePlan
from .storage.approvals import ApprovalStore, Verdict
from .storage.definitions import DefinitionStore
from .storage.executions import ExecutionStore
from .storage.new_runs import NewRun
from .storage.rounds import RoundStore

LOWEST_PRIORITY = 9


@dataclass(frozen=True, slots=True)
class Runs:
    """What the queue, the interpreter and the store do together. `stored` only reads.

    Each of `progress_listeners` is told of every calculation of progress, in the caller's thread.
    """

    settings: EngineSettings
    definitions: DefinitionStore
    stored: ExecutionStore
    rounds: RoundStore
    dispatcher: Dispatcher
    interpreter: Interpreter
    questions: ApprovalStore
    estimates: Estimates
    progress_listeners: list[Heard] = field(default_factory=list[Heard])

    def submit(
        self,
        workspace_id: str,
        workflow_id: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        trigger: str = "manual",
        test_mode: bool = False,
        timeout_seconds: float | None = None,
        request_key: str | None = None,
        priority: int | None = None,
    ) -> Execution:
        """Queues a run of the newest version; once per *request_key*.

        priority: from 0, first, to 9, among the runs of the same workspace; without one a run by
        the clock comes after others. Raises `NotFound`, `WorkflowPaused`, `RequestKeyReused`,
        `InvalidParameters` for a missing or an unknown input, an id that can't name a folder or
        another priority, or `BudgetExceeded` if the workflow enforces its estimate and the run is
        sure to break a limit.
        """
        if request_key is not None:
            # Before anything is checked: the workflow may have changed since the first time.
            known = self.rounds.started(workspace_id, workflow_id, request_key)
            if known is not None:
                return known
        if priority is not None and not 0 <= priority <= LOWEST_PRIORITY:
            raise InvalidParameters(
                f"A priority is a number from 0 to {LOWEST_PRIORITY}.", parameter="priority"
            )
        stored = self.definitions.workflow(workspace_id, workflow_id)
        workspace_folder(self.settings.files, workspace_id)
        run = NewRun(
            workflow_id=workflow_id,
            inputs=complete_inputs(stored.workflow, inputs or {}),
            user_id=user_id,
            session_id=session_id,
            trigger=trigger,
            test_mode=test_mode,
            timeout_seconds=timeout_seconds,
            request_key=request_key,
            estimate=self._estimate(workspace_id, workflow_id, stored.workflow),
        )
        self.dispatcher.prepare()
        execution = self.rounds.submit(
            workspace_id,
            run,
            version=stored.version,
            workflow=stored.workflow,
            enqueue=partial(self.dispatcher.enqueue, priority=priority),
        )
        self.dispatcher.committed()
        return execution

    def _estimate(self, workspace_id: str, workflow_id: str, workflow: Workflow) -> dict[str, Any]:
        found = self.estimates.of(workspace_id, workflow_id, workflow)
        refusal = found.refusal() if workflow.estimate == "enforce" else None
        if refusal is not None:
            raise refusal
        return found.model_dump(mode="json")

    def wait(self, workspace_id: str, execution_id: str, timeout: float) -> Execution:
        """The run when it has ended or waits for a person, or as it is after *timeout* seconds.

        Raises `NotFound`.
        """
        deadline = time.monotonic() + timeout
        endings = self.interpreter.next_ending(-1, 0)
        while True:
            found = self.stored.execution(workspace_id, execution_id)
            left = deadline - time.monotonic()
            if found.status.is_terminal or found.status is ExecutionStatus.PAUSED or left <= 0:
                return found
            # Another process may have it, so the store is asked again without being told.
            endings = self.interpreter.next_ending(endings, min(left, 0.1))

    def progress(self, workspace_id: str, execution_id: str) -> Progress:
        """How far the run is, as of now. Raises `NotFound`."""
        return progress.progress(
            self.stored, workspace_id, execution_id, listeners=self.progress_listeners
        )

    def resume(
        self,
        workspace_id: str,
        execution_id: str,
        *,
        mode: ResumeMode = "full",
        version: int | None = None,
        repeat_effects: bool = False,
        request_key: str | None = None,
    ) -> Execution:
        """Queues the next round, once per *request_key*, also of a workflow that is paused.

        With *repeat_effects* steps are done again that did something that can't be repeated. Raises
        `NotFound`, `AlreadyRunning`, `NotResumable`, `EffectWouldRepeat` or `RequestKeyReused`.
        """
        self.dispatcher.prepare()
        execution = self.rounds.resume(
            workspace_id,
            execution_id,
            mode=mode,
            version=version,
            plan=ResumePlan(mode, self.definitions, self.is_live, repeat_effects),
            enqueue=self.dispatcher.enqueue,
            request_key=request_key,
        )
        self.dispatcher.committed()
        return execution

    def waiting(self, workspace_id: str) -> tuple[StepApproval, ...]:
        """The approvals that wait for a person, the oldest first."""
        return self.questions.waiting(workspace_id)

    def decide(
        self, workspace_id: str, execution_id: str, path: str, verdict: Verdict
    ) -> Execution:
        """Decides the approval at *path*; the run goes on. Once per request key.

        Raises `NotFound`, `ApprovalNotAllowed`, `ApprovalClosed` or `RequestKeyReused`.
        """
        self.dispatcher.prepare()
        execution = self.questions.decide(
            workspace_id, execution_id, path, verdict, enqueue=self.dispatcher.enqueue
        )
        self.dispatcher.committed()
        return execution

    def cancel(self, workspace_id: str, execution_id: str) -> Execution:
        """Ends a run; one that has ended stays as it is. A step under way stops within a second."""
        execution, dispatch = self.rounds.cancel(workspace_id, execution_id)
        self.interpreter.interrupt(execution_id)
        if execution.status is ExecutionStatus.CANCELLED:
            self.dispatcher.cancel(execution_id, dispatch)
        return execution

    def is_live(self, execution_id: str, dispatch: int) -> bool:
        """Whether a dispatch of a run is being worked on, or waits to be."""
        key = (execution_id, dispatch)
        return self.dispatcher.states([key])[key] is WorkState.LIVE


class RunViews:
    """Looking at the runs of every workspace; each method is one transaction."""

    runs: Runs

    def execution(self, workspace_id: str, execution_id: str) -> Execution:
        """The run, with its output once it has succeeded. Raises `NotFound`."""
        return self.runs.stored.execution(workspace_id, execution_id)

    def executions(
        self,
        workspace_id: str,
        *,
        workflow_id: str | None = None,
        status: ExecutionStatus | None = None,
        limit: int = 50,
    ) -> tuple[Execution, ...]:
        """The newest first, without outputs."""
        page = self.runs.stored.page(
            workspace_id, workflow_id=workflow_id, status=status, limit=limit
        )
        return page.executions

    def steps(
        self, workspace_id: str, execution_id: str, *, outputs: bool = True
    ) -> tuple[StepExecution, ...]:
        """Every step in order, as it stands in the current round; its output if *outputs*.

        Those without a result are pending while the run goes on, and skipped once it has ended.
        """
        return self.runs.stored.steps(workspace_id, execution_id, outputs=outputs)

    def history(self, workspace_id: str, execution_id: str) -> tuple[StepExecution, ...]:
        """Every step of every round as it was recorded."""
        return self.runs.stored.history(workspace_id, execution_id)

    def progress(self, workspace_id: str, execution_id: str) -> Progress:
        """How far the run is, as of now."""
        return self.runs.progress(workspace_id, execution_id)

    def ended_runs(
        self, workspace_id: str, *, after: int = 0, limit: int = 100
    ) -> tuple[EndedRun, ...]:
        """Runs that ended after cursor *after*, in the order they ended."""
        return self.runs.stored.ended_runs(workspace_id, after=after, limit=limit)

    def failed_runs(
        self, workspace_id: str | None, *, after: int = 0, limit: int = 100
    ) -> tuple[FailedRun, ...]:
        """Runs that failed after cursor *after*; of every workspace when it is None."""
        return self.runs.stored.failed_runs(workspace_id, after=after, limit=limit)

    def failed_run(self, workspace_id: str, execution_id: str) -> FailedRun | None:
        """One failed run with everything about it; None if it has not failed. Raises `NotFound`."""
        return self.runs.stored.failed_run(workspace_id, execution_id)

    def runs_started_since(self, workspace_id: str, workflow_id: str, moment: datetime) -> int:
        """How many runs of a workflow have been started since."""
        return self.runs.stored.started_since(workspace_id, workflow_id, moment)
