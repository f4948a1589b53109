"""What one analysis asks of the database, counted by SQLite itself, whatever else the machine does."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from copilot.bootstrap import App, open_app
from copilot.settings import load
from engine.definition import parse_workflow

WORKFLOW = {
    "name": "Newsletter",
    "inputs": {"template": {"required": True}},
    "steps": [
        {
            "id": "step1",
            "action": "render_template",
            "with": {"template": "{{ inputs.template }}", "values": {"name": "Ada"}},
        }
    ],
}
ASKS = ("SELECT", "INSERT", "UPDATE", "DELETE")
WRITES = ASKS[1:]
#: Reads of the run, its last green one, the workflow, settings, rules and entries of the workspace,
#: the pattern and the resources, what fixes may do and how they have held, and one charge.
MOST = 32


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with open_app(load({}, data=tmp_path_factory.mktemp("data"))) as app:
        yield app


@pytest.fixture(scope="module")
def workflow_id(app: App) -> str:
    return app.engine.put_workflow("default", parse_workflow(WORKFLOW, source="test")).workflow_id


def failed_run(app: App, workflow_id: str, template: str) -> str:
    run = app.engine.submit("default", workflow_id, inputs={"template": template})
    assert app.engine.wait("default", run.id, 30).status.is_failure
    return run.id


@contextmanager
def statements(app: App) -> Iterator[list[str]]:
    """What this thread tells SQLite inside the block; the dispatcher has threads of its own."""
    said: list[str] = []
    asker = threading.current_thread()

    def listen(connection, *_):
        if threading.current_thread() is asker:
            connection.set_trace_callback(said.append)

    def silence(connection, *_):
        connection.set_trace_callback(None)

    event.listen(app.engine.database, "checkout", listen)
    event.listen(app.engine.database, "checkin", silence)
    yield said
    event.remove(app.engine.database, "checkout", listen)
    event.remove(app.engine.database, "checkin", silence)


def asked(said: list[str]) -> int:
    """A statement that has a trigger is told once more for it."""
    return sum(one.startswith(ASKS) for one, _ in itertools.groupby(said))


def test_an_analysis_is_one_commit_and_a_bounded_number_of_statements(
    app: App, workflow_id: str
) -> None:
    analyses = app.owner().analyses
    run = failed_run(app, workflow_id, "first")
    analyses.failures()
    with statements(app) as said:
        report = analyses.analyze(run)
    assert report.receipt.credits == 1
    assert said.count("COMMIT") == 1
    assert asked(said) <= MOST


def test_what_is_known_already_is_served_without_writing(app: App, workflow_id: str) -> None:
    analyses = app.owner().analyses
    run = failed_run(app, workflow_id, "again")
    first = analyses.analyze(run)
    with statements(app) as said:
        assert analyses.analyze(run).analysis_id == first.analysis_id
    assert not [one for one in said if one.startswith(WRITES)]


def test_the_history_does_not_make_an_analysis_ask_more(app: App, workflow_id: str) -> None:
    analyses = app.owner().analyses
    counts: list[int] = []
    for size in (6, 15):  # each makes a pattern, so that pausing is thought of
        runs = [failed_run(app, workflow_id, f"{size}-{number}") for number in range(size)]
        analyses.failures()
        with statements(app) as said:
            analyses.analyze(runs[-1])
        counts.append(asked(said))
    assert counts[0] == counts[1]


def test_a_batch_of_runs_that_have_ended_is_read_in_one_go(app: App, workflow_id: str) -> None:
    """Runs are many, versions are few: none has a transaction of its own."""
    analyses = app.owner().analyses
    counts: list[int] = []
    for size in (2, 12):
        for number in range(size):
            failed_run(app, workflow_id, f"batch-{size}-{number}")
        with statements(app) as said:
            analyses.failures()
        counts.append(said.count("BEGIN"))
    assert counts[0] == counts[1]
