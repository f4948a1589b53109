"""What a test puts in the place of a port: a clock, a model, a catalog, secrets, a writer that dies."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import sqlalchemy as sa

from ..ports import Completion, ModelFacts, Question, ToolCall
from ..storage.writer import Batch, T, Work, Writer


class FrozenClock:
    """Time stands still; `sleep` moves it forward at once. `slept` keeps what was asked for."""

    def __init__(self, now: datetime | None = None) -> None:
        self._now = now or datetime(2026, 1, 5, 9, tzinfo=UTC)
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)


@dataclass(slots=True)
class ScriptedModel:
    """Answers from a list: a text, a whole `Completion`, or an exception to raise.

    A text costs a cent and 10 + 5 tokens. It comes in pieces to whoever listens. Asked once too
    often, it raises AssertionError.
    """

    answers: list[str | Completion | Exception]
    asked: list[Question] = field(default_factory=list[Question])

    async def complete(self, question: Question) -> Completion:
        self.asked.append(question)
        if not self.answers:
            raise AssertionError("The script has no answer left.")
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, str):
            cost = Decimal("0.01")
            answer = Completion(answer, input_tokens=10, output_tokens=5, cost_usd=cost)
        if question.on_text is not None:
            for start in range(0, len(answer.text), 20):
                question.on_text(answer.text[start : start + 20])
        return answer


def calling(name: str, *, cost: str = "0.01", **arguments: Any) -> Completion:
    """A model's answer that wants one tool used."""
    call = ToolCall(f"call-{name}", name, arguments)
    return Completion("", 10, 5, Decimal(cost), calls=(call,))


@dataclass(frozen=True, slots=True)
class KnownModels:
    """A catalog of the given models; the first is the default. Four characters are a token."""

    models: tuple[ModelFacts, ...]
    asked_at: Collection[str] | None = None

    def runtimes(self) -> Collection[str] | None:
        return self.asked_at

    def find(self, model: str | None, *, runtime: str | None = None) -> ModelFacts | None:
        known = {facts.id: facts for facts in self.models}
        return self.models[0] if model is None and self.models else known.get(model or "")

    def count_tokens(self, text: str, model: str | None) -> int:
        return -(-len(text) // 4)


@dataclass(slots=True)
class CountingRefresher:
    """Renews every account but those in `gone`; keeps what it was asked for."""

    gone: frozenset[str] = frozenset()
    asked: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    async def refresh(self, workspace_id: str, integration: str) -> bool:
        self.asked.append((workspace_id, integration))
        return integration not in self.gone


@dataclass(slots=True)
class HeardEvents:
    """Keeps every note as (kind, path, facts)."""

    notes: list[tuple[str, str, dict[str, Any]]] = field(
        default_factory=list[tuple[str, str, dict[str, Any]]]
    )

    def note(self, kind: str, path: str, **facts: Any) -> None:
        self.notes.append((kind, path, facts))

    def kinds(self) -> list[str]:
        return [kind for kind, _, _ in self.notes]


@dataclass(frozen=True, slots=True)
class KnownSecrets:
    """Secrets by name, the same in every workspace; masks their values too."""

    values: Mapping[str, str]

    def get(self, workspace_id: str, name: str) -> str | None:
        return self.values.get(name)

    def all(self, workspace_id: str) -> Mapping[str, str]:
        return self.values

    def mask(self, text: str) -> str:
        for value in self.values.values():
            text = text.replace(value, "***")
        return text


class Died(Exception):
    """The process this stands for is dead: nothing of it is written any more."""


class MortalWriter(Writer):
    """Dies at the write number *at*, just before its commit or just after; then it writes nothing."""

    def __init__(self, engine: sa.Engine, *, at: int, after_commit: bool = False) -> None:
        super().__init__(engine)
        self.left, self.after_commit = at, after_commit

    def write(self, work: Work[T]) -> "asyncio.Future[T]":
        return self._unless_dead(partial(super().write, work))

    def write_item(self, batch: Batch, item: Any) -> "asyncio.Future[None]":
        return self._unless_dead(partial(super().write_item, batch, item))

    def _unless_dead(self, write: "Callable[[], asyncio.Future[T]]") -> "asyncio.Future[T]":
        self.left -= 1
        written = write() if self.left > 0 or (self.left == 0 and self.after_commit) else None
        if written is not None and self.left > 0:
            return written
        return asyncio.ensure_future(self._die(written))

    async def _die(self, written: Awaitable[Any] | None) -> Any:
        if written is not None:
            await written
        raise Died
