"""The whole application tells what happens: a pattern, a fix that did not hold, runs that pause."""

import json
import time

import pytest

from copilot.bootstrap import open_app
from copilot.demo import URGENT_MAIL, install_example, workflow_text
from copilot.errors import Forbidden, InvalidInput
from copilot.settings import load
from copilot.types.engine import ScheduleNotice
from copilot.types.notice import NoticeState
from copilot.types.principal import PrincipalKind, Role
from tests.copilot.notice_receiver import receiving
from tests.copilot.test_parked_runs import Invitations as Invitations
from tests.copilot.test_parked_runs import invite
from tests.copilot.test_parked_runs import port as port
from tests.copilot.workflow_bench import PATIENCE, Bench, tool

HOOK = "https://hooks.example.com/T0/B0"


@pytest.fixture(scope="module")
def world(tmp_path_factory, port):
    folder = tmp_path_factory.mktemp("notices")
    settings = load({}, data=folder / "data", allowed_hosts=(f"127.0.0.1:{port}",))
    with receiving(folder) as (receiver, reach), open_app(settings, reach=reach) as app:
        install_example(app)
        yield app, receiver


@pytest.fixture
def bench(world):
    return ready(Bench(world[0]), world[1])


@pytest.fixture
def example(world):
    """The workspace that the example is in."""
    bench = Bench(world[0])
    bench.workspace, bench.service = "default", world[0].owner()
    return ready(bench, world[1])


def ready(bench, receiver):
    bench.service.account.set_settings({"notify_webhook": receiver.url})
    bench.service.notices.secret()
    return bench


def look(bench):
    bench.app.desk.job(bench.app.store.database.now())


def told(bench):
    """What was told when nothing is on its way any more: the courier works beside us."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        found = [one for one in bench.service.notices.list().items if one.event.value != "test"]
        if all(one.state is not NoticeState.WAITING for one in found):
            return found
        time.sleep(0.02)
    raise AssertionError("it was never sent")


def bodies(bench, receiver):
    found = map(json.loads, receiver.bodies)
    return [body for body in found if body["workspace_id"] == bench.workspace]


def test_a_pattern_is_told_within_a_minute_though_nobody_asks(bench, world):
    bench.put(tool("read", "read_sheet", file="gone.csv"))
    for _ in range(5):
        bench.run()
    look(bench)
    (one,) = told(bench)
    assert (one.event.value, one.workflow_id, one.state) == (
        "pattern_started",
        "w",
        NoticeState.SENT,
    )
    assert [body["event_id"] for body in bodies(bench, world[1])] == [one.event_id]
    look(bench)
    assert told(bench) == [one]
    assert len(bodies(bench, world[1])) == 1


def test_a_fix_that_did_not_hold_is_told(example):
    example.service.workflows.create(workflow_text(URGENT_MAIL), workflow_id="mail")
    change = _fixed(example)
    _fail_again(example, change)
    look(example)
    (one,) = [one for one in told(example) if one.event.value == "fix_regressed"]
    assert one.details["change_id"] == change.change_id
    assert "the same error came back in run" in one.text


def _fixed(bench):
    report = bench.report(bench.run("mail"))
    fix = next(one for one in report.suggested_fixes if one.fix_id)
    shown = bench.service.fixes.preview(fix.fix_id)
    approval = bench.service.fixes.approve(
        fix.fix_id, digest=shown.digest, version=shown.base_version
    )
    return bench.service.fixes.apply(approval.approval_id)


def _fail_again(bench, change):
    """A version after the fix with what it had taken out."""
    text = workflow_text(URGENT_MAIL)
    bench.service.workflows.replace("mail", text, expected_version=change.version)
    assert bench.run("mail").status.is_failure


def test_a_run_that_waits_for_its_quota_is_told_once(bench, port):
    bench.integration("LinkedIn", type="linkedin", connected=True)
    bench.put(invite("first", port, 80), invite("second", port, 30))
    run = bench.run()
    assert run.status == "paused"
    look(bench)
    look(bench)
    (one,) = told(bench)
    assert one.event.value == "run_paused"
    assert one.details["paused_by"] == "quota"
    assert one.details["execution_id"] == run.id
    assert "It goes on by itself at" in one.text


def test_a_schedule_that_is_paused_is_told_and_one_that_is_near_it_is_not(bench):
    now = bench.app.store.database.now()
    for kind in ("pause_near", "paused", "paused"):
        notice = ScheduleNotice(
            id=f"n-{kind}-{bench.workspace}",
            kind=kind,
            workspace_id=bench.workspace,
            workflow_id="w",
            workflow_name="Outreach",
            reason="step_failed",
            failures=3,
            limit=3,
            execution_id="run-1",
            text="Your agent 'Outreach' is paused and starts no more by itself.",
            at=now,
        )
        bench.app.engine.schedules._notifier.notify(notice)
    (one,) = told(bench)
    assert one.details == {"paused_by": "schedule", "execution_id": "run-1"}


def test_a_test_is_sent_at_once_and_says_how_it_went(bench, world):
    (one,) = bench.service.notices.test()
    assert (one.channel, one.state, one.event.value) == ("webhook", NoticeState.SENT, "test")
    assert len(bodies(bench, world[1])) == 1
    world[1].answers.append(500)
    (one,) = bench.service.notices.test()
    assert (one.state, one.attempts) == (NoticeState.WAITING, 1)
    assert one.problem.startswith("the receiver answered 500")


def test_a_test_has_to_go_somewhere(world):
    with pytest.raises(InvalidInput, match="notify_webhook"):
        Bench(world[0]).service.notices.test()


def test_only_an_owner_in_person_sees_a_secret(bench):
    access = bench.app.access
    owner = access.local_owner(bench.workspace, "ada")
    for kind, role in ((PrincipalKind.PERSON, Role.APPROVER), (PrincipalKind.MACHINE, Role.OWNER)):
        asked = bench.app.copilot.serve(owner.model_copy(update={"kind": kind, "role": role}))
        with pytest.raises(Forbidden):
            asked.notices.secret()


def test_a_request_that_is_repeated_makes_one_secret(bench):
    owner = bench.app.access.local_owner(bench.workspace, "ada")
    made = [
        bench.app.copilot.serve(owner, request_key="same").notices.secret().secret for _ in range(2)
    ]
    assert made[0] == made[1]
    assert made[0] not in repr(bench.service.notices.secret())


@pytest.mark.parametrize(
    "address",
    [
        "http://hooks.example.com/x",
        "https://",
        "https://user:pw@example.com/",
        "https://example.com/#x",
        "https://exa mple.com/",
        "https:\\\\example.com",
        "hooks.example.com",
        "https://example.com/" + "x" * 1000,
    ],
    ids=lambda address: address[:30],
)
def test_a_webhook_has_to_be_an_https_address(bench, address):
    with pytest.raises(InvalidInput, match="https address"):
        bench.service.account.set_settings({"notify_webhook": address})


@pytest.mark.parametrize("events", ["", "run_paused", "run_paused, pattern_started"])
def test_what_is_told_can_be_chosen(bench, events):
    bench.service.account.set_settings({"notify_on": events})


@pytest.mark.parametrize(
    "events", ["everything", "run_paused,run_paused", "test", ",", "run_paused,"]
)
def test_what_is_no_event_is_refused(bench, events):
    with pytest.raises(InvalidInput, match="notify_on"):
        bench.service.account.set_settings({"notify_on": events})
