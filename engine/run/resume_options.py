"""What can be done with a run that has stopped: the three ways to resume it, and what each takes.

Nothing is done here: a way that is not possible says why, in the words it would be refused with.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, Field

from ..definition.steps import AgentStep, Step, ToolStep, branches
from ..definition.workflow import Workflow
from ..errors import AlreadyRunning, EffectWouldRepeat, InvalidParameters, NotResumable
from ..execution import ExecutionStatus, ResumeMode, ResumeReport, StepStatus
from ..storage.definitions import DefinitionStore
from ..storage.resumable import Resumable, ResumableStore
from ..storage.step_pace import Pace, StepPaces
from .resume import ResumePlan
from .trial import failed_path

LONGEST_HEADLINE = 300


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class RoundEstimate(_Record):
    """What the steps that run again have taken before, on average. Null where nobody knows yet."""

    milliseconds: int | None
    tokens: int | None
    cost_usd: Decimal | None
    samples: int = Field(description="Of the step that is known least; 0 where one is unknown.")
    unknown: tuple[str, ...] = Field(
        default=(), description="Steps that run again and have never succeeded yet."
    )


class ResumeOption(_Record):
    """One way to resume. `refused` says why it is not possible now; its code is the error's."""

    mode: ResumeMode
    title: str
    recommended: bool = False
    pros: tuple[str, ...]
    cons: tuple[str, ...]
    report: ResumeReport | None = Field(description="What would be kept and what runs again.")
    estimate: RoundEstimate | None
    refused: str | None = None
    refused_code: str | None = None


class EditOption(_Record):
    """The way that is no way to resume: a new version, made by hand."""

    title: str = "Edit Workflow (Manual)"
    description: str = "Navigate to wizard to edit step definitions"


class ResumeOptions(_Record):
    execution_id: str
    workflow_id: str
    headline: str
    ran_version: int
    next_version: int = Field(description="The version that the next round follows.")
    options: tuple[ResumeOption, ...]
    edit: EditOption = EditOption()


@dataclass(frozen=True, slots=True)
class _Words:
    title: str
    pros: tuple[str, ...]
    cons: tuple[str, ...]


_WORDS: Mapping[ResumeMode, _Words] = MappingProxyType(
    {
        "full": _Words(
            "Re-run Entire Workflow (Recommended)",
            ("Ensures all data is fresh", "Tests complete workflow after fix"),
            ("Uses more tokens",),
        ),
        "partial": _Words(
            "Continue from Failed Step (Advanced)",
            ("Faster, skips completed steps",),
            ("May fail if data from previous steps needed",),
        ),
        "dependencies": _Words(
            "Re-run What the Failed Step Needs",
            ("Fresh data for the failed step", "Skips the other completed steps"),
            ("Uses more tokens than continuing",),
        ),
    }
)


@dataclass(frozen=True, slots=True)
class ResumeOptionsReader:
    """Plans a resume without doing it. `is_live`: whether somebody works on a dispatch."""

    stored: ResumableStore
    definitions: DefinitionStore
    paces: StepPaces
    is_live: Callable[[str, int], bool]

    def of(self, workspace_id: str, execution_id: str) -> ResumeOptions:
        """Raises `NotFound`."""
        found = self.stored.find(workspace_id, execution_id)
        run, workflow = found.run, found.workflow.workflow
        paces = self.paces.paces(
            workspace_id, run.workflow_id, is_same=self._alike(found, workflow)
        )
        return ResumeOptions(
            execution_id=run.id,
            workflow_id=run.workflow_id,
            headline=headline(found),
            ran_version=run.workflow_version,
            next_version=found.workflow.version,
            options=tuple(self._option(mode, found, paces) for mode in _WORDS),
        )

    def _alike(self, found: Resumable, workflow: Workflow) -> Callable[[int, str], bool]:
        """Whether a version has the same kind of step there: its words may have changed since."""
        now = {step.id: _kinds(step) for step in workflow.steps}
        run = found.run

        @cache
        def then(version: int) -> dict[str, tuple[str, ...]]:
            old = self.definitions.workflow(run.workspace_id, run.workflow_id, version)
            return {step.id: _kinds(step) for step in old.workflow.steps}

        return lambda version, step_id: now.get(step_id) == then(version).get(step_id, ())

    def _option(
        self, mode: ResumeMode, found: Resumable, paces: Mapping[str, Pace]
    ) -> ResumeOption:
        words = _WORDS[mode]
        plan = ResumePlan(mode, self.definitions, self.is_live)
        workflow = found.workflow.workflow
        planned, refusal = None, None
        try:
            planned = plan(found.run, found.dispatch, found.steps, workflow)
        except (AlreadyRunning, EffectWouldRepeat, InvalidParameters, NotResumable) as error:
            refusal = error
        return ResumeOption(
            mode=mode,
            title=words.title,
            recommended=mode == "full",
            pros=words.pros,
            cons=words.cons,
            report=None if planned is None else planned.report,
            estimate=None
            if planned is None
            else _estimate(workflow, _kept(found, planned.superseded), paces),
            refused=None if refusal is None else str(refusal),
            refused_code=None if refusal is None else refusal.code,
        )


def headline(found: Resumable) -> str:
    """'Step 2 Failed: Range … not found', or what became of a run that no step of failed."""
    run, path = found.run, failed_path(found)
    failed = next((step for step in found.steps if step.path == path), None)
    if failed is not None and failed.error is not None:
        return _clipped(f"Step {failed.number} Failed: {failed.error.message}")
    if run.status is ExecutionStatus.PAUSED:
        said = "" if run.error is None else f": {run.error.message}"
        return _clipped(f"Paused{said}")
    said = "" if run.error is None else f": {run.error.message}"
    return _clipped(f"Run {run.status.value.replace('_', ' ').capitalize()}{said}")


def _clipped(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_HEADLINE else f"{line[: LONGEST_HEADLINE - 1]}…"


def _kept(found: Resumable, superseded: Sequence[str]) -> set[str]:
    put_aside = set(superseded)
    done = (step.path for step in found.steps if step.status is StepStatus.SUCCEEDED)
    return {path for path in done if path not in put_aside}


def _estimate(workflow: Workflow, kept: set[str], paces: Mapping[str, Pace]) -> RoundEstimate:
    """Over the top-level steps that run again; one that is partly kept counts whole."""
    again = [step for step in workflow.steps if f"/{step.id}" not in kept]
    unknown = tuple(step.title for step in again if step.id not in paces)
    known = [paces[step.id] for step in again if step.id in paces]
    asking = [step for step in again if _may_ask_a_model(step)]
    used = [paces[step.id] for step in asking if step.id in paces]
    costs = [pace.cost_usd for pace in used if pace.cost_usd is not None]
    tokens_known = len(used) == len(asking)
    return RoundEstimate(
        milliseconds=None if unknown else round(sum(pace.milliseconds for pace in known)),
        tokens=round(sum(pace.tokens for pace in used)) if tokens_known else None,
        cost_usd=sum(costs, Decimal(0)) if len(costs) == len(asking) else None,
        samples=0 if unknown else min((pace.samples for pace in known), default=0),
        unknown=unknown,
    )


def _kinds(step: Step) -> tuple[str, ...]:
    """What the step and those inside it do, in their order."""
    return tuple(_each_kind(step))


def _each_kind(step: Step) -> Iterator[str]:
    yield f"{step.type} {step.action}"
    for _, held in branches(step):
        for one in held:
            yield from _each_kind(one)


def _may_ask_a_model(step: Step) -> bool:
    match step:
        case AgentStep():
            return True
        case ToolStep():
            return step.fallback is not None and step.fallback.action is None
        case _:
            return any(_may_ask_a_model(one) for _, held in branches(step) for one in held)
