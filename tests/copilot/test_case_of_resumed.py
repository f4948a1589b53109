"""A fix that has held is a case for the tests, also where the run that failed went on since."""

import json

import pytest

from copilot.bootstrap import open_app
from copilot.demo import URGENT_MAIL
from copilot.errors import InvalidInput
from copilot.settings import load
from copilot.sources.engine import EngineSource
from tests.copilot.test_service import Bench


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with open_app(load({}, data=tmp_path_factory.mktemp("case"))) as app:
        bench = Bench(app)
        bench.service.account.set_settings({"verify_runs": 1})
        yield bench


@pytest.fixture(scope="module")
def fixed(bench):
    """A fix of a failed run, what the run was when it failed, and the report; nothing resumed yet."""
    failed = bench.run()
    report = bench.analyze(failed)
    change = bench.service.fixes.apply(bench.approve(bench.first_fix(report)).approval_id)
    return change, EngineSource(bench.engine).run(bench.workspace, failed.id), report


@pytest.fixture(scope="module")
def resumed(bench, fixed):
    _, then, _ = fixed
    bench.engine.resume(bench.workspace, then.execution_id, mode="partial")
    ended = bench.engine.wait(bench.workspace, then.execution_id, 60)
    assert (ended.status.value, ended.round) == ("succeeded", 2)
    bench.run()


def came_to(run):
    return tuple(step for step in run.steps if step.started_at is not None)


def test_the_run_is_told_as_it_failed(bench, fixed, resumed):
    change, then, report = fixed
    source = EngineSource(bench.engine)
    assert source.run(bench.workspace, then.execution_id) != then
    told = source.as_failed(
        bench.workspace,
        then.execution_id,
        at=report.failed_step.timestamp,
        version=change.base_version,
    )
    assert told.steps == came_to(then)
    assert (told.status, told.error, told.workflow_version) == (then.status, then.error, 1)


def test_its_case_is_that_of_the_failure(bench, fixed, resumed):
    change, then, _ = fixed
    assert bench.service.fixes.outcome(change.change_id).state == "verified"
    case = bench.service.learning.case(change.change_id)
    (run,) = [json.loads(line) for line in case.files["1_raw.jsonl"].splitlines()]
    assert (run["status"], run["workflow_id"]) == ("failed", URGENT_MAIL)
    assert [step["status"] for step in run["steps"]] == [step.status for step in came_to(then)]
    assert "UrgentEmails" in run["error"]["message"]


def test_where_it_is_not_known_how_it_failed_that_is_said(bench, fixed, resumed, monkeypatch):
    change, _, _ = fixed
    monkeypatch.setattr(bench.engine.runs.stored, "history", lambda *_: ())
    with pytest.raises(InvalidInput, match="its run went on since"):
        bench.service.learning.case(change.change_id)
