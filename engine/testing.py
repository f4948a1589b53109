"""Fakes and builders for tests of the engine and of what is built on it; shipped, and used by us."""

import asyncio
import inspect
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from .actions import Action, ActionContext, Repeatable
from .definition.steps import AgentStep, RetryPolicy, Step, ToolStep
from .definition.workflow import Workflow
from .dispatch import Dispatcher
from .dispatch.inline import InlineDispatcher
from .engine import Engine, EngineSettings
from .ports import Completion

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


@dataclass(frozen=True, slots=True)
class Question:
    """What a `ScriptedModel` was asked."""

    system: str
    prompt: str
    model: str | None


@dataclass(slots=True)
class ScriptedModel:
    """Answers from a list: a text, a whole `Completion`, or an exception to raise.

    A text costs a cent and 10 + 5 tokens. Asked once too often, it raises AssertionError.
    """

    answers: list[str | Completion | Exception]
    asked: list[Question] = field(default_factory=list[Question])

    async def complete(
        self, *, system: str, prompt: str, model: str | None, timeout_seconds: float
    ) -> Completion:
        self.asked.append(Question(system, prompt, model))
        if not self.answers:
            raise AssertionError("The script has no answer left.")
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Completion):
            return answer
        return Completion(answer, input_tokens=10, output_tokens=5, cost_usd=Decimal("0.01"))


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


@contextmanager
def inline_engine(
    folder: Path, *, dispatcher: Dispatcher | None = None, **ports: Any
) -> Generator[Engine]:
    """A started engine on a real SQLite file that carries a run out while it is submitted."""
    chosen = dispatcher or InlineDispatcher()
    with Engine(settings(folder, reconcile_seconds=3600.0), dispatcher=chosen, **ports) as engine:
        yield engine
