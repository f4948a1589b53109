"""Old runs go, but for those that a fix is judged by and those of a failure that goes on."""

from datetime import timedelta

import pytest

from copilot.bootstrap import open_app
from copilot.errors import NotFound
from copilot.settings import load
from copilot.types import OutcomeState
from engine.errors import NotFound as EngineNotFound
from tests.copilot.workflow_bench import Bench, render, tool

READ = tool("read", "read_sheet", file="leads.csv")
GREET = render("greet", "Hello {name}", name="{{ read[0].nmae }}")


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with open_app(load({}, data=tmp_path_factory.mktemp("kept"), retention_days=7)) as app:
        yield app


@pytest.fixture
def bench(app):
    bench = Bench(app)
    bench.files(leads_csv="name\nAda\n")
    return bench


def after(app, **age):
    """Has the night of the day come that is *age* away from now."""
    return app.retention.run(app.store.database.now() + timedelta(**age))


def is_there(bench, run):
    try:
        bench.service.executions.get(run.id)
    except EngineNotFound:
        return False
    return True


def test_without_the_setting_everything_stays(tmp_path):
    with open_app(load({}, data=tmp_path), dispatch=False) as app:
        assert app.retention is None


def test_runs_go_when_they_are_old_enough(bench):
    bench.put(READ)
    run = bench.run()
    after(bench.app, days=6)
    assert is_there(bench, run)
    after(bench.app, days=8)
    assert not is_there(bench, run)


def test_what_nobody_has_looked_at_is_taken_in_before_it_goes(bench):
    bench.put(READ, GREET)
    run = bench.run()
    after(bench.app, days=8)
    assert not is_there(bench, run)
    (failure,) = bench.service.analyses.failures().items
    assert failure.execution_id == run.id
    with pytest.raises((NotFound, EngineNotFound)):
        bench.report(run)


def test_the_run_of_a_fix_stays_until_it_is_known_whether_it_holds(bench):
    bench.put(READ, GREET)
    failed, other = bench.run(), bench.run()
    change = bench.apply(bench.report(failed), "replace_value")
    judged = bench.run()
    bench.service.analyses.failures()
    after(bench.app, days=8)
    assert [is_there(bench, run) for run in (failed, other, judged)] == [True, False, True]
    for _ in range(2):
        bench.run()
    bench.service.analyses.failures()
    assert bench.service.fixes.outcome(change.change_id).state is OutcomeState.VERIFIED
    after(bench.app, days=8)
    assert not is_there(bench, failed)


def test_the_runs_of_a_failure_that_goes_on_stay(bench):
    bench.put(READ, GREET)
    bench.put(READ, GREET, workflow_id="seldom")
    often = [bench.run() for _ in range(5)]
    seldom = bench.run("seldom")
    after(bench.app, days=8)
    assert all(is_there(bench, run) for run in often)
    assert not is_there(bench, seldom)
    bench.app.owner(bench.workspace).account.set_settings({"pattern_threshold": 6})
    after(bench.app, days=8)
    assert not any(is_there(bench, run) for run in often)


def test_what_is_kept_in_one_workspace_says_nothing_about_another(bench, app):
    bench.put(READ, GREET)
    runs = [bench.run().id for _ in range(5)]
    needed = app.retention._watched
    assert needed.watched(bench.workspace, runs) == frozenset(runs)
    assert needed.watched("elsewhere", runs) == frozenset()
    assert needed.watched(bench.workspace, []) == frozenset()
