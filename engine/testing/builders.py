"""Actions from functions, steps and workflows in one line, and an engine to carry them out."""

import inspect
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import BaseModel, ConfigDict

from ..actions import Action, ActionContext, Repeatable
from ..definition.steps import AgentStep, RetryPolicy, Step, ToolStep
from ..definition.workflow import Workflow
from ..dispatch import Dispatcher
from ..dispatch.inline import InlineDispatcher
from ..engine import Engine, EngineSettings
from ..storage.database import connect
from ..storage.migrations import upgrade

WORKSPACE = "acme"


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
    file = folder / "engine.db"
    if not file.exists():
        file.write_bytes(_empty_database())
    with Engine(settings(folder, reconcile_seconds=3600.0), dispatcher=chosen, **ports) as engine:
        yield engine


@cache
def _empty_database() -> bytes:
    """Brought up to date once for all tests of a process."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "engine.db"
        database = connect(f"sqlite:///{file}")
        upgrade(database)
        database.dispose()
        return file.read_bytes()
