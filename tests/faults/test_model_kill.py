"""kill -9 while a model is asked: credits come back, and the request resolves to the rules."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from copilot.bootstrap import open_app
from copilot.settings import load
from copilot.sources.jsonl import parse_run
from copilot.types.principal import Principal, PrincipalKind, Role

KEY = "request-1"
RUN = {
    "execution_id": "load-1",
    "workflow": "load",
    "status": "failed",
    "error": "connection refused by mail.acme.example",
}
ANSWER = {
    "explanation": "The mail server does not listen.",
    "root_cause": "network_error",
    "evidence": [],
    "fixes": [],
    "missing": [],
    "suspicious": False,
}
PATIENCE = 60.0
ASKING = """
import sys
from tests.faults.test_model_kill import analyzed
analyzed(sys.argv[1], sys.argv[2])
"""


def settings(folder: str | Path, answers: str | Path):
    named = {"data": Path(folder), "runtimes": ("scripted",), "scripted_answers": Path(answers)}
    return load({}, **named)


def analyzed(folder: str | Path, answers: str | Path):
    with open_app(settings(folder, answers), dispatch=False) as app:
        owner = Principal(
            id="person_1",
            name="Ada",
            workspace_id="default",
            role=Role.OWNER,
            kind=PrincipalKind.PERSON,
        )
        service = app.copilot.serve(owner, request_key=KEY)
        run = parse_run(RUN, where="run", workspace_id="default")
        report = service.analyses.analyze_foreign(run, require_model=True)
        return report, app.store.ledger.audit("default"), app.store.ledger.balance("default")


@pytest.fixture
def place(tmp_path: Path):
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps([{"json": ANSWER, "seconds": 9, "repeat": True}]))
    folder = tmp_path / "data"
    with open_app(settings(folder, answers), dispatch=False) as app:
        app.store.ledger.grant("default", "start", credits=10, reason="trial")
    return folder, answers


def reserved(folder: Path) -> bool:
    with sqlite3.connect(folder / "ask-copilot.sqlite") as connection:
        found = connection.execute("SELECT 1 FROM copilot_ledger_entry WHERE kind = 'reserve'")
        return found.fetchone() is not None


def test_killed_while_the_model_is_asked(place) -> None:
    folder, answers = place
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", ASKING, str(folder), str(answers)],
        cwd=root,
        env={"PYTHONPATH": str(root), "PATH": os.environ["PATH"]},
    )
    until = time.monotonic() + PATIENCE
    while not reserved(folder):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    time.sleep(0.3)  # the model is being asked by now
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL

    report, audit, balance = analyzed(folder, answers)
    assert report.degraded_reason == "interrupted"
    assert report.model is None
    assert (report.receipt.credits, balance) == (1, 9)
    assert audit.balanced
    again, audit, balance = analyzed(folder, answers)
    assert again.analysis_id == report.analysis_id
    assert balance == 9
