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

TOKEN = "a-token-for-these-tests"
_numbers = count()


@contextmanager
def one_database(folder: Path) -> Generator[App]:
    """One database and one dispatcher, for tests that each take a workspace of their own in it."""
    with open_app(load({}, data=folder, undo_seconds=60.0)) as app:
        yield app


def new_client(shared: App) -> "Client":
    """In a workspace of its own, with the demo's workflows."""
    app = in_workspace(shared, f"test-{next(_numbers)}")
    install_example(app)
    return Client(app)


class Client:
    """A client of the service for one workspace; paths start behind the workspace."""

    def __init__(self, app, *, token=TOKEN):
        self.app = app
        self.workspace = app.settings.workspace
        self.http = TestClient(create_app(app, token=TOKEN), raise_server_exceptions=False)
        if token:
            self.http.headers["Authorization"] = f"Bearer {token}"

    def __call__(self, method, path, *, workspace=None, **options):
        place = f"/api/workspaces/{workspace or self.workspace}"
        return self.http.request(method, place + path, **options)

    def ended(self, execution_id):
        """The run when it has ended."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            progress = self("GET", f"/executions/{execution_id}/progress").json()
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
        report = self("POST", f"/executions/{execution_id}/analyze").json()
        return next(fix["fix_id"] for fix in report["suggested_fixes"] if fix["fix_id"])

    def approved(self, fix_id):
        preview = self("GET", f"/fixes/{fix_id}/preview").json()
        seen = {"digest": preview["digest"], "version": preview["base_version"]}
        answer = self("POST", f"/fixes/{fix_id}/approve", json=seen)
        assert answer.status_code == 201, answer.text
        return answer.json()["approval_id"]

    def applied(self, fix_id):
        answer = self("POST", f"/approvals/{self.approved(fix_id)}/apply")
        assert answer.status_code == 200, answer.text
        return answer.json()["change_id"]


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
