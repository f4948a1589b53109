"""A process killed while it charges: everything of an answer is stored, or nothing."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from copilot.storage.store import Store
from tests.copilot.storage_builders import a_failure, a_finished_analysis, sqlite_engine

KILLED = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import event
from copilot.storage.store import Store
from tests.copilot.storage_builders import a_failure, a_finished_analysis, sqlite_engine
engine = sqlite_engine(Path(sys.argv[1]))
store = Store.open(engine)
engine.dispose()
statements = 0
def count(_statement):
    global statements
    statements += 1
    if statements > int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
event.listen(engine, "connect", lambda driver, _record: driver.set_trace_callback(count))
store.failures.cursor("acme", "engine")  # connected: the statements of connecting are not counted
statements = 0
if sys.argv[3] == "at-once":
    store.analyses.answer(a_finished_analysis(a_failure()), price=2)
else:
    store.ledger.reserve("acme", "key-1", price=2)
    store.analyses.finish(a_finished_analysis(a_failure()))
"""


@pytest.mark.parametrize("way", ["in-two-commits", "at-once"])
@pytest.mark.parametrize("statements", [0, 2, 4, 6, 8, 10, 12, 99])
def test_kill_at_any_statement_leaves_all_or_nothing(
    tmp_path: Path, statements: int, way: str
) -> None:
    path = tmp_path / "copilot.sqlite"
    engine = sqlite_engine(path)
    store = Store.open(engine)
    store.ledger.grant("acme", "start", credits=10, reason="trial")
    engine.dispose()
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path), str(statements), way],
        cwd=root,
        env={"PYTHONPATH": str(root), "PATH": os.environ["PATH"]},
        check=False,
    )
    killed = done.returncode == -signal.SIGKILL
    assert killed or done.returncode == 0
    assert killed or statements > 10
    assert store.ledger.audit("acme").balanced
    stored = store.analyses.by_key("acme", "key-1")
    reservation = store.ledger.reservation("acme", "key-1")
    settled = reservation is not None and reservation.settled is not None
    assert (stored is not None) == settled
    assert way == "in-two-commits" or (reservation is not None) == settled
    assert store.analyses.answer(a_finished_analysis(a_failure()), price=2).receipt.balance == 9
    assert store.ledger.balance("acme") == 9
    engine.dispose()
