"""A run that waits for its quota: why it waits can be asked, and that it goes on is said."""

import http.server
import threading
from datetime import timedelta

import pytest

from copilot.bootstrap import open_app
from copilot.errors import NotAnalysable
from copilot.settings import load
from copilot.types import RunRecord, RunStatus
from copilot.types.principal import Principal
from engine.testing import FrozenClock
from tests.copilot.workflow_bench import Bench

DAY = timedelta(days=1)


class Invitations(http.server.BaseHTTPRequestHandler):
    """Takes every invitation: it is our own count that stops them."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format, *args):
        """Nothing on standard error."""


@pytest.fixture(scope="module")
def port():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Invitations) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def clock():
    return FrozenClock()


@pytest.fixture(scope="module")
def app(tmp_path_factory, port, clock):
    settings = load({}, data=tmp_path_factory.mktemp("x"), allowed_hosts=(f"127.0.0.1:{port}",))
    with open_app(settings, clock=clock) as app:
        yield app


@pytest.fixture
def midnight(clock):
    """When the day's quota resets."""
    return clock.now().replace(hour=0) + DAY


@pytest.fixture
def bench(app, port):
    bench = Bench(app)
    bench.integration("LinkedIn", type="linkedin", connected=True)
    bench.put(invite("first", port, 80), invite("second", port, 30))
    return bench


def invite(step_id, port, count):
    return {
        "id": step_id,
        "action": "http_request",
        "with": {
            "method": "POST",
            "url": f"http://127.0.0.1:{port}/invite",
            "json": {"count": count},
            "integration": "LinkedIn",
            "counts": {"invitations": count},
        },
    }


def test_the_limits_of_the_knowledge_base_are_counted(bench):
    run = bench.run()
    assert (run.status, run.error.code) == ("paused", "quota_exhausted")
    (account,) = bench.service.quotas.list()
    (allowance,) = account.allowances
    assert (allowance.quota.limit, allowance.used, allowance.left) == (100, 80, 20)


def test_a_run_that_waits_is_explained_and_says_when_it_goes_on(bench, midnight):
    report = bench.report()
    assert report.root_cause == "quota_exhausted"
    assert report.auto_resume_at == midnight
    assert report.headline.startswith("Step 2 waits: ")
    assert report.message.startswith("LinkedIn has 20 left of its allowance")
    assert "Agent will auto-resume tomorrow when quota resets." in report.message
    assert "resume_after_quota" not in {fix.type for fix in report.suggested_fixes}
    assert report.receipt.credits == 1


def test_the_same_answer_again_is_free_and_knows_the_new_time(bench, clock, midnight):
    run = bench.run()
    first = bench.report(run)
    clock.advance(DAY.total_seconds())
    bench.app.engine.parked.tick(clock.now())
    assert bench.service.executions.wait(run.id, 60).status == "succeeded"
    clock.advance(DAY.total_seconds())
    later = bench.run()
    second = bench.report(later)
    assert (first.receipt.credits, second.receipt.credits) == (1, 0)
    assert (first.auto_resume_at, second.auto_resume_at) == (midnight, midnight + 2 * DAY)
    assert second.execution_id == later.id


def test_waiting_is_no_failure(bench):
    run = bench.run()
    for _ in range(2):
        assert not bench.report(run).pattern_detected.is_pattern
    assert bench.service.analyses.failures().items == ()
    assert bench.service.analyses.patterns("w") == ()


def test_a_run_that_was_told_not_to_wait_has_failed_and_no_timer_is_promised(bench, port):
    steps = [invite("first", port, 80), invite("second", port, 30)]
    bench.put(*steps, workflow_id="strict", on_quota="fail")
    report = bench.report(bench.run("strict"))
    assert report.auto_resume_at is None
    assert report.headline.startswith("Step 2 failed: ")
    assert "auto-resume" not in report.message
    assert "resume_after_quota" in {fix.type for fix in report.suggested_fixes}


def test_a_run_that_was_ended_while_it_waited_is_not_explained_any_more(bench):
    run = bench.run()
    assert bench.report(run).auto_resume_at is not None
    bench.service.executions.cancel(run.id)
    with pytest.raises(NotAnalysable, match="cancelled"):
        bench.report(run)


def test_another_system_can_not_promise_that_our_timer_is_set(bench, midnight):
    run = RunRecord(
        source="rest",
        workspace_id="elsewhere",
        execution_id="e1",
        workflow_id="w",
        workflow_name="w",
        status=RunStatus.PAUSED,
        auto_resume_at=midnight,
    )
    with pytest.raises(NotAnalysable, match="paused"):
        bench.service.analyses.analyze_foreign(run)
    failed = run.model_copy(update={"status": RunStatus.FAILED})
    assert bench.service.analyses.analyze_foreign(failed).auto_resume_at is None


def test_a_machine_may_ask_too(bench, midnight):
    robot = Principal(
        id="bot", name="Bot", workspace_id=bench.workspace, kind="machine", role="operator"
    )
    run = bench.run()
    report = bench.app.copilot.serve(robot).analyses.analyze(run.id)
    assert report.auto_resume_at == midnight
