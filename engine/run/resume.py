"""Which outputs a resume keeps: all, none, or all but what the failed step needs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from ..definition.reads import nodes
from ..definition.workflow import Workflow
from ..errors import AlreadyRunning, NotResumable
from ..execution import Execution, ExecutionStatus, ResumeMode, ResumeReport, StaleStep
from ..storage.definitions import DefinitionStore
from ..storage.journal import LiveStep
from .inputs import with_defaults
from .moved import moved_paths
from .repeats import Repeats
from .staleness import Staleness
from .substance import changed_places, loops_anew

MOST_REPORTED = 200


@dataclass(frozen=True, slots=True)
class Planned:
    """What a resume puts aside, and what it tells about it."""

    superseded: tuple[str, ...]
    report: ResumeReport
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class ResumePlan:
    """Decides, inside the transaction that resumes a run, whether it may and what it keeps.

    With *repeat_effects* steps are done again that did something that can't be repeated.
    """

    mode: ResumeMode
    definitions: DefinitionStore
    is_live: Callable[[str, int], bool]
    repeat_effects: bool = False

    def __call__(
        self, run: Execution, dispatch: int, steps: tuple[LiveStep, ...], workflow: Workflow
    ) -> Planned:
        """Raises `NotResumable`, `AlreadyRunning`, `EffectWouldRepeat`, or `InvalidParameters` for
        an input that the workflow asks for by now and the run does not have."""
        self._check(run, dispatch)
        inputs = with_defaults(workflow, run.inputs)
        versions = {
            version: self.definitions.workflow(run.workspace_id, run.workflow_id, version).workflow
            for version in {step.workflow_version for step in steps}
        }
        changed_at = self.definitions.resources_changed_at(run.workspace_id)
        planned = plan(
            self.mode,
            steps,
            versions=versions,
            workflow=workflow,
            moved=moved_paths(steps, workflow, changed_at, inputs=inputs),
            repeat_effects=self.repeat_effects,
        )
        return replace(planned, inputs=inputs)

    def _check(self, run: Execution, dispatch: int) -> None:
        if run.status is ExecutionStatus.SUCCEEDED:
            raise NotResumable(run.status.value, "There is nothing left to do: start a new run.")
        if run.status is ExecutionStatus.PAUSED and run.error is None:  # else parked
            raise NotResumable(run.status.value, "Decide what it waits for, or cancel it.")
        if run.status.is_terminal and run.started_at is None:
            raise NotResumable(run.status.value, "It never started: start a new run.")
        if not run.status.is_terminal and self.is_live(run.id, dispatch):
            raise AlreadyRunning(run.status.value)


def plan(
    mode: ResumeMode,
    steps: tuple[LiveStep, ...],
    *,
    versions: Mapping[int, Workflow],
    workflow: Workflow,
    moved: Mapping[str, str] = MappingProxyType({}),
    repeat_effects: bool = False,
) -> Planned:
    """What of *steps* counts in the next round, which follows *workflow*.

    *versions* holds the workflow versions that *steps* ran with. A step whose own definition has
    changed is never kept, nor one that read its output. *moved* are paths of steps that name a
    resource which has changed since they had it. Raises `EffectWouldRepeat`.
    """
    found = Staleness(steps, nodes(workflow))
    if mode == "full":
        found.add_all("asked")
    else:
        found.add_undone()
        found.add_changed(
            changed_places(steps, versions, workflow), loops_anew(steps, versions, workflow)
        )
        found.add_moved(moved)
        if mode == "dependencies":
            found.add_needed()
    kept = () if repeat_effects else found.keep_effects(Repeats(versions, workflow))
    stale = found.stale
    again = {*stale, *kept}
    reused = [step.path for step in steps if step.path not in again]
    report = ResumeReport(
        mode=mode,
        reused_total=len(reused),
        reused=tuple(reused[:MOST_REPORTED]),
        stale_total=len(stale),
        stale=tuple(
            StaleStep(path=path, reason=reason, because=because)
            for path, (reason, because) in list(stale.items())[:MOST_REPORTED]
        ),
        kept_effects=kept[:MOST_REPORTED],
    )
    return Planned(tuple(stale), report)
