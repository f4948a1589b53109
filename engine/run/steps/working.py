"""A tool or agent step from its first attempt to its judged result, the same in any container."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any

from ...definition.steps import AgentStep, ToolStep, WorkStep
from ...errors import EngineError, UnserializableValue
from ...execution import ErrorInfo
from ...ports import EventSink
from ...storage import codec
from ..budget import time_cap
from ..context import NobodyListens, Outside, Run
from ..foreign import describe
from ..reach import Reach, Site
from ..retry import Attempts, Engaged, Intend, Prepared, Until
from ..spending import Usage
from . import agent, tool
from .fallback import fallback_step


@dataclass(frozen=True, slots=True)
class Done:
    """How a step went, ready to be stored. `text` is the encoded output.

    With an error it is the output that was refused, if there is one: a validator's, a plugin's, or
    that of a step that broke a limit.
    """

    attempts: int
    feedback: tuple[str, ...]
    output: Any
    text: str | None
    error: ErrorInfo | None
    usage: Usage
    fallback: Engaged | None = None


@dataclass(frozen=True, slots=True)
class WorkingSteps:
    """Carries out the steps that do something themselves."""

    outside: Outside
    reach: Reach = field(default_factory=Reach)

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
        """*scope* is what the step's expressions see at *path*.

        *intend* is awaited before what can't be repeated, by an agent's tools each time. Everything
        used is counted and checked when this ends, so the caller only stores it.
        """
        usage = run.usage(path)
        site = Site(run, path, scope, self.outside, self.reach, events or NobodyListens())
        try:
            result = await Attempts(self.outside.clock, self.outside.masker).run(
                step,
                partial(_prepared, step, site, usage, intend),
                intend=intend,
                instead=None
                if step.fallback is None
                else partial(_instead, step, site, usage, intend),
                until=_until(step, run),
            )
            error, text = result.error, None
            if error is None or result.kept:
                error, text = self._encoded(result.output, path, error)
            error = error or await self._breach(step, run, usage)
        finally:
            run.governor.close(usage)
        return Done(
            result.attempts,
            result.feedback,
            result.output,
            text,
            error,
            usage,
            result.fallback,
        )

    def _encoded(
        self, output: Any, path: str, error: ErrorInfo | None
    ) -> tuple[ErrorInfo | None, str | None]:
        try:
            return error, codec.dumps(output, place=f"output of {path}")
        except UnserializableValue as unusable:
            return error or self._describe(unusable), None

    async def _breach(self, step: WorkStep, run: Run, usage: Usage) -> ErrorInfo | None:
        """Counted first, then checked, so the step that breaks a limit is among what counts."""
        run.governor.spending.add(usage)
        if not usage.calls and isinstance(step, ToolStep):
            return None
        asked = step if isinstance(step, AgentStep) else fallback_step(step)
        assert isinstance(asked, AgentStep)  # noqa: S101 - only an agent has calls
        breach = await run.governor.breach(asked, usage)
        return None if breach is None else self._describe(breach)

    def _describe(self, error: EngineError) -> ErrorInfo:
        return describe(error, self.outside.masker, trace=False)


def _until(step: WorkStep, run: Run) -> Until:
    limit = run.begun.timeout_seconds
    ends = None if limit is None else run.begun.round_started_at + timedelta(seconds=limit)
    return Until(time_cap(step, run.governor.workspace), ends)


def _prepared(step: WorkStep, site: Site, usage: Usage, intend: Intend) -> Prepared:
    match step:
        case ToolStep():
            return tool.prepare(step, site)
        case AgentStep():
            return agent.prepare(step, site, usage, intend=intend)


def _instead(step: WorkStep, site: Site, usage: Usage, intend: Intend, refused: Any) -> Prepared:
    """The fallback of *step*; inside it, the step's own id names the output that was *refused*."""
    inside = replace(site, scope={**site.scope, step.id: refused}, part="#fallback")
    return _prepared(fallback_step(step), inside, usage, intend)
