"""Everything the golden cases ask of the product: in this process, and by a client over HTTP.

Nearly all methods go through the `Service` of a workspace's owner; the way in is `_service`. A case's
slug is its workspace and the id of its workflow.
"""

import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import uvicorn
from pydantic import SecretStr

from copilot.bootstrap import App, open_app
from copilot.remote import RemoteService
from copilot.service.protocol import Service
from copilot.settings import Settings
from copilot.sources.engine import EngineSource
from copilot.surfaces.rest.app import create_app
from copilot.types import (
    Approval,
    Change,
    CreditStatement,
    Outcome,
    Preview,
    Recheck,
    Report,
    RunRecord,
)
from copilot.types.engine import ResourceKind
from engine.errors import WorkflowPaused
from engine.ports import Clock, LanguageModel
from engine.testing import FrozenClock

PATIENCE = 30.0
_OF_RUN = {"status", "round", "resume_mode", "workflow_version"}
_OF_STEP = {"number", "step_id", "status", "restored", "item_count"}


@dataclass(frozen=True)
class Run:
    """A run that has ended, with its steps as the goldens show them."""

    id: str
    status: str
    shown: dict[str, Any]
    steps: list[dict[str, Any]]


class Product:
    """Can be stopped and started with other settings, on the same data."""

    def __init__(self, settings: Settings, model: LanguageModel) -> None:
        self._settings = settings
        self._model = model
        self._open = ExitStack()
        #: Called before a run, or a round of one, begins.
        self.before_run: tuple[Callable[[], None], ...] = ()

    def start(self, *, clock: Clock | None = None, **changed: object) -> None:
        self.stop()
        settings = self._settings.model_copy(update=changed)
        opened = open_app(settings, model=self._model, clock=clock)
        self.app: App = self._open.enter_context(opened)

    def start_apart(self, slug: str, *, now: datetime | None, runtimes: Sequence[str]) -> None:
        """On data of its own, for a case whose clock or models are not those of all others.

        The rules answer: no runtime is ever asked.
        """
        self._clock = FrozenClock(now) if now else None
        keys = {f"{name}_api_key": SecretStr("sk-never-used") for name in runtimes}
        data = self._settings.data / "apart" / slug
        self.start(clock=self._clock, data=data, runtimes=tuple(runtimes), **keys)
        self._service(slug).account.set_settings({"model_policy": "never"})

    def pass_time(self, slug: str) -> None:
        """Until the first run that waits may go on."""
        assert self._clock is not None
        due = min(one.auto_resume_at for one in self._service(slug).quotas.waiting())
        self._clock.advance((due - self._clock.now()).total_seconds())
        self.app.engine.parked.tick(due)

    def stop(self) -> None:
        self._open.close()

    def _service(self, slug: str) -> Service:
        return self.app.owner(slug)

    @property
    def verify_runs(self) -> int:
        return self._settings.verify_runs

    def put_files(self, slug: str, files: Mapping[str, bytes]) -> None:
        folder = self.app.settings.files / slug
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)

    def put_resources(self, slug: str, named: Mapping[str, Mapping[str, dict[str, Any]]]) -> None:
        for kind, contents in named.items():
            for name, content in contents.items():
                self._service(slug).resources.put(ResourceKind(kind), name, content)

    def put_workflow(self, slug: str, definition: Mapping[str, Any]) -> None:
        self._service(slug).workflows.create(definition, workflow_id=slug)

    def run(self, slug: str, *, test_mode: bool = False) -> Run:
        self._begin()
        started = self._service(slug).executions.start(slug, test_mode=test_mode)
        return self.ended(slug, started.id)

    def resume(self, slug: str, run_id: str, *, mode: Any) -> Run:
        self._begin()
        self._service(slug).executions.resume(run_id, mode=mode)
        return self.ended(slug, run_id)

    def _begin(self) -> None:
        for call in self.before_run:
            call()

    def ended(self, slug: str, run_id: str) -> Run:
        executions = self._service(slug).executions
        run = executions.wait(run_id, PATIENCE)
        return Run(
            id=run.id,
            status=run.status.value,
            shown=run.model_dump(mode="json", include=_OF_RUN),
            steps=[
                step.model_dump(mode="json", include=_OF_STEP) for step in executions.steps(run_id)
            ],
        )

    def record(self, slug: str, run_id: str) -> RunRecord:
        """The run as the analysis gets it; nothing shows it whole outside."""
        return EngineSource(self.app.engine).run(slug, run_id)

    def analyze(self, slug: str, run_id: str) -> Report:
        return self._service(slug).analyses.analyze(run_id)

    def analyze_foreign(self, slug: str, run: RunRecord) -> Report:
        return self._service(slug).analyses.analyze_foreign(run)

    def preview(self, slug: str, fix_id: str) -> Preview:
        return self._service(slug).fixes.preview(fix_id)

    def approve(self, slug: str, preview: Preview) -> Approval:
        return self._service(slug).fixes.approve(
            preview.fix_id, digest=preview.digest, version=preview.base_version
        )

    def apply(self, slug: str, approval: Approval) -> Change:
        return self._service(slug).fixes.apply(approval.approval_id)

    def revert(self, slug: str, change: Change) -> None:
        self._service(slug).fixes.revert(change.change_id)

    def recheck(self, slug: str, fix_id: str) -> Recheck:
        return self._service(slug).fixes.recheck(fix_id)

    def standing(self, slug: str) -> dict[str, Any]:
        """Whether it is paused and starts a run, and which runs wait for a time."""
        service = self._service(slug)
        paused = service.workflows.get(slug).paused
        waiting = [one.model_dump(mode="json") for one in service.quotas.waiting()]
        found: dict[str, Any] = {"waiting": waiting}
        if paused is not None:
            refused = self._refusal(slug).replace(str(paused.by), "<person>")
            found = {"paused": {"reason": paused.reason}, "a_new_run": refused}
        return found

    def _refusal(self, slug: str) -> str:
        try:
            self._service(slug).executions.start(slug)
        except WorkflowPaused as error:
            return str(error)
        raise AssertionError("a paused workflow starts no run")

    def parts(self, slug: str) -> dict[str, Any]:
        """The workflow as it is now and everything its workspace has, by a file-like name."""
        service = self._service(slug)
        named = {
            f"{ResourceKind(one.kind).value}s/{one.name}.yaml": one.model_dump(mode="json")[
                "content"
            ]
            for one in service.resources.list()
        }
        definition = service.workflows.get(slug).model_dump(mode="json")["definition"]
        return {"workflow.yaml": definition, **dict(sorted(named.items()))}

    def outcome(self, slug: str, change: Change) -> Outcome:
        return self._service(slug).fixes.outcome(change.change_id)

    def credits(self, slug: str) -> CreditStatement:
        return self._service(slug).account.credits()

    def connect(self, slug: str, name: str) -> None:
        """What an owner does who authorises the account *name*."""
        resources = self._service(slug).resources
        stored = resources.get(ResourceKind.INTEGRATION, name)
        resources.put(ResourceKind.INTEGRATION, name, {**stored.content, "connected": True})

    def has_field(self, slug: str, name: str) -> bool:
        """Whether the workspace defines a custom field *name*."""
        fields = self._service(slug).resources.list(ResourceKind.CUSTOM_FIELD)
        return any(field.name == name for field in fields)


class ProductOverHttp(Product):
    """The same by a client: every case goes through a real server, with the key of an owner."""

    def start(self, *, clock: Clock | None = None, **changed: object) -> None:
        super().start(clock=clock, requests_per_minute=0, **changed)
        self._keys: dict[str, str] = getattr(self, "_keys", {})
        self._clients: dict[str, RemoteService] = {}
        listener = socket.create_server(("127.0.0.1", 0))
        self._url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(
            uvicorn.Config(create_app(self.app), log_level="critical", lifespan="off")
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()

        def stop() -> None:
            for client in self._clients.values():
                client.close()
            server.should_exit = True
            thread.join()

        self._open.callback(stop)

    def _service(self, slug: str) -> Service:
        if slug not in self._keys:
            made = self.app.access.first_owner(slug, "owner")
            assert made is not None
            self._keys[slug] = made.secret
        if slug not in self._clients:
            self._clients[slug] = RemoteService(self._url, self._keys[slug])
        return self._clients[slug]
