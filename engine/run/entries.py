"""What is stored about each step: one row, when it ends, and an intent where that is needed."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import perf_counter
from typing import Any, cast

from ..definition.steps import AgentStep, Step, ToolStep
from ..errors import EngineError, StepStopped
from ..execution import ErrorInfo, FallbackUse, StepStatus
from ..ports import Clock, SecretMasker
from ..storage import journal, pauses
from ..storage.cancelled import record_cancelled
from ..storage.questions import Question
from ..storage.records import StepRecord
from ..storage.writer import Writer
from .context import Run, UnderWay
from .foreign import describe
from .spending import Usage


@dataclass(frozen=True, slots=True)
class Ended:
    """How a step went; `text` is its encoded output."""

    output: Any = None
    text: str | None = None
    error: ErrorInfo | None = None
    attempts: int = 1
    feedback: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)
    fallback: FallbackUse | None = None


@dataclass(frozen=True, slots=True)
class Entries:
    """Writes the rows of every run of an interpreter."""

    writer: Writer
    clock: Clock
    masker: SecretMasker

    def open(self, run: Run, step: Step, path: str, *, settles: bool = False) -> "Entry":
        """A step begins; *settles* if it has a row already, which its end replaces."""
        known = run.unfinished.get(path)
        started_at = known.started_at if known and known.started_at else self.clock.now()
        run.under_way[path] = UnderWay(step, started_at)
        run.events.note(
            "step_started", path, step_kind=step.type, name=step.title, action=step.action
        )
        return Entry(self, run, path, step, started_at, settles)

    async def interrupt(self, run: Run, path: str, error: EngineError) -> ErrorInfo:
        """A step that is stopped from outside, with what it has used until then.

        Nothing is written if its own end was on its way to the disk.
        """
        info, ticket = self.describe(error), run.ticket
        record = self._stopped(run, path, info)
        run.events.note("step_failed", path, error=info.message, code=info.code)
        await self.writer.write(lambda c: journal.record_interrupted(c, ticket, record))
        run.under_way.pop(path, None)
        return info

    async def leave(self, run: Run) -> None:
        """The run was taken away: if it was cancelled, what its steps have used until then counts."""
        ticket, now = run.ticket, self.clock.now()
        records = [
            self._stopped(run, path, self.describe(_cancelled(way.step)))
            for path, way in run.under_way.items()
            if isinstance(way.step, ToolStep | AgentStep)
        ]
        if records:
            await self.writer.write(lambda c: record_cancelled(c, ticket, records, now=now))

    def _stopped(self, run: Run, path: str, info: ErrorInfo) -> StepRecord:
        way, now = run.under_way[path], self.clock.now()
        return Entry(self, run, path, way.step, way.started_at, settles=False).record(
            StepStatus.FAILED,
            attempts=1,
            completed_at=now,
            execution_time_ms=max(0, round((now - way.started_at).total_seconds() * 1000)),
            turns=way.usage.calls,
            tokens_used=way.usage.tokens,
            cost_usd=way.usage.cost_usd,
            error=info,
        )

    def describe(self, error: EngineError) -> ErrorInfo:
        """A deliberate error of ours, whose traceback tells nobody anything."""
        return describe(error, self.masker, trace=False)


@dataclass(slots=True)
class Entry:
    """One step under way, as it will be stored."""

    entries: Entries
    run: Run
    path: str
    step: Step
    started_at: datetime
    settles: bool
    _effect: bool = False
    _intent: asyncio.Future[None] | None = None
    _began: float = field(default_factory=perf_counter)

    async def intend(self) -> None:
        """Before an effect that can't be repeated; stored once, also if nobody has time to wait."""
        if self._intent is None:
            self.mark_effect()
            write = self.entries.writer.write_item
            self._intent = asyncio.ensure_future(
                write(journal.record_steps, (self.run.ticket, self.record()))
            )
            self.settles = True
        await asyncio.shield(self._intent)

    def mark_effect(self) -> None:
        """Its row says already that it has set out to do something that can't be repeated."""
        self._effect = True

    async def ask(self, message: str, expires_at: datetime | None, role: str | None) -> None:
        """The step waits for a person."""
        begun, ticket = self.run.begun, self.run.ticket
        record = self.record(StepStatus.PAUSED, feedback=(message,))
        question = Question(begun.workspace_id, begun.workflow_id, message, role, expires_at)
        self.run.events.note("approval_requested", self.path, message=message)
        await self.entries.writer.write(lambda c: pauses.ask(c, ticket, record, question))
        self.run.under_way.pop(self.path, None)

    async def expire(self, error: EngineError) -> ErrorInfo:
        """Nobody has decided in time."""
        ticket, info = self.run.ticket, self.entries.describe(error)
        record = self._ended(Ended(error=info))
        self._note(record)
        await self.entries.writer.write(lambda c: pauses.expire(c, ticket, record))
        self.run.under_way.pop(self.path, None)
        return info

    async def end(self, ended: Ended) -> None:
        """The step's one commit."""
        record = self._ended(ended)
        self._note(record)
        if self._intent is not None:
            await self._intent
        batch = journal.settle_steps if self.settles else journal.record_steps
        await self.entries.writer.write_item(batch, (self.run.ticket, record))
        self.run.under_way.pop(self.path, None)

    def record(
        self, status: StepStatus = StepStatus.RUNNING, *, attempts: int = 0, **facts: Any
    ) -> StepRecord:
        """The step as it stands, with what is known of its end."""
        step = self.step
        return StepRecord(
            path=self.path,
            step_id=step.id,
            number=self.run.number(self.path),
            name=step.title,
            action=step.action,
            kind=step.type,
            effect=self._effect,
            status=status,
            attempts=attempts,
            started_at=self.started_at,
            **facts,
        )

    def _ended(self, ended: Ended) -> StepRecord:
        return self.record(
            StepStatus.SUCCEEDED if ended.error is None else StepStatus.FAILED,
            attempts=ended.attempts,
            completed_at=self.entries.clock.now(),
            execution_time_ms=round((perf_counter() - self._began) * 1000),
            turns=ended.usage.calls,
            tokens_used=ended.usage.tokens,
            cost_usd=ended.usage.cost_usd,
            item_count=_item_count(ended.output),
            feedback=ended.feedback,
            fallback=ended.fallback,
            error=ended.error,
            output=ended.text,
        )

    def _note(self, record: StepRecord) -> None:
        facts: dict[str, Any] = {
            "step_kind": record.kind,
            "attempts": record.attempts,
            "execution_time_ms": record.execution_time_ms,
            "tokens_used": record.tokens_used,
            "cost_usd": record.cost_usd,
        }
        if record.error is None:
            self.run.events.note("step_completed", self.path, item_count=record.item_count, **facts)
            return
        error = record.error
        self.run.events.note(
            "step_failed", self.path, error=error.message, code=error.code, **facts
        )


def _cancelled(step: Step) -> StepStopped:
    return StepStopped(f"Step {step.title!r} was stopped because its run was cancelled.")


def _item_count(output: Any) -> int | None:
    return len(cast("Sequence[Any]", output)) if isinstance(output, list | tuple) else None
