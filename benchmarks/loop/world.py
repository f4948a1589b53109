"""The real application over SQLite, with the model and the servers of the cases around it."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue, SecretStr

from copilot.bootstrap import App, open_app
from copilot.service import Service
from copilot.settings import load
from copilot.types.engine import Execution, ResourceKind
from engine.errors import EngineError

from .behaviours import Busy, ModelOfAll
from .case import Case, Definition
from .limits import HOST
from .servers import Fails, mail, web

PATIENCE = 60.0
WORKFLOW = "w"


@dataclass(frozen=True, slots=True)
class World:
    app: App
    model: ModelOfAll
    fails: Fails
    host: str

    def place(self, case: Case, workspace_id: str, **settings: JsonValue) -> "Place":
        """A workspace of its own with the case's things and its workflow in it."""
        service = self.app.owner(workspace_id)
        service.account.set_settings({"model_policy": "never", **settings})
        folder = self.app.settings.files / workspace_id
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in case.files.items():
            (folder / name).write_bytes(content)
        for name, template in case.templates.items():
            service.resources.put(ResourceKind.TEMPLATE, name, template)
        for name, account in case.integrations.items():
            service.resources.put(ResourceKind.INTEGRATION, name, account)
        if case.behaviour is not None:
            self.model.of[case.key] = case.behaviour
        service.workflows.create(self.addressed(case.definition), workflow_id=WORKFLOW)
        return Place(self, case, service, folder)

    def addressed(self, definition: Definition) -> Definition:
        """*definition* with the address of this world's server."""
        found: Definition = json.loads(json.dumps(definition).replace(HOST, self.host))
        return found


@dataclass(frozen=True, slots=True)
class Place:
    """One case in its workspace."""

    world: World
    case: Case
    service: Service
    folder: Path

    def run(self) -> Execution:
        """A new run, to its end."""
        self._begin()
        started = self.service.executions.start(WORKFLOW)
        return self.service.executions.wait(started.id, PATIENCE)

    def resume(self, run: Execution) -> Execution:
        """The run gone on with where it failed; a new one where that is not possible."""
        self._begin()
        try:
            self.service.executions.resume(run.id, mode="partial")
        except EngineError:
            return self.run()
        return self.service.executions.wait(run.id, PATIENCE)

    @property
    def definition(self) -> Definition:
        return dict(self.service.workflows.get(WORKFLOW).definition)

    def _begin(self) -> None:
        """What fails at the start of each run does so again."""
        self.world.fails.reset(self.case.key, self.case.flaky)
        if isinstance(self.case.behaviour, Busy):
            self.case.behaviour.asked = 0


@contextmanager
def opened(folder: Path) -> Generator[World]:
    model, fails = ModelOfAll(), Fails()
    with web(fails) as host, mail() as port:
        settings = load(
            {},
            data=folder,
            allowed_hosts=(host,),
            smtp_host="127.0.0.1",
            smtp_port=port,
            smtp_starttls=False,
            smtp_sender="Copilot <copilot@acme.example>",
            verify_runs=2,
            runtimes=("openai",),  # so that there are models to switch to; none is ever asked
            openai_api_key=SecretStr("sk-benchmark"),
        )
        with open_app(settings, model=model) as app:
            yield World(app, model, fails, host)
