"""kill -9 of a real process in the middle of a nightly pass, and what the next process makes of it."""

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import select

import knowledge_base
from copilot.intake import Intake
from copilot.nightly import Nightly
from copilot.pipeline.analyze import Analyzer
from copilot.policy import Policy
from copilot.sources.engine import EngineSource
from copilot.storage.store import Store
from copilot.storage.tables import FAILURE, LEDGER_ENTRY
from copilot.targets.engine import EngineTarget
from copilot.types.nightly import PassState
from engine.definition import parse_workflow
from engine.engine import Engine
from engine.ports import EngineSettings

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = 4

SCRIPT = """
import os, signal, sys
from pathlib import Path
import copilot.intake
from copilot.storage.nights import Nights
from tests.faults import test_nightly_kill as scene

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

def at(number, call, *, after=False):
    calls = [0]
    def counted(*args, **kwargs):
        calls[0] += 1
        if calls[0] < number:
            return call(*args, **kwargs)
        if after:
            call(*args, **kwargs)
        die()
    return counted

with scene.opened(Path(sys.argv[1])) as (store, nightly):
    {arrange}
    nightly.run("default")
"""

#: Where the process dies, and how many kinds have been analysed and charged by then.
MOMENTS = {
    "before the failures are stored": ("copilot.intake.move_cursor = die", 0),
    "before the pass is stored": ("Nights.begin = die", 0),
    "before the first analysis": ("nightly._analyze = die", 0),
    "between two analyses": ("nightly._analyze = at(3, nightly._analyze)", 2),
    "just after one": ("nightly._analyze = at(2, nightly._analyze, after=True)", 2),
    "after one is noted": ("Nights.settle = at(2, Nights.settle, after=True)", 2),
    "before the digest": ("Nights.finish = die", WORKFLOWS),
}


def settings(folder):
    return EngineSettings(url=f"sqlite:///{folder / 'engine.sqlite'}", files=folder / "files")


class opened:  # noqa: N801
    """A store and a nightly pass over the engine in *folder*, wired as in the product."""

    def __init__(self, folder):
        self.engine = Engine.open(settings(folder), dispatch=False)

    def __enter__(self):
        store = Store.open(self.engine.database)
        source, target = EngineSource(self.engine), EngineTarget(self.engine)
        analyzer = Analyzer(
            store,
            knowledge=lambda _workspace_id: knowledge_base.load(),
            workspaces=source,
            target=target,
            checker=target,
        )
        nightly = Nightly(
            store,
            catch_up=Intake(store, source).catch_up,
            analyze=lambda workspace_id, execution_id, key: analyzer.analyze(
                source.run(workspace_id, execution_id), idempotency_key=key
            ),
            policy=lambda _workspace_id: Policy(),
        )
        return store, nightly

    def __exit__(self, *_):
        self.engine.close()


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """A folder with failed runs of four workflows, and 10 credits."""
    folder = tmp_path_factory.mktemp("night")
    with Engine(settings(folder)) as engine:
        for number in range(WORKFLOWS):
            step = {"action": "render_template", "with": {"template": f"Newsletter {number}"}}
            workflow = parse_workflow(
                {"name": "Night", "steps": [{"id": "step1", **step}]}, source="test"
            )
            engine.put_workflow("default", workflow, workflow_id=f"night-{number}")
            for _ in range(2):
                run = engine.submit("default", f"night-{number}")
                assert engine.wait("default", run.id, 60).status.is_failure
        store = Store.open(engine.database)
        store.ledger.grant("default", "start", credits=10, reason="test")
    return folder


@pytest.fixture(scope="module")
def undisturbed(night, tmp_path_factory):
    """What a pass gives that nobody kills: its digest, the charges and the failures."""
    folder = Path(shutil.copytree(night, tmp_path_factory.mktemp("undisturbed") / "night"))
    with opened(folder) as (store, nightly):
        digest = nightly.run("default")
        assert (digest.analysed, digest.credits) == (WORKFLOWS, WORKFLOWS)
        return digest, charges(store), failures(store)


@pytest.fixture
def folder(night, tmp_path):
    return Path(shutil.copytree(night, tmp_path / "night"))


def killed(folder, arrange):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(arrange=arrange), str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def charges(store):
    """How often each kind of entry was written, with its credits."""
    query = select(LEDGER_ENTRY.c.kind, LEDGER_ENTRY.c.credits, LEDGER_ENTRY.c.effect)
    with store.database.read() as connection:
        return Counter(tuple(row) for row in connection.execute(query))


def failures(store):
    with store.database.read() as connection:
        return sorted(connection.execute(select(FAILURE.c.execution_id)).scalars())


def found(digest):
    return [(item.workflow_id, item.failures, item.headline) for item in digest.items]


@pytest.mark.parametrize(("arrange", "analysed"), MOMENTS.values(), ids=MOMENTS)
def test_a_pass_that_was_killed_goes_on_and_charges_nothing_twice(
    folder, undisturbed, arrange, analysed
):
    expected, expected_charges, expected_failures = undisturbed
    killed(folder, arrange)
    with opened(folder) as (store, nightly):
        left = store.nights.running("default")
        assert store.ledger.audit("default").spent == analysed
        digest = nightly.run("default")
        assert digest.state is PassState.FINISHED
        assert left is None or left.pass_id == digest.pass_id
        assert found(digest) == found(expected)
        assert (digest.credits, digest.cost_usd) == (expected.credits, expected.cost_usd)
        assert charges(store) == expected_charges
        assert failures(store) == expected_failures
        books = store.ledger.audit("default")
        assert (books.balance, books.spent, books.problems) == (10 - WORKFLOWS, WORKFLOWS, ())
        assert nightly.run("default").failures == 0
        assert charges(store) == expected_charges
