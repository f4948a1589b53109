"""kill -9 of a real process, at the moments that hurt most, and what the next process finds."""

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from copilot.bootstrap import open_app
from copilot.demo import URGENT_MAIL, install_example
from copilot.settings import load
from copilot.types import ChangeState

ROOT = Path(__file__).resolve().parents[2]

PRELUDE = """
import os, signal, sys
from pathlib import Path
from copilot.bootstrap import open_app
from copilot.settings import load
from copilot.storage.analyses import Analyses
from copilot.storage.changes import Changes
from engine.engine import Engine

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

def die_after(call):
    def wrapped(*args, **kwargs):
        call(*args, **kwargs)
        die()
    return wrapped
"""

BODIES = {
    "analyze": "app.copilot.analyze('default', sys.argv[2])",
    "apply": "app.copilot.apply('default', sys.argv[2])",
}

#: Where the process dies, as a line of code that arranges it.
MOMENTS = {
    "before anything is marked": ("apply", "Changes.begin = die"),
    "marked, not given to the workflow": ("apply", "Engine.apply_change = die"),
    "given to the workflow, not marked": (
        "apply",
        "Engine.apply_change = die_after(Engine.apply_change)",
    ),
    "marked as applied": ("apply", "Changes.mark_applied = die_after(Changes.mark_applied)"),
}


def killed(data: Path, body: str, arrange: str, argument: str) -> None:
    script = PRELUDE + textwrap.dedent(
        f"""
        {arrange}
        with open_app(load(data=Path(sys.argv[1])), dispatch=False) as app:
            {BODIES[body]}
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(data), argument],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.fixture
def failed(tmp_path):
    """A data folder with a failed run and 10 credits; the settings and the run's id."""
    settings = load(data=tmp_path / "data", undo_seconds=600)
    with open_app(settings) as app:
        install_example(app)
        app.copilot.grant("default", 10, actor="test", key="start")
        started = app.engine.submit("default", URGENT_MAIL)
        assert app.engine.wait("default", started.id, 60).status.value == "failed"
    return settings, started.id


@pytest.fixture
def approved(failed):
    settings, execution_id = failed
    with open_app(settings, dispatch=False) as app:
        report = app.copilot.analyze("default", execution_id)
        fix_id = next(fix.fix_id for fix in report.suggested_fixes if fix.fix_id)
        shown = app.copilot.preview("default", fix_id)
        approval = app.copilot.approve(
            "default", fix_id, digest=shown.digest, version=1, actor="test"
        )
    return settings, approval.approval_id


@pytest.mark.parametrize(("body", "arrange"), MOMENTS.values(), ids=MOMENTS)
def test_an_apply_that_was_killed_is_made_once_or_can_be_made_again(approved, body, arrange):
    settings, approval_id = approved
    killed(settings.data, body, arrange, approval_id)
    with open_app(settings, dispatch=False) as app:
        version = app.engine.workflow("default", URGENT_MAIL).version
        if version == 1:
            change = app.copilot.apply("default", approval_id)
        else:
            change = app.copilot.changes("default", URGENT_MAIL)[0]
        assert (change.state, change.version) == (ChangeState.APPLIED, 2)
        assert app.engine.workflow("default", URGENT_MAIL).version == 2
        assert len(app.copilot.changes("default", URGENT_MAIL)) == 1
        assert app.copilot.undo("default", change.change_id, actor="test").change.version == 3


def test_an_analysis_that_was_killed_costs_nothing_and_can_be_asked_again(failed):
    settings, execution_id = failed
    killed(settings.data, "analyze", "Analyses.finish = die", execution_id)
    with open_app(settings, dispatch=False) as app:
        after_crash = app.copilot.credits("default")
        assert (after_crash.balance, after_crash.spent, after_crash.reserved) == (10, 0, 0)
        assert app.copilot.analyze("default", execution_id).receipt.balance == 9
        books = app.copilot.credits("default")
        assert (books.spent, books.problems) == (1, ())


def test_an_answer_that_was_stored_before_the_kill_is_charged_once(failed):
    settings, execution_id = failed
    killed(settings.data, "analyze", "Analyses.finish = die_after(Analyses.finish)", execution_id)
    with open_app(settings, dispatch=False) as app:
        assert app.copilot.analyze("default", execution_id).receipt.credits == 0
        assert app.copilot.credits("default").spent == 1


def test_a_killed_run_goes_on_with_the_command_resume(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    options = {"cwd": tmp_path, "env": environment}
    command = [sys.executable, "-m", "copilot"]
    rows = "\n".join(
        f"  - {{id: s{n}, action: write_file, with: {{path: f{n}, content: x}}}}"
        for n in range(400)
    )
    (tmp_path / "long.yaml").write_text(f"name: Long\nsteps:\n{rows}\n")
    subprocess.run([*command, "init"], check=True, capture_output=True, **options)
    running = subprocess.Popen([*command, "run", "long.yaml"], stdout=subprocess.DEVNULL, **options)
    folder = tmp_path / ".ask-copilot/files/default"
    while not (folder / "f20").exists():
        assert running.poll() is None
    running.kill()
    running.wait()
    settings = load(data=tmp_path / ".ask-copilot")
    with open_app(settings, dispatch=False) as app:
        (execution,) = app.engine.executions("default")
        assert not execution.status.is_terminal
        done = sum(
            step.status.value == "succeeded" for step in app.engine.history("default", execution.id)
        )
    resumed = subprocess.run(
        [*command, "resume", execution.id, "--json"], capture_output=True, timeout=60, **options
    )
    assert resumed.returncode == 0, resumed.stderr
    document = json.loads(resumed.stdout)
    assert document["execution"]["status"] == "succeeded"
    assert document["execution"]["round"] == 1
    assert 20 <= done < 400
    with open_app(settings, dispatch=False) as app:
        assert len(app.engine.history("default", execution.id)) == 400


WORKFLOW = """
name: Slow
steps:
  - {id: a, action: write_file, with: {path: a.json, content: "1"}}
  - {id: b, action: http_request, with: {url: "http://127.0.0.1:PORT/"}, retry: {max_retries: 0}}
  - {id: c, action: write_file, with: {path: c.json, content: "{{ a.bytes }}"}}
"""


def test_a_run_that_was_killed_goes_on_and_repeats_no_committed_step(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (tmp_path / "slow.yaml").write_text(WORKFLOW.replace("PORT", str(port)))
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "ASK_COPILOT_ALLOWED_HOSTS": f"127.0.0.1:{port}",
        }
        command = [sys.executable, "-m", "copilot"]
        options = {"cwd": tmp_path, "env": environment}
        subprocess.run([*command, "init"], check=True, capture_output=True, **options)
        running = subprocess.Popen(
            [*command, "run", "slow.yaml"], stdout=subprocess.DEVNULL, **options
        )
        server.settimeout(60)
        first, _ = server.accept()  # step a is committed, step b is under way
        running.kill()
        running.wait()
        first.close()
        with open_app(
            load(data=tmp_path / ".ask-copilot", allowed_hosts=(f"127.0.0.1:{port}",))
        ) as app:
            second, _ = server.accept()  # the step that was under way, and only that, runs again
            second.recv(65536)
            second.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            second.close()
            (execution,) = app.engine.executions("default")
            assert app.engine.wait("default", execution.id, 60).status.value == "succeeded"
            rows = app.engine.history("default", execution.id)
            assert [(row.path, row.status.value) for row in rows] == [
                ("/a", "succeeded"),
                ("/b", "succeeded"),
                ("/c", "succeeded"),
            ]
    assert json.loads((tmp_path / ".ask-copilot/files/default/c.json").read_text()) == 1
