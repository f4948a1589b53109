"""Fakes and builders for tests of the engine and of what is built on it; shipped, and used by us."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict

from .actions import Action, ActionContext, Repeatable
from .definition.steps import AgentStep, RetryPolicy, Step, ToolStep, WorkStep
from .definition.workflow import Workflow
from .dispatch import Dispatcher
from .dispatch.inline import InlineDispatcher
from .engine import Engine, EngineSettings
from .ports import Completion, Limits, ModelFacts, Question, ToolCall
from .run.budget import Governor
from .run.context import Outside, Run
from .run.reach import Reach
from .run.spending import Spending
from .run.steps.working import Done, WorkingSteps
from .storage.journal import Begun, Ticket
from .storage.records import Totals
from .storage.writer import Batch, T, Work, Writer
from .workspace import Resources

WORKSPACE = "acme"


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

    def find(self, model: str | None) -> ModelFacts | None:
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


class AnyParameters(BaseModel):
    """Whatever the step gives."""

    model_config = ConfigDict(extra="allow")

    def given(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


@dataclass(frozen=True, slots=True)
class FunctionAction:
    """A function as an action: it gets the step's parameters as keywords, may be async, and is
    given the `ActionContext` if it has a parameter called `context`.
    """

    function: Callable[..., Any]
    repeatable: Repeatable = True
    Parameters: type[BaseModel] = AnyParameters

    async def run(self, parameters: Any, context: ActionContext) -> Any:
        given = parameters.given()
        if _wants_context(self.function):
            given["context"] = context
        answer = self.function(**given)
        return await answer if inspect.isawaitable(answer) else answer


@lru_cache(maxsize=256)
def _wants_context(function: Callable[..., Any]) -> bool:
    return "context" in inspect.signature(function).parameters


def echo(value: Any = None) -> Any:
    """The simplest action: gives back what it is given."""
    return value


def actions(**functions: Callable[..., Any] | Action) -> dict[str, Action]:
    """Functions by name as the actions of an engine, with `echo` among them."""
    return {
        "echo": FunctionAction(echo),
        **{
            name: FunctionAction(one) if inspect.isroutine(one) else _as_action(one)
            for name, one in functions.items()
        },
    }


def _as_action(one: Any) -> Action:
    return one


def tool(
    step_id: str,
    action: str = "echo",
    *,
    retries: int = 0,
    backoff: float = 0,
    timeout: float = 60.0,
    **parameters: Any,
) -> ToolStep:
    """A tool step that waits *backoff* seconds after its first failed attempt."""
    return ToolStep.model_validate(
        {
            "id": step_id,
            "action": action,
            "with": parameters,
            "retry": RetryPolicy(max_retries=retries, backoff_seconds=backoff),
            "timeout_seconds": timeout,
        }
    )


def agent(step_id: str, prompt: str, *, retries: int = 0, **settings: Any) -> AgentStep:
    """An agent step that waits for nothing between attempts."""
    retry = RetryPolicy(max_retries=retries, backoff_seconds=0)
    return AgentStep(id=step_id, prompt=prompt, retry=retry, **settings)


def workflow(*steps: Step, name: str = "Weekly report", **settings: Any) -> Workflow:
    """A workflow of *steps*."""
    return Workflow(name=name, steps=steps, **settings)


def settings(folder: Path, **changes: Any) -> EngineSettings:
    """An engine in *folder*: SQLite, a short wait for its lock, a quick queue."""
    url = f"sqlite:///{folder / 'engine.db'}"
    defaults: dict[str, Any] = {
        "url": url,
        "files": folder / "files",
        "lock_wait_seconds": 0.2,
        "poll_seconds": 0.02,
    }
    return EngineSettings(**(defaults | changes))


@dataclass(slots=True)
class StepBench:
    """Carries out single steps as a run would, without a store.

    `intents` counts how often a step said that it is about to do what can't be repeated.
    """

    outside: Outside
    run: Run
    reach: Reach = field(default_factory=Reach)
    events: HeardEvents = field(default_factory=HeardEvents)
    intents: int = 0

    async def carry_out(self, step: WorkStep, *, path: str | None = None, **scope: Any) -> Done:
        """How *step* went; *scope* is what its expressions see."""
        return await WorkingSteps(self.outside, self.reach).carry_out(
            step,
            self.run,
            path=path or f"/{step.id}",
            scope=scope,
            intend=self._intend,
            events=self.events,
        )

    def do(self, step: WorkStep, **scope: Any) -> Done:
        """The same for tests that wait for nothing else."""
        return asyncio.run(self.carry_out(step, **scope))

    async def _intend(self) -> None:
        self.intents += 1


def step_bench(
    folder: Path,
    *,
    flow: Workflow | None = None,
    limits: Limits | None = None,
    resources: Resources | None = None,
    reach: Reach | None = None,
    spent_today: Decimal = Decimal(0),
    timeout_seconds: float | None = None,
    **outside: Any,
) -> StepBench:
    """A run of *flow* that has just begun, at the frozen clock's time unless another is given."""
    outside = {"files": folder, "actions": actions(), "clock": FrozenClock()} | outside
    chosen = flow or workflow(tool("a"))
    now = outside["clock"].now

    async def spent_since(_moment: datetime) -> Decimal:
        return spent_today

    begun = Begun(
        ticket=Ticket("run-1", 1, 1, "token"),
        workspace_id=WORKSPACE,
        workflow_id="w",
        inputs={},
        timeout_seconds=timeout_seconds,
        round_started_at=now(),
        steps=(),
        spent=Totals(),
    )
    governor = Governor(chosen.budget, limits or Limits(), Spending(), now, spent_since)
    run = Run(begun, chosen, resources or Resources(), {"inputs": {}}, governor, folder / WORKSPACE)
    return StepBench(Outside(**outside), run, reach or Reach())


@contextmanager
def inline_engine(
    folder: Path, *, dispatcher: Dispatcher | None = None, **ports: Any
) -> Generator[Engine]:
    """A started engine on a real SQLite file that carries a run out while it is submitted."""
    chosen = dispatcher or InlineDispatcher()
    with Engine(settings(folder, reconcile_seconds=3600.0), dispatcher=chosen, **ports) as engine:
        yield engine
