"""Actions on the real engine: a pause, a timer that is really set, and an account to connect."""

import http.server
import json
import re
import shlex
import threading
from datetime import timedelta

import pytest

from copilot.bootstrap import open_app
from copilot.errors import ApprovalRefused, InvalidFix, NotReversible
from copilot.policy import Policy
from copilot.settings import load
from engine.errors import WorkflowPaused
from engine.testing import FrozenClock
from tests.copilot.workflow_bench import Bench, render, tool

DAY = timedelta(days=1)
#: So many are a pattern.
FAILURES = Policy().pattern_threshold


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
def bench(app):
    return Bench(app)


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


@pytest.fixture
def strict(bench, port):
    """A workflow that does not wait for a limit, and fails because of one."""
    bench.integration("LinkedIn", type="linkedin", connected=True)
    bench.put(invite("first", port, 80), invite("second", port, 30), on_quota="fail")
    return bench


def failing(bench, **settings):
    """A workflow that fails until that is a pattern, and the report then."""
    bench.put(render("greet", "Hello {name}"), **settings)
    return [bench.report() for _ in range(FAILURES)][-1]


def fix_of(report, fix_type):
    return next(one.fix_id for one in report.actions if one.type == fix_type)


def approve(bench, fix_id):
    shown = bench.service.fixes.preview(fix_id)
    return bench.service.fixes.approve(fix_id, digest=shown.digest, version=shown.base_version)


def apply(bench, fix_id):
    return bench.service.fixes.apply(approve(bench, fix_id).approval_id)


def paused(bench):
    return bench.service.workflows.get("w").paused


def test_a_workflow_that_keeps_failing_is_paused_by_its_button_and_unpaused_again(bench):
    fix_id = fix_of(failing(bench), "pause_workflow")
    shown = bench.service.fixes.preview(fix_id)
    assert (shown.kind, shown.base_version) == ("action", 1)
    assert shown.diff.splitlines()[1] == "It has no schedule."
    change = apply(bench, fix_id)
    assert (change.fix_type, change.state, change.version) == ("pause_workflow", "applied", 1)
    assert paused(bench).reason.startswith("Repeated failure: ")
    with pytest.raises(WorkflowPaused):
        bench.run()
    outcome = bench.service.fixes.outcome(change.change_id)
    assert (outcome.state, outcome.needed) == ("not_watched", 0)
    reversal = bench.service.fixes.revert(change.change_id)
    assert reversal.change.kind == "revert"
    assert paused(bench) is None
    assert bench.run().status == "failed"
    assert bench.service.fixes.outcome(change.change_id).state == "taken_back"
    told = [one.action for one in bench.service.account.audit().items]
    assert told[:3] == ["revert_fix", "apply_fix", "approve_fix"]


def test_pausing_tells_the_runs_of_its_schedule(bench):
    report = failing(bench, trigger={"type": "schedule", "schedule": "0 9 * * *"})
    shown = bench.service.fixes.preview(fix_of(report, "pause_workflow"))
    assert "Its schedule starts 7 runs in 7 days" in shown.diff


def test_a_report_that_is_told_again_can_pause_too_by_the_same_fix(bench):
    bench.put(render("greet", "Hello {name}"))
    first = bench.report()
    assert first.pause_fix_id is None
    for _ in range(FAILURES - 2):
        bench.run()
    again = [bench.report() for _ in range(2)]
    assert [one.served_from for one in again] == [first.analysis_id] * 2
    assert again[0].pause_fix_id == again[1].pause_fix_id is not None
    assert apply(bench, again[1].pause_fix_id).state == "applied"


def test_a_workflow_that_is_paused_already_is_not_paused_and_its_pause_is_not_lifted(bench):
    fix_id = fix_of(failing(bench), "pause_workflow")
    approval = approve(bench, fix_id)
    bench.service.workflows.pause("w", reason="holidays")
    with pytest.raises(InvalidFix, match="paused already"):
        bench.service.fixes.apply(approval.approval_id)
    with pytest.raises(InvalidFix, match="paused already"):
        bench.service.fixes.preview(fix_id)
    assert paused(bench).reason == "holidays"


def test_a_pause_of_somebody_else_is_not_lifted_by_taking_ours_back(bench, clock):
    change = apply(bench, fix_of(failing(bench), "pause_workflow"))
    bench.service.workflows.unpause("w")
    clock.advance(1)
    bench.service.workflows.pause("w", reason="holidays")
    with pytest.raises(NotReversible, match="unpaused meanwhile"):
        bench.service.fixes.revert(change.change_id)
    assert paused(bench).reason == "holidays"


def resume_fix(report):
    return next(one for one in report.suggested_fixes if one.type == "resume_after_quota")


def test_a_run_that_failed_on_a_quota_goes_on_when_the_timer_goes_off(strict, clock):
    clock.advance(DAY.total_seconds())
    run = strict.run()
    suggested = resume_fix(strict.report(run))
    assert suggested.auto_fix_available
    midnight = clock.now().replace(hour=0, minute=0, second=0) + DAY
    assert f"{midnight:%Y-%m-%d} 00:00 UTC" in suggested.preview
    change = apply(strict, suggested.fix_id)
    assert change.fix_type == "resume_after_quota"
    (waiting,) = strict.service.quotas.waiting()
    assert (waiting.execution_id, waiting.auto_resume_at) == (run.id, midnight)
    assert strict.service.executions.get(run.id).status == "failed"
    tick = strict.app.engine.parked.tick
    tick(clock.now())
    assert strict.service.executions.get(run.id).round == 1
    clock.advance(DAY.total_seconds())
    for _ in range(3):
        tick(clock.now())
    ended = strict.service.executions.wait(run.id, 60)
    assert (ended.status, ended.round) == ("succeeded", 2)
    assert strict.service.quotas.waiting() == ()
    with pytest.raises(NotReversible, match="the timer has gone off"):
        strict.service.fixes.revert(change.change_id)


def test_a_timer_that_is_taken_back_does_not_go_off(strict, clock):
    clock.advance(DAY.total_seconds())
    run = strict.run()
    change = apply(strict, resume_fix(strict.report(run)).fix_id)
    strict.service.fixes.undo(change.change_id)
    assert strict.service.quotas.waiting() == ()
    clock.advance(DAY.total_seconds())
    strict.app.engine.parked.tick(clock.now())
    assert strict.service.executions.get(run.id).round == 1
    with pytest.raises(InvalidFix, match="has reset already"):
        strict.service.fixes.preview(change.fix_id)


def test_what_is_done_already_is_told_and_not_offered_again(strict, clock):
    clock.advance(DAY.total_seconds())
    run = strict.run()
    first = strict.report(run)
    assert "[Wait for Quota]" in first.message
    change = apply(strict, resume_fix(first).fix_id)
    told = strict.report(run)
    assert told.served_from == first.analysis_id
    assert "Agent will auto-resume tomorrow when quota resets." in told.message
    assert "[Wait for Quota]" not in told.message
    strict.service.fixes.undo(change.change_id)
    assert "[Wait for Quota]" in strict.report(run).message


def test_a_paused_workflow_is_not_offered_to_be_paused(bench):
    report = failing(bench)
    assert "[Pause Agent]" in report.message
    change = apply(bench, fix_of(report, "pause_workflow"))
    again = bench.service.analyses.analyze(report.execution_id)
    assert "Pause Agent" not in again.message
    bench.service.fixes.undo(change.change_id)
    assert "[Pause Agent]" in bench.service.analyses.analyze(report.execution_id).message


def test_a_run_that_somebody_has_resumed_is_not_resumed_again(strict, clock):
    clock.advance(DAY.total_seconds())
    run = strict.run()
    apply(strict, resume_fix(strict.report(run)).fix_id)
    strict.resume(run)
    clock.advance(DAY.total_seconds())
    strict.app.engine.parked.tick(clock.now())
    assert strict.service.executions.get(run.id).round == 2


def test_the_timer_of_a_paused_workflow_waits_for_it(strict, clock):
    clock.advance(DAY.total_seconds())
    run = strict.run()
    apply(strict, resume_fix(strict.report(run)).fix_id)
    strict.service.workflows.pause("w")
    clock.advance(DAY.total_seconds())
    strict.app.engine.parked.tick(clock.now())
    assert strict.service.executions.get(run.id).status == "failed"
    strict.service.workflows.unpause("w")
    strict.app.engine.parked.tick(clock.now())
    assert strict.service.executions.wait(run.id, 60).status == "succeeded"


def test_a_report_that_is_told_again_resumes_its_own_run(strict, clock):
    clock.advance(DAY.total_seconds())
    first, second = strict.run(), strict.run()
    reports = [strict.report(run) for run in (first, second)]
    assert reports[1].served_from in (None, reports[0].analysis_id)
    apply(strict, resume_fix(reports[1]).fix_id)
    assert [one.execution_id for one in strict.service.quotas.waiting()] == [second.id]


@pytest.fixture
def disconnected(bench, port):
    bench.integration("LinkedIn", type="linkedin", connected=False)
    bench.put(invite("first", port, 1))
    return bench


def test_an_account_is_handed_over_and_checked_again(disconnected):
    bench = disconnected
    run = bench.run()
    report = bench.report(run)
    suggested = next(one for one in report.suggested_fixes if one.type == "connect_integration")
    assert (suggested.auto_fix_available, report.can_auto_fix) == (False, False)
    shown = bench.service.fixes.preview(suggested.fix_id)
    assert (shown.kind, shown.diff[:2]) == ("hand_over", "1.")
    with pytest.raises(ApprovalRefused, match="a person does this"):
        approve(bench, suggested.fix_id)
    found = bench.service.fixes.recheck(suggested.fix_id)
    assert (found.done, found.can_resume) == (False, False)
    assert found.explanation == "LinkedIn is not connected yet."
    bench.integration("LinkedIn", type="linkedin", connected=True)
    found = bench.service.fixes.recheck(suggested.fix_id)
    assert (found.done, found.can_resume, found.execution_id) == (True, True, run.id)
    assert bench.resume(run).status == "succeeded"
    assert not bench.service.fixes.recheck(suggested.fix_id).can_resume


def connecting(report):
    return [one for one in report.suggested_fixes if one.type == "connect_integration"]


def test_an_account_that_nobody_has_stored_is_handed_over_with_the_command(bench, port):
    bench.put(invite("first", port, 1))
    run = bench.run()
    (suggested,) = connecting(bench.report(run))
    shown = bench.service.fixes.preview(suggested.fix_id)
    found = bench.service.fixes.recheck(suggested.fix_id)
    assert (found.done, found.can_resume) == (False, False)
    assert found.explanation == "No integration 'LinkedIn' is stored in this workspace yet."
    (command,) = re.findall(r"`(echo .*)`", shown.diff)
    echo, set_it = command.split(" | ")
    assert set_it == "ask-copilot resource set integration LinkedIn -"
    bench.integration("LinkedIn", **json.loads(shlex.split(echo)[1]))
    found = bench.service.fixes.recheck(suggested.fix_id)
    assert (found.done, found.can_resume, found.execution_id) == (True, True, run.id)
    assert bench.resume(run).status == "succeeded"


def test_an_account_of_another_name_is_of_no_use_to_the_step(bench, port):
    bench.integration("Recruiting", type="linkedin", connected=False)
    bench.put(invite("first", port, 1))
    run = bench.run()
    (suggested,) = connecting(bench.report(run))
    bench.integration("Recruiting", type="linkedin", connected=True)
    assert not bench.service.fixes.recheck(suggested.fix_id).done
    assert bench.resume(run).status == "failed"


def test_an_account_that_nothing_here_looks_for_stays_in_words(bench):
    bench.put(tool("send", "send_email", to="ada@example.com", subject="Hi", body="Hi"))
    assert [one.fix_id for one in connecting(bench.report())] in ([None], [])


def test_only_what_is_handed_over_is_checked_again(bench):
    with pytest.raises(InvalidFix, match="nothing to check"):
        bench.service.fixes.recheck(fix_of(failing(bench), "pause_workflow"))
