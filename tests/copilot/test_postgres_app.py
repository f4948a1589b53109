"""The whole product on Postgres: the demo's story, and a server and a worker that share the work."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from copilot.bootstrap import open_app
from copilot.demo import story
from copilot.demo.story import RunStage
from copilot.remote import RemoteService
from copilot.settings import load
from copilot.types import OutcomeState
from tests.copilot.workflow_bench import render, tool
from tests.postgres import new_database

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60


@pytest.fixture(scope="module")
def url():
    with new_database(migrated=False) as url:
        yield url


def settings(url, folder, **more):
    return load({}, data=folder, database_url=url, **more)


def test_the_story_of_the_demo_is_the_same(url, tmp_path):
    with open_app(settings(url, tmp_path, workspace="story")) as app:
        assert app.engine.database.dialect.name == "postgresql"
        stages = list(story.repair(app, decide=lambda _preview: "partial"))
        told = {stage.name: stage for stage in stages}
        assert told["failed"].execution.status == "failed"
        assert told["report"].value.root_cause == "missing_resource"
        assert told["resumed"].execution.status == "succeeded"
        assert told["outcome"].value.state is OutcomeState.VERIFIED
        assert told["credits"].value.problems == ()
        *nights, pattern = story.repetition(app)
        assert all(isinstance(night, RunStage) for night in nights)
        assert pattern.value.pattern_detected.is_pattern
        assert story.digest_path(app).is_file()


def test_the_books_the_audit_and_the_night_are_kept_there_too(url, tmp_path):
    with open_app(settings(url, tmp_path, workspace="night")) as app:
        list(story.repair(app, decide=lambda _preview: "partial"))
        owner = app.owner()
        assert owner.nights.run().failures == 1
        assert owner.account.credits().problems == ()
        actions = {entry.action for entry in owner.account.audit().items}
        assert {"approve_fix", "apply_fix"} <= actions
        lines = [json.loads(line) for line in app.data.export("night")]
        assert lines[-1]["counts"]["copilot_analysis"] == 1
        app.data.clear("night", confirm="night")
        assert app.owner().workflows.list() == ()


def test_a_second_start_changes_nothing(url, tmp_path):
    for _ in range(2):
        with open_app(settings(url, tmp_path, workspace="story"), dispatch=False) as app:
            assert app.owner().account.credits().problems == ()


@contextmanager
def process(url, folder, *arguments):
    """`ask-copilot …` until the end of the block, with the first line that it has printed."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "ASK_COPILOT_DATABASE_URL": url,
        "ASK_COPILOT_DATA": str(folder),
    }
    with tempfile.TemporaryFile("w+") as log:  # a pipe that nobody reads would stop it
        started = subprocess.Popen(
            [sys.executable, "-m", "copilot", *arguments, "--json"],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            yield started
        finally:
            started.kill()
            started.communicate()


def first_words(started):
    return json.loads(started.stdout.readline())


@pytest.mark.timeout(300)
def test_a_server_and_a_worker_share_the_work(tmp_path):
    """Both begin at once, on a database without any table."""
    rows = tool("rows", "read_sheet", file="rows.csv")
    steps = [rows, render("greet", "Hello {name}", name="{{ rows[0].nmae }}")]
    with (
        new_database(migrated=False) as url,
        process(url, tmp_path, "serve", "--port", "0") as server,
        process(url, tmp_path, "worker") as worker,
    ):
        said = first_words(server)
        assert first_words(worker) == {"status": "working"}
        folder = tmp_path / "files" / "default"
        folder.mkdir(parents=True)
        (folder / "rows.csv").write_text("name\nAda\n", encoding="utf-8")
        with RemoteService(said["url"], said["key"]["secret"]) as service:
            service.workflows.create({"name": "Greet", "steps": steps}, workflow_id="w")
            started = [service.executions.start("w").id for _ in range(20)]
            ended = [service.executions.wait(run, PATIENCE) for run in started]
            assert {run.status for run in ended} == {"failed"}
            report = service.analyses.analyze(started[0])
            fix = report.suggested_fixes[0].fix_id
            shown = service.fixes.preview(fix)
            approval = service.fixes.approve(fix, digest=shown.digest, version=shown.base_version)
            service.fixes.apply(approval.approval_id)
            assert len(service.analyses.failures().items) == 20
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0
        with open_app(settings(url, tmp_path), dispatch=False) as app:  # which carries nothing out
            owner = app.owner()
            run = owner.executions.start("w")
            assert owner.executions.wait(run.id, PATIENCE).status == "succeeded"
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
