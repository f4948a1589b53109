"""What tests of learning share: runs that have ended and are counted, and files to read."""

from datetime import UTC, datetime

from engine.execution import ErrorInfo, ExecutionStatus
from engine.storage.database import writing
from engine.storage.records import lock_execution
from engine.storage.stats import Ended, roll_up
from engine.testing import WORKSPACE

MOMENT = datetime(2026, 1, 5, 9, tzinfo=UTC)


def settle(engine, run):
    """Counts an ended run; when the engine has done so already, this changes nothing."""
    with writing(engine.database) as connection:
        row = lock_execution(connection, run.id)
        error = None if row.error is None else ErrorInfo.model_validate_json(row.error)
        ended = Ended.of(row, status=ExecutionStatus(row.status), error=error)
        version = engine.workflow(row.workspace_id, row.workflow_id, row.workflow_version)
        roll_up(connection, ended, version.workflow, now=MOMENT)


def given_documents(engine, folder, *names):
    """Documents of the workspace, each a file with a word in it."""
    (folder / "files" / WORKSPACE).mkdir(parents=True)
    for name in names:
        (folder / "files" / WORKSPACE / f"{name}.txt").write_text("Text.")
        engine.put_resource(WORKSPACE, "document", name, {"path": f"{name}.txt"})


def flaky(*failures):
    """An action that fails with each of *failures* in turn, and then no more."""
    left = list(failures)

    def act():
        if left:
            raise left.pop(0)
        return "done"

    return act
