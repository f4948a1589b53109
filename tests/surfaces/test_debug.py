"""`debug`: one run at a glance, over HTTP and in a terminal."""

import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from copilot.bootstrap import open_app
from copilot.demo import OUTREACH, URGENT_MAIL
from copilot.errors import NotFound
from copilot.service.debug import _retried
from copilot.settings import load
from copilot.surfaces.cli._debug_view import show_debug
from copilot.types import RootCause, Verdict
from copilot.types.debug import (
    DebugView,
    EarlierRound,
    ErrorSummary,
    TieredAdvice,
    TimelineStep,
    Wait,
)
from tests.copilot.test_service import Bench
from tests.copilot.workflow_bench import Bench as WorkflowBench
from tests.copilot.workflow_bench import render, tool
from tests.surfaces.rest_client import one_database, says

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with open_app(load({}, data=tmp_path_factory.mktemp("debug"))) as app:
        yield app


@pytest.fixture
def bench(app):
    return Bench(app)


@pytest.fixture
def flows(app):
    return WorkflowBench(app)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with one_database(tmp_path_factory.mktemp("debug-rest")) as server:
        yield server


def by_path(view):
    return {step.path: step for step in view.timeline}


def test_a_failed_run_says_what_broke_first_and_what_followed(bench):
    run = bench.run()
    view = bench.service.analyses.debug_run(run.id)
    assert view == bench.service.analyses.debug(URGENT_MAIL)
    assert view.error is not None
    assert view.error.headline.startswith("Step 2 failed: Range 'UrgentEmails' not found")
    assert (view.error.step_number, view.error.path) == (2, "/step2")
    steps = by_path(view)
    assert [step.state for step in view.timeline] == ["good", "bad", "idle", "idle", "idle"]
    assert steps["/step2"].part == "cause"
    assert view.consequences == ("/step3", "/step4", "/step5")
    assert view.root_cause == "missing_resource"
    assert [one.tier for one in view.advice] == sorted(
        (one.tier for one in view.advice), key=("quick", "better", "best").index
    )
    assert bench.service.account.credits().spent == 0


def test_any_run_of_a_workflow_can_be_looked_at_not_only_the_last(bench):
    first, second = bench.run(), bench.run()
    assert bench.service.analyses.debug_run(first.id).execution_id == first.id
    assert bench.service.analyses.debug(URGENT_MAIL).execution_id == second.id


def test_a_run_that_went_well_has_a_timeline_and_nothing_to_explain(flows):
    flows.put(render("a", "one"), render("b", "two"))
    view = flows.service.analyses.debug_run(flows.run().id)
    assert [step.state for step in view.timeline] == ["good", "good"]
    assert (view.error, view.root_cause, view.advice, view.consequences) == (None, None, (), ())


def test_steps_inside_others_stand_under_them(flows):
    broken = tool("y", "read_sheet", file="no.xlsx", range="A")
    lanes = [{"id": "left", "steps": [render("x", "x")]}, {"id": "right", "steps": [broken]}]
    branch = {"id": "both", "type": "parallel", "branches": lanes}
    flows.put(branch)
    view = flows.service.analyses.debug_run(flows.run().id)
    steps = by_path(view)
    broke = next(step for step in view.timeline if step.part == "cause")
    assert broke.depth > 0
    assert broke.path.startswith("/both/")
    assert steps["/both"].depth == 0
    assert steps["/both"].part is None
    assert steps["/both"].path not in view.consequences


def test_a_resumed_run_tells_its_earlier_rounds_and_what_it_kept(bench):
    failed = bench.run()
    bench.service.executions.resume(failed.id, mode="partial")
    bench.service.executions.wait(failed.id, 60)
    view = bench.service.analyses.debug_run(failed.id)
    assert (view.round, view.resume_mode) == (2, "partial")
    (before,) = view.earlier_rounds
    assert (before.round, before.step_number, before.path) == (1, 2, "/step2")
    assert "UrgentEmails" in (before.error or "")
    assert by_path(view)["/step1"].restored


def test_what_waits_for_a_person_says_since_when(flows):
    flows.put({"id": "ask", "type": "approval", "message": "Send it?"}, render("b", "two"))
    run = flows.run()
    assert run.status.value == "paused"
    view = flows.service.analyses.debug_run(run.id)
    (wait,) = view.waits
    assert (wait.what, wait.path, wait.outcome) == ("approval", "/ask", "waiting")
    assert by_path(view)["/ask"].state == "warning"
    flows.service.executions.decide(run.id, "/ask", decision="approved")
    flows.service.executions.wait(run.id, 60)
    (wait,) = flows.service.analyses.debug_run(run.id).waits
    assert (wait.outcome or "").startswith("approved by ")


def test_a_run_of_nobody_or_of_somebody_else_is_not_there(bench, app):
    run = bench.run()
    with pytest.raises(NotFound):
        bench.service.analyses.debug_run("nope")
    with pytest.raises(NotFound):
        Bench(app).service.analyses.debug_run(run.id)


def test_over_http_each_has_its_address(server):
    client = server.client()
    failed = client.failed()
    view = client.get(f"/executions/{failed}/debug")
    assert view == client.get(f"/workflows/{URGENT_MAIL}/debug")
    assert view["error"]["headline"].startswith("Step 2 failed")
    says(client("GET", f"/executions/{URGENT_MAIL}/debug"), 404, "not_found")
    says(client("GET", f"/workflows/{failed}/debug"), 404, "not_found")
    says(client("GET", f"/workflows/{OUTREACH}x/debug"), 404, "not_found")


# ---------------------------------------------------------------- in a terminal


def view(**changes):
    steps = (
        TimelineStep(
            number=1,
            path="/a",
            name="Read",
            action="read_sheet",
            status="succeeded",
            state="good",
            execution_time_ms=40,
            attempts=1,
            restored=True,
        ),
        TimelineStep(
            number=2,
            path="/b",
            name="Both",
            action="parallel",
            kind="parallel",
            status="failed",
            state="bad",
            execution_time_ms=65_000,
            attempts=1,
        ),
        TimelineStep(
            number=2,
            path="/b/l/x",
            depth=1,
            name="Ask",
            action="http_request",
            status="succeeded",
            state="warning",
            execution_time_ms=2_400,
            attempts=2,
            retried=("503 busy",),
        ),
        TimelineStep(
            number=2,
            path="/b/r/y",
            depth=1,
            name="Send",
            action="send_email",
            status="failed",
            state="bad",
            attempts=1,
            error="no template",
            part="cause",
        ),
        TimelineStep(
            number=3,
            path="/c",
            name="Tell",
            action="send_email",
            status="pending",
            state="idle",
            part="consequence",
        ),
    )
    given = {
        "workflow_id": "outreach",
        "execution_id": "run1",
        "status": "failed",
        "started_at": AT,
        "completed_at": AT + timedelta(seconds=125),
        "round": 2,
        "resume_mode": "partial",
        "earlier_rounds": (EarlierRound(round=1, step_number=1, name="Read", error="no file"),),
        "timeline": steps,
        "waits": (
            Wait(
                what="approval",
                path="/a",
                name="Read",
                since=AT,
                until=AT,
                outcome="approved by Dana",
            ),
        ),
        "error": ErrorSummary(
            headline="Step 2 failed: no template",
            step_number=2,
            message="no template",
            occurred_at=AT,
        ),
        "consequences": ("/c",),
        "root_cause": RootCause.MISSING_TEMPLATE,
        "verdict": Verdict.CONFIRMED,
        "explanation": "Your agent asked for a template that does not exist.",
        "advice": (
            TieredAdvice(tier="quick", type="manual", description="Use another one"),
            TieredAdvice(tier="best", type="create_template", description="Create it"),
            TieredAdvice(tier="best", type="manual", description="Or rename it"),
        ),
        "report": None,
    }
    return DebugView(**given | changes)


SHOWN = """\
outreach: failed, round 2, 2 min 5 s  run1
  Round 1 broke at step 1 (Read): no file
✗ Step 2 failed: no template

  ✓ 1. Read  read_sheet, kept from round 1
  ✗ 2. Both  parallel, 1 min 5 s
     ! Ask  http_request, 2.4 s, 2 attempts
         attempt 1: 503 busy
     ✗ Send  send_email, failed first
         no template
  · 3. Tell  send_email, not reached
  … waited for a person at Read since 2026-03-02 09:00:00 until 2026-03-02 09:00:00 (approved by Dana)

Why  A template is missing: missing_template (confirmed)
  Your agent asked for a template that does not exist.
  1 other step failed or did not run because of it.

What to do
  Quick  Use another one
  Best   Create it
         Rename it
  quick: gets it going again; better: repairs the cause; best: keeps it from coming back
Fixes:  ask-copilot analyze run1
"""


def printed(shown):
    console = Console(file=io.StringIO(), width=120, highlight=False, emoji=False)
    show_debug(console, shown)
    text = console.file.getvalue()
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def test_the_whole_view_in_a_terminal():
    assert printed(view()) == SHOWN


def test_a_run_that_went_well_is_only_its_steps():
    good = view(
        status="succeeded",
        error=None,
        root_cause=None,
        verdict=None,
        explanation=None,
        advice=(),
        consequences=(),
        waits=(),
        earlier_rounds=(),
        round=1,
    )
    assert "Why" not in printed(good)
    assert "failed first" not in printed(good)


def test_one_command_takes_a_run_or_a_workflow(ask, tmp_path):
    data = tmp_path / "data"
    with open_app(load({}, data=data)) as app:
        shown = Bench(app)
        run = shown.run()
        workspace = shown.workspace
    place = ("--data", str(data), "--workspace", workspace)
    of_run = ask("debug", run.id, "--json", *place)
    of_workflow = ask("debug", URGENT_MAIL, "--json", *place)
    assert json.loads(of_run.out) == json.loads(of_workflow.out)
    missing = ask("debug", "nope", *place)
    assert missing.code == 4
    assert "No such run, or workflow with a run that has ended" in missing.err


def test_attempts_are_told_in_the_words_of_their_errors(bench):
    run = bench.run()
    (step,) = [one for one in bench.service.executions.steps(run.id) if one.path == "/step2"]
    assert list(_retried(step)) == []  # the error itself says it
    said = ("Attempt 1 failed: 503 busy", "Attempt 2 failed: 503 busy")
    again = step.model_copy(update={"attempts": 3, "feedback": said})
    assert list(_retried(again)) == ["503 busy", "503 busy"]
