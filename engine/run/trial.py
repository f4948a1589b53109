"""The step that a run has failed at, tried on the same input with another definition.

Nothing is stored and nothing outside is touched: only steps that read the workspace's files and
compute are carried out, with what the steps before them have given restored as a `partial` resume
does it. A trial that takes too long is left alone in its thread.
"""

import asyncio
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from ..definition.reads import nodes
from ..definition.workflow import Workflow
from ..errors import EffectWouldRepeat, InvalidParameters
from ..execution import ErrorInfo, StepStatus
from ..ports import Limits
from ..storage.definitions import DefinitionStore
from ..storage.journal import Begun, LiveStep, Ticket
from ..storage.records import Totals
from ..storage.resumable import Resumable, ResumableStore
from ..storage.spending import Spent
from ..workspace import Resource, ResourceKind, Resources
from .budget import Governor
from .context import Outside, Run, workspace_folder
from .inputs import with_defaults
from .moved import moved_paths
from .places import is_within, place_of
from .restored import outputs_by_path
from .resume import plan
from .spending import Spending
from .trial_walk import HarmlessSteps, NotTried, Reached, WalkTo, entries_nobody_keeps

#: Seconds that somebody waits for a trial at most.
LONGEST_TRIAL = 2.0
#: Characters of stored outputs that are restored at most.
MOST_RESTORED = 5_000_000
#: Trials at once in one process; one that was given up counts until its thread has ended.
MOST_AT_ONCE = 2

TrialState: TypeAlias = Literal["passed", "failed", "not_possible"]
#: A resource as it would be: its kind, its name, and None where it would be gone.
ResourceAsIf: TypeAlias = tuple[ResourceKind, str, Resource | None]


class Trial(BaseModel):
    """How it went. `explanation` is a sentence for people."""

    model_config = ConfigDict(frozen=True)

    state: TrialState
    explanation: str
    path: str | None = Field(default=None, description="Of the step that had failed.")
    error: ErrorInfo | None = Field(default=None, description="What it failed with now.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """Tries steps of runs of every workspace. `actions` are those that call nobody's quota."""

    stored: ResumableStore
    definitions: DefinitionStore
    outside: Outside
    seconds: float = LONGEST_TRIAL
    _free: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(MOST_AT_ONCE)
    )

    def of(
        self,
        workspace_id: str,
        execution_id: str,
        workflow: Workflow,
        *,
        resources: Sequence[ResourceAsIf] = (),
        seconds: float | None = None,
    ) -> Trial:
        """Carries out the failed step as *workflow* has it, with *resources* in place.

        Waits 2 s at most, or *seconds* where that is less. Raises `NotFound`.
        """
        limit = self.seconds if seconds is None else max(0.0, min(seconds, self.seconds))
        found = self.stored.find(workspace_id, execution_id, most_output=MOST_RESTORED)
        target = failed_path(found)
        try:
            if target is None:
                raise NotTried("no step of this run stands as failed.")
            return self._try(self._run(found, workflow, resources), target, limit)
        except NotTried as reason:
            return Trial(state="not_possible", path=target, explanation=f"Not tried: {reason}")

    def _run(self, found: Resumable, workflow: Workflow, resources: Sequence[ResourceAsIf]) -> Run:
        """A round that starts with what a `partial` resume would keep. Raises `NotTried`."""
        if found.too_large:
            raise NotTried("what the steps before it gave is too large for a trial.")
        run, now = found.run, self.outside.clock.now()
        stored = self.definitions.resources(run.workspace_id).resources
        try:
            inputs = with_defaults(workflow, run.inputs)
            put_aside = set(self._put_aside(found, workflow, resources, inputs=inputs, now=now))
        except (EffectWouldRepeat, InvalidParameters) as error:
            raise NotTried(f"the run could not go on with it. {error}") from error
        kept = [step for step in found.steps if step.path not in put_aside]
        begun = Begun(
            ticket=Ticket(run.id, run.round, found.workflow.version, token=""),
            workspace_id=run.workspace_id,
            workflow_id=run.workflow_id,
            inputs=dict(inputs),
            timeout_seconds=None,
            round_started_at=now,
            steps=(),
            spent=Totals(),
        )
        return Run(
            begun=begun,
            workflow=workflow,
            resources=_as_if(stored, resources),
            scope={"inputs": begun.inputs},
            governor=self._governor(workflow),
            folder=workspace_folder(self.outside.files, run.workspace_id),
            done=outputs_by_path(kept),
        )

    def _put_aside(
        self,
        found: Resumable,
        workflow: Workflow,
        resources: Sequence[ResourceAsIf],
        *,
        inputs: Mapping[str, Any],
        now: datetime,
    ) -> Iterable[str]:
        run = found.run
        versions = {
            version: self.definitions.workflow(run.workspace_id, run.workflow_id, version).workflow
            for version in {step.workflow_version for step in found.steps}
        }
        changed_at = self.definitions.resources_changed_at(run.workspace_id)
        changed_at |= {f"{kind.value}/{name}": now for kind, name, _ in resources}
        moved = moved_paths(found.steps, workflow, changed_at, inputs=inputs)
        planned = plan("partial", found.steps, versions=versions, workflow=workflow, moved=moved)
        return planned.superseded

    def _governor(self, workflow: Workflow) -> Governor:
        return Governor(
            workflow=workflow.budget,
            workspace=Limits(),
            spending=Spending(),
            now=self.outside.clock.now,
            spent_since=_nothing_spent,
        )

    def _try(self, run: Run, target: str, limit: float) -> Trial:
        known = nodes(run.workflow)
        if place_of(target, known) not in known:
            raise NotTried("the workflow would not have this step any more.")
        if not self._free.acquire(blocking=False):
            raise NotTried("other fixes are being tried now. Ask again in a moment.")
        ended: Future[Trial] = Future()
        thread = threading.Thread(
            target=self._in_thread, args=(run, target, ended, limit), name="trial", daemon=True
        )
        thread.start()
        try:
            return ended.result(limit)
        except TimeoutError:
            raise NotTried(f"it was not done within {limit:.3g} s.") from None

    def _in_thread(self, run: Run, target: str, ended: "Future[Trial]", limit: float) -> None:
        try:
            ended.set_result(asyncio.run(self._carry_out(run, target, limit)))
        except (NotTried, TimeoutError) as reason:
            ended.set_exception(reason)
        finally:
            if not ended.done():  # a fault of ours: nobody need wait for it
                ended.cancel()
            self._free.release()

    async def _carry_out(self, run: Run, target: str, limit: float) -> Trial:
        """Raises `NotTried` and `TimeoutError`."""
        walk = WalkTo(run, entries_nobody_keeps(self.outside), HarmlessSteps(self.outside), target)
        try:
            async with asyncio.timeout(limit):
                outcome = await walk.steps(_up_to(run.workflow, target), run.scope, "")
        except Reached as end:
            return _told(run.workflow, target, end.outcome.error, failed_at=end.outcome.failed_path)
        return _told(run.workflow, target, outcome.error, failed_at=outcome.failed_path)


def failed_path(found: Resumable) -> str | None:
    """The innermost step that a run has failed at; None if no step stands as failed."""
    failed = [step for step in found.steps if step.status is StepStatus.FAILED]
    if not found.run.status.is_failure or not failed:
        return None
    told = None if found.run.error is None else found.run.error.details.get("failed_path")
    around = [one for one in failed if one.path == told] or _innermost(failed)
    return around[0].path


def _innermost(failed: Sequence[LiveStep]) -> list[LiveStep]:
    return [
        step
        for step in failed
        if not any(other is not step and is_within(other.path, step.path) for other in failed)
    ]


def _up_to(workflow: Workflow, target: str) -> tuple[Any, ...]:
    """The top-level steps as far as the one that leads to *target*."""
    top = target.split("/", 2)[1]
    ids = [step.id for step in workflow.steps]
    return workflow.steps[: ids.index(top) + 1]


def _told(
    workflow: Workflow, target: str, error: ErrorInfo | None, *, failed_at: str | None
) -> Trial:
    if error is None:
        words = "Tried on the failed input: passes."
        return Trial(state="passed", path=target, explanation=words)
    where = ""
    if failed_at is not None and failed_at != target:
        node = nodes(workflow).get(place_of(failed_at, nodes(workflow)))
        title = failed_at if node is None else node.step.title
        where = f" in step {title!r}"
    words = f"Tried on the failed input: still fails{where}. {error.message}"
    return Trial(state="failed", path=target, explanation=words, error=error)


_FIELDS: Mapping[ResourceKind, str] = {
    ResourceKind.TEMPLATE: "templates",
    ResourceKind.CUSTOM_FIELD: "custom_fields",
    ResourceKind.INTEGRATION: "integrations",
    ResourceKind.DOCUMENT: "documents",
}


def _as_if(stored: Resources, changes: Sequence[ResourceAsIf]) -> Resources:
    """*stored* with *changes* made."""
    fields = {name: dict(getattr(stored, name)) for name in _FIELDS.values()}
    for kind, name, content in changes:
        if content is None:
            fields[_FIELDS[kind]].pop(name, None)
        else:
            fields[_FIELDS[kind]][name] = content
    return Resources(**fields)


async def _nothing_spent(_since: datetime) -> Spent:
    return Spent()
