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
from tests.copilot.lost_range import lose_the_range
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
    _fail_again(example)
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


def _fail_again(bench):
    lose_the_range(bench.app.settings.files / bench.workspace)
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


def asks(step_id, **more):
    return {
        "id": step_id,
        "type": "approval",
        "name": f"Release {step_id}",
        "message": "SECRET?",
    } | more


def test_a_run_that_waits_for_a_person_is_told_once_with_the_command(bench, world):
    bench.put(asks("ok", role="approver", expires_after="1h"))
    run = bench.run()
    assert run.status == "paused"
    look(bench)
    look(bench)
    (one,) = told(bench)
    assert (one.event.value, one.workflow_id, one.state.value) == ("run_paused", "w", "sent")
    (asked,) = bench.service.executions.waiting()
    assert one.details == {
        "paused_by": "approval",
        "execution_id": run.id,
        "path": asked.path,
        "role": "approver",
        "expires_at": asked.expires_at.isoformat(),
    }
    assert (
        "waits: 'Release ok' is for a person with the role approver to decide, until " in one.text
    )
    assert f"\n  ask-copilot decide {run.id} {asked.path} --approve" in one.text
    assert "SECRET" not in one.text
    assert len(bodies(bench, world[1])) == 1


def test_each_wait_of_a_run_is_told_and_one_that_is_over_is_not(bench):
    bench.put(asks("one"), asks("two"), asks("three"))
    run = bench.run()
    look(bench)
    for step in ("one", "two"):  # nobody looks while it waits for the second
        bench.service.executions.decide(run.id, f"/{step}", decision="approved")
        bench.service.executions.wait(run.id, PATIENCE)
    look(bench)
    assert {one.details["path"] for one in told(bench)} == {"/one", "/three"}


def test_who_does_not_want_to_hear_of_pauses_is_not_told_of_a_wait(bench):
    bench.service.account.set_settings({"notify_on": "fix_regressed"})
    bench.put(asks("ok"))
    bench.run()
    look(bench)
    assert told(bench) == []


def test_what_could_go_nowhere_is_listed_with_the_reason_and_sent_to_the_new_address(bench, world):
    world[1].answers.append(410)
    bench.put(asks("ok"))
    bench.run()
    look(bench)
    (one,) = told(bench)
    assert (one.state, one.attempts) == (NoticeState.GIVEN_UP, 1)
    assert "it is gone (410). Once it is set again, what was given up" in one.problem
    bench.service.account.set_settings({"notify_webhook": None})
    look(bench)
    (one,) = told(bench)
    assert one.state is NoticeState.GIVEN_UP
    bench.service.account.set_settings({"notify_webhook": f"{world[1].url}/new"})
    (one,) = told(bench)
    assert (one.state, one.problem) == (NoticeState.SENT, None)


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
        "https://example.com:99999/x",
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


@pytest.mark.parametrize("number", ["80", "8443", "0"])
def test_a_webhook_at_another_port_is_refused_when_it_is_set(bench, number):
    with pytest.raises(InvalidInput, match="its port is not 443: leave the port out"):
        bench.service.account.set_settings({"notify_webhook": f"https://example.com:{number}/x"})
    bench.service.account.set_settings({"notify_webhook": "https://example.com:443/x"})


@pytest.mark.parametrize("events", ["", "run_paused", "run_paused, pattern_started"])
def test_what_is_told_can_be_chosen(bench, events):
    bench.service.account.set_settings({"notify_on": events})


@pytest.mark.parametrize(
    "events", ["everything", "run_paused,run_paused", "test", ",", "run_paused,"]
)
def test_what_is_no_event_is_refused(bench, events):
    with pytest.raises(InvalidInput, match="notify_on"):
        bench.service.account.set_settings({"notify_on": events})


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.0.0.1.",
        "127\u30020.0.1",
        "\uff11\uff12\uff17.0.0.1",
        "10.0.0.8",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fc00::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:8.8.8.8]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "localhost",
        "LOCALHOST.",
        "hooks.localhost",
        "%31%32%37.0.0.1",
    ],
    ids=ascii,
)
def test_a_webhook_that_can_only_lead_inwards_is_refused_when_it_is_set(bench, host):
    before = bench.app.policies.of(bench.workspace).notify_webhook
    for number in ("", ":443"):
        with pytest.raises(InvalidInput, match="notify_webhook") as caught:
            bench.service.account.set_settings({"notify_webhook": f"https://{host}{number}/hook"})
        assert "https address" not in str(caught.value)
    assert bench.app.policies.of(bench.workspace).notify_webhook == before


@pytest.mark.parametrize(
    "host",
    [
        "hooks.example.com",
        "8.8.8.8",
        "[2606:4700::1111]",
        "b\u00fccher.example",
        "127.0.0.1.nip.io",
    ],
    ids=ascii,
)
def test_a_webhook_that_may_lead_outwards_is_taken(bench, host):
    bench.service.account.set_settings({"notify_webhook": f"https://{host}/hook"})
