"""Runs of workflows: started, waited for, run again, ended, and looked at."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .definition.workflow import Workflow
from .dispatch import Dispatcher, WorkState
from .execution import Execution, ExecutionStatus, Progress, ResumeMode
from .observe import progress
from .ports import EngineSettings
from .run.context import workspace_folder
from .run.inputs import complete_inputs
from .run.interpreter import Interpreter
from .run.resume import ResumePlan
from .storage.definitions import DefinitionStore
from .storage.executions import ExecutionStore
from .storage.rounds import NewRun, RoundStore


@dataclass(frozen=True, slots=True)
class Runs:
    """What the queue, the interpreter and the store do together. `stored` only reads."""

    settings: EngineSettings
    definitions: DefinitionStore
    stored: ExecutionStore
    rounds: RoundStore
    dispatcher: Dispatcher
    interpreter: Interpreter

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
    ) -> Execution:
        """Queues a run of the newest version; once per *request_key*.

        Raises `NotFound`, `WorkflowPaused`, `RequestKeyReused`, or `InvalidParameters` for a
        missing or an unknown input or an id that can't name a folder.
        """
        if request_key is not None:
            # Before anything is checked: the workflow may have changed since the first time.
            known = self.rounds.started(workspace_id, workflow_id, request_key)
            if known is not None:
                return known
        stored = self.definitions.workflow(workspace_id, workflow_id)
        workspace_folder(self.settings.files, workspace_id)
        run = NewRun(
            workflow_id=workflow_id,
            inputs=complete_inputs(stored.workflow, inputs or {}),
            user_id=user_id,
            session_id=session_id,
            trigger=trigger,
            test_mode=test_mode,
            timeout_seconds=self._limit(timeout_seconds, stored.workflow),
            request_key=request_key,
        )
        self.dispatcher.prepare()
        execution = self.rounds.submit(
            workspace_id,
            run,
            version=stored.version,
            workflow=stored.workflow,
            enqueue=self.dispatcher.enqueue,
        )
        self.dispatcher.committed()
        return execution

    def _limit(self, seconds: float | None, workflow: Workflow) -> float | None:
        return seconds or workflow.timeout_seconds or self.settings.timeout_seconds

    def wait(self, workspace_id: str, execution_id: str, timeout: float) -> Execution:
        """The run when it has ended, or as it is after *timeout* seconds. Raises `NotFound`."""
        deadline = time.monotonic() + timeout
        endings = self.interpreter.next_ending(-1, 0)
        while True:
            found = self.stored.execution(workspace_id, execution_id)
            left = deadline - time.monotonic()
            if found.status.is_terminal or left <= 0:
                return found
            # Another process may have it, so the store is asked again without being told.
            endings = self.interpreter.next_ending(endings, min(left, 0.1))

    def progress(self, workspace_id: str, execution_id: str) -> Progress:
        """How far the run is, as of now. Raises `NotFound`."""
        return progress.progress(self.stored, workspace_id, execution_id)

    def resume(
        self,
        workspace_id: str,
        execution_id: str,
        *,
        mode: ResumeMode = "full",
        version: int | None = None,
        request_key: str | None = None,
    ) -> Execution:
        """Queues the next round, once per *request_key*, also of a workflow that is paused.

        Raises `NotFound`, `AlreadyRunning`, `NotResumable` or `RequestKeyReused`.
        """
        self.dispatcher.prepare()
        execution = self.rounds.resume(
            workspace_id,
            execution_id,
            mode=mode,
            version=version,
            plan=ResumePlan(mode, self.definitions, self._is_live),
            enqueue=self.dispatcher.enqueue,
            request_key=request_key,
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

    def _is_live(self, execution_id: str, dispatch: int) -> bool:
        key = (execution_id, dispatch)
        return self.dispatcher.states([key])[key] is WorkState.LIVE
