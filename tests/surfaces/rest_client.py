"""A client of the service as its tests use it: over HTTP, in this process, for one workspace."""

import dataclasses
import time
from collections.abc import Generator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from starlette.testclient import TestClient

from copilot.bootstrap import App, open_app
from copilot.demo import URGENT_MAIL, install_example
from copilot.settings import load
from copilot.surfaces.rest.app import create_app

_numbers = count()


@contextmanager
def one_database(folder: Path, *, dispatch: bool = True, **settings) -> Generator["Server"]:
    """One database, one server and one dispatcher, for tests that each take a workspace in it."""
    values = {"undo_seconds": 60.0, "requests_per_minute": 0, **settings}
    with open_app(load({}, data=folder, **values), dispatch=dispatch) as app:
        yield Server(app)


class Server:
    """The application as it is served, and the workspaces that tests make in it."""

    def __init__(self, app: App, **options):
        self.app = app
        self.http = TestClient(create_app(app, **options), raise_server_exceptions=False)

    def client(self, workspace=None, *, example=True) -> "Client":
        """The owner of a new workspace, with the demo's workflows in it."""
        workspace = workspace or f"test-{next(_numbers)}"
        owner = self.app.access.first_owner(workspace, "Owner")
        if example:
            install_example(in_workspace(self.app, workspace))
        return Client(self, workspace, owner.secret)

    def changed(self, **parts) -> "Server":
        """The same with other parts in the place of the real ones."""
        return Server(dataclasses.replace(self.app, **parts))


class Client:
    """The holder of one key; paths start behind the workspace."""

    def __init__(self, server, workspace, key):
        self.server = server
        self.workspace = workspace
        self.key = key

    @property
    def app(self):
        return self.server.app

    def __call__(self, method, path, *, workspace=None, **options):
        return self.ask(method, f"/api/workspaces/{workspace or self.workspace}{path}", **options)

    def ask(self, method, path, *, headers=None, **options):
        """At any path of the server."""
        headers = {"Authorization": f"Bearer {self.key}"} | (headers or {})
        headers = {name: value for name, value in headers.items() if value is not None}
        return self.server.http.request(method, path, headers=headers, **options)

    def get(self, path, **options):
        answer = self("GET", path, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path, body=None, **options):
        answer = self("POST", path, json=body, **options)
        assert answer.is_success, answer.text
        return answer.json()

    def on(self, server) -> "Client":
        """The same key at another server over the same database."""
        return Client(server, self.workspace, self.key)

    def colleague(self, role, kind="person") -> "Client":
        """Somebody else in this workspace."""
        made = self.post("/keys", {"name": f"{kind} {role}", "kind": kind, "role": role})
        return Client(self.server, self.workspace, made["secret"])

    def ended(self, execution_id):
        """The run when it has ended."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            progress = self.get(f"/executions/{execution_id}/progress")
            if progress["status"] not in {"queued", "running"}:
                return progress
            time.sleep(0.02)
        raise TimeoutError(progress)

    def run(self, workflow_id=URGENT_MAIL, **body):
        started = self("POST", "/executions", json={"workflow_id": workflow_id, **body})
        assert started.status_code == 202, started.text
        return started.json()["id"]

    def failed(self):
        execution_id = self.run()
        assert self.ended(execution_id)["status"] == "failed"
        return execution_id

    def fix_for(self, execution_id):
        report = self.post(f"/executions/{execution_id}/analyze")
        return next(fix["fix_id"] for fix in report["suggested_fixes"] if fix["fix_id"])

    def seen(self, fix_id):
        """What an approval of the fix as it is now says."""
        preview = self.get(f"/fixes/{fix_id}/preview")
        return {"digest": preview["digest"], "version": preview["base_version"]}

    def approved(self, fix_id):
        return self.post(f"/fixes/{fix_id}/approve", self.seen(fix_id))["approval_id"]

    def applied(self, fix_id):
        return self.post(f"/approvals/{self.approved(fix_id)}/apply")["change_id"]


def in_workspace(shared, name, **settings):
    changed = shared.settings.model_copy(update={"workspace": name, **settings})
    return dataclasses.replace(shared, settings=changed)


def says(answer, status, code):
    body = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code), body
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["type"].endswith(code)
    assert body["title"]
    return body
