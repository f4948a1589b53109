"""Which outputs a resume keeps: all, none, or all but what the failed step needs."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from ..definition.expressions import dependencies
from ..definition.steps import AgentStep, Step
from ..definition.workflow import Workflow
from ..errors import AlreadyRunning, NotResumable
from ..execution import Execution, ExecutionStatus, ResumeMode, StepStatus
from ..storage.definitions import DefinitionStore
from ..storage.journal import LiveStep

_COSMETIC = frozenset({"name", "retry", "timeout_seconds", "budget"})


@dataclass(frozen=True, slots=True)
class ResumePlan:
    """Decides, inside the transaction that resumes a run, whether it may and what it keeps."""

    mode: ResumeMode
    definitions: DefinitionStore
    is_live: Callable[[str, int], bool]

    def __call__(
        self, run: Execution, dispatch: int, steps: tuple[LiveStep, ...], workflow: Workflow
    ) -> tuple[str, ...]:
        """The paths to put aside. Raises `NotResumable` or `AlreadyRunning`."""
        self._check(run, dispatch)
        versions = {
            version: self.definitions.workflow(run.workspace_id, run.workflow_id, version).workflow
            for version in {step.workflow_version for step in steps}
        }
        return superseded_paths(self.mode, steps, versions=versions, workflow=workflow)

    def _check(self, run: Execution, dispatch: int) -> None:
        if run.status is ExecutionStatus.SUCCEEDED:
            raise NotResumable(run.status.value, "There is nothing left to do: start a new run.")
        if run.status.is_terminal and run.started_at is None:
            raise NotResumable(run.status.value, "It never started: start a new run.")
        if not run.status.is_terminal and self.is_live(run.id, dispatch):
            raise AlreadyRunning(run.status.value)


def superseded_paths(
    mode: ResumeMode,
    steps: tuple[LiveStep, ...],
    *,
    versions: Mapping[int, Workflow],
    workflow: Workflow,
) -> tuple[str, ...]:
    """The paths of *steps* that don't count in the next round, which follows *workflow*.

    *versions* holds the workflow versions that *steps* ran with. A step whose own definition has
    changed is never kept, nor one that read its output.
    """
    if mode == "full":
        return tuple(step.path for step in steps)
    kept = {step.step_id for step in steps if step.status is StepStatus.SUCCEEDED}
    reads = dependencies(workflow)
    changed = _changed(steps, versions, workflow)
    kept -= changed | _closure(changed, _readers(reads))
    if mode == "dependencies":
        broken = _broken(steps, workflow, kept)
        kept -= broken | _closure(broken, reads)
    return tuple(step.path for step in steps if step.step_id not in kept)


def _broken(steps: tuple[LiveStep, ...], workflow: Workflow, kept: set[str]) -> set[str]:
    """The steps that failed; the first without an output if the run ended outside every step."""
    known = {step.id for step in workflow.steps}
    failed = {step.step_id for step in steps if step.status is not StepStatus.SUCCEEDED} & known
    missing = (step.id for step in workflow.steps if step.id not in kept)
    return failed or set(islice(missing, 1))


def _changed(
    steps: tuple[LiveStep, ...], versions: Mapping[int, Workflow], workflow: Workflow
) -> set[str]:
    """Steps that would not be carried out as they were, or are gone."""
    now = {step.id: _substance(workflow, step) for step in workflow.steps}
    then = {
        version: {step.id: _substance(old, step) for step in old.steps}
        for version, old in versions.items()
        if old is not workflow
    }
    then = {version: then.get(version, now) for version in versions}
    return {
        step.step_id
        for step in steps
        if then[step.workflow_version].get(step.step_id) != now.get(step.step_id)
    }


def _substance(workflow: Workflow, step: Step) -> str:
    """Everything that decides what a step does; an agent also follows the workflow's orders."""
    data = step.model_dump(mode="json", exclude=set(_COSMETIC))
    if isinstance(step, AgentStep):
        data["orders"] = [workflow.instructions, workflow.restrictions]
    data["documents"] = [*workflow.documents, *step.documents]
    return json.dumps(data, sort_keys=True)


def _readers(reads: Mapping[str, Iterable[str]]) -> dict[str, set[str]]:
    readers: dict[str, set[str]] = {}
    for step_id, sources in reads.items():
        for source in sources:
            readers.setdefault(source, set()).add(step_id)
    return readers


def _closure(start: set[str], edges: Mapping[str, Iterable[str]]) -> set[str]:
    """Everything that can be reached from *start*, without *start* itself unless in a circle."""
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        for following in edges.get(waiting.pop(), ()):
            if following not in found:
                found.add(following)
                waiting.append(following)
    return found
