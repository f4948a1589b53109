"""An engine in which only the model, the mail server and the network are fakes, for the examples."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.actions import catalog, parameter_models
from engine.definition import Workflow, load_workflow
from engine.engine import Engine
from engine.execution import Execution, StepExecution
from engine.run.reach import Reach
from engine.testing import WORKSPACE, FrozenClock, ScriptedModel, inline_engine

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "workflows"


def loaded(text: str, *, source: str) -> Workflow:
    """*text* as the product loads it, with every name of an action or a part looked up."""
    parts = Reach().catalogs().parameter_models()
    return load_workflow(text, source=source, actions=parameter_models(), parts=parts)


@dataclass
class Outside:
    """An action of the catalog without its outside world; it keeps what it was asked for.

    It answers from `answers`, raising what is an exception, and then always with `usual`.
    """

    name: str
    usual: Any = None
    answers: list[Any] = field(default_factory=list)
    asked: list[Any] = field(default_factory=list)

    @property
    def Parameters(self) -> Any:  # noqa: N802
        return catalog()[self.name].Parameters

    @property
    def repeatable(self) -> Any:
        return catalog()[self.name].repeatable

    async def run(self, parameters: Any, context: Any) -> Any:
        self.asked.append(parameters)
        answer = self.answers.pop(0) if self.answers else self.usual
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Bench:
    """`folder` is the workspace's own, with the files of the examples in it."""

    engine: Engine
    folder: Path
    mail: Outside
    web: Outside
    model: ScriptedModel

    def start(self, workflow: Workflow, **inputs: Any) -> Execution:
        """The run as far as it goes by itself."""
        stored = self.engine.put_workflow(WORKSPACE, workflow)
        run = self.engine.submit(WORKSPACE, stored.workflow_id, inputs=inputs)
        return self.engine.execution(WORKSPACE, run.id)

    def decide(self, run: Execution, path: str, decision: Any, comment: str = "") -> Execution:
        person = self.engine.workspace(
            WORKSPACE, actor="ada", actor_kind="person", roles=frozenset({"approver"})
        )
        person.executions.decide(run.id, path, decision=decision, comment=comment)
        return self.engine.execution(WORKSPACE, run.id)

    def resume(self, run: Execution, mode: Any) -> Execution:
        self.engine.resume(WORKSPACE, run.id, mode=mode)
        return self.engine.execution(WORKSPACE, run.id)

    def step(self, run: Execution, path: str) -> StepExecution:
        found = self.engine.steps(WORKSPACE, run.id)
        return next(step for step in found if step.path == path)

    def written(self, path: str) -> str:
        return (self.folder / path).read_text(encoding="utf-8")


@contextmanager
def opened(folder: Path) -> Iterator[Bench]:
    """A bench in *folder*, which is empty."""
    own = folder / "files" / WORKSPACE
    shutil.copytree(FOLDER / "files", own)
    mail = Outside("send_email", usual={"sent": 1, "message_ids": ["<1@shop.example>"]})
    web = Outside("http_request", usual={"status": 200, "headers": {}, "body": {}})
    model = ScriptedModel([])
    actions = {**catalog(), "send_email": mail, "http_request": web}
    with inline_engine(folder, actions=actions, model=model, clock=FrozenClock()) as engine:
        yield Bench(engine, own, mail, web, model)
