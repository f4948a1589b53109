"""What the clock does each minute, by two processes at once on one Postgres database."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from copilot.bootstrap import open_app
from copilot.settings import load
from copilot.storage.rollbacks import RollbackState
from copilot.types import ChangeState
from copilot.types.notice import NoticeState
from tests.copilot.notice_receiver import receiving
from tests.copilot.workflow_bench import Bench, render, tool
from tests.postgres import new_database

#: Threads of each process that do the same job at the same moment.
EACH = 3


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Two applications on one database, of which one carries out runs, and a receiver of webhooks.

    Neither has the clock of its own: the tests are the clock.
    """
    folder = tmp_path_factory.mktemp("minute")
    with (
        new_database(migrated=False) as url,
        receiving(folder) as (receiver, reach),
        open_app(load({}, data=folder, database_url=url), dispatch=False, reach=reach) as one,
        open_app(load({}, data=folder, database_url=url), dispatch=False, reach=reach) as other,
    ):
        one.engine.work()
        yield one, other, receiver


@pytest.fixture
def bench(world):
    one, _, receiver = world
    bench = Bench(one)
    bench.service.account.set_settings({"notify_webhook": receiver.url})
    bench.service.notices.secret()
    return bench


def at_once(world, job):
    """*job* with each application, in several threads that begin at the same moment."""
    apps = [app for app in world[:2] for _ in range(EACH)]
    start = Barrier(len(apps))

    def carry_out(app):
        start.wait(30)
        job(app)

    with ThreadPoolExecutor(len(apps)) as threads:
        list(threads.map(carry_out, apps))


def minute(app):
    app.desk.job(app.store.database.now())


def bodies(bench, world):
    found = map(json.loads, world[2].bodies)
    return [body for body in found if body["workspace_id"] == bench.workspace]


def test_it_is_postgres_that_both_share(world):
    assert [app.engine.database.dialect.name for app in world[:2]] == ["postgresql"] * 2


def test_waits_of_runs_are_written_once_and_sent_once(world, bench):
    bench.put({"id": "ok", "type": "approval", "name": "Release", "message": "Now?"})
    runs = {bench.run().id for _ in range(5)}
    for _ in range(2):
        at_once(world, minute)
    found = bench.service.notices.list().items
    assert {one.details["execution_id"] for one in found} == runs
    assert [(one.state, one.attempts) for one in found] == [(NoticeState.SENT, 1)] * 5
    sent = [body["event_id"] for body in bodies(bench, world)]
    assert sorted(sent) == sorted(one.event_id for one in found)


def test_a_pattern_is_written_once_and_sent_once(world, bench):
    bench.put(tool("read", "read_sheet", file="gone.csv"))
    for _ in range(5):
        bench.run()
    for _ in range(2):
        at_once(world, minute)
    (one,) = bench.service.notices.list().items
    assert (one.event.value, one.state, one.attempts) == ("pattern_started", NoticeState.SENT, 1)
    assert [body["event_id"] for body in bodies(bench, world)] == [one.event_id]


def test_what_was_given_up_is_sent_once_to_the_new_address(world, bench):
    world[2].answers.append(410)
    bench.put({"id": "ok", "type": "approval", "name": "Release", "message": "Now?"})
    bench.run()
    minute(world[0])
    (given_up,) = bench.service.notices.list().items
    assert given_up.state is NoticeState.GIVEN_UP
    bench.service.account.set_settings({"notify_webhook": f"{world[2].url}/new"})
    at_once(world, minute)
    (sent,) = bench.service.notices.list().items
    assert (sent.state, sent.attempts) == (NoticeState.SENT, 1)
    assert len(bodies(bench, world)) == 2


def regressed(bench):
    """A change whose failure is back, which nobody has seen yet: the columns were renamed."""
    bench.files(rows_csv="name\nAda\n")
    rows = tool("rows", "read_sheet", file="rows.csv")
    bench.put(rows, render("greet", "Hello {name}", name="{{ rows[0].nmae }}"))
    change = bench.apply(bench.report(), "replace_value")
    assert bench.run().status == "succeeded"
    bench.files(rows_csv="full\nAda\n")
    assert bench.run().status == "failed"
    return change


@pytest.mark.parametrize("watching", ["intake", "reconcile"])
def test_a_fix_that_regressed_is_rolled_back_once_and_told_once(world, bench, watching):
    bench.service.account.set_settings({"on_regression": "roll_back"})
    change = regressed(bench)

    def do(app):
        if watching == "reconcile":
            app._reconcile()
        minute(app)

    for _ in range(2):
        at_once(world, do)
    changes = bench.service.fixes.changes("w")
    (reversal,) = [one for one in changes if one.reverses == change.change_id]
    assert (reversal.actor, reversal.version) == ("policy", change.version + 1)
    assert bench.service.workflows.get("w").version == change.version + 1
    (state,) = [one.state for one in changes if one.change_id == change.change_id]
    assert state is ChangeState.REVERTED
    store = world[0].store
    found = store.rollbacks.find(bench.workspace, change.change_id)
    assert found.state is RollbackState.ROLLED_BACK
    entries = store.audit.page(bench.workspace).items
    assert [one.action for one in entries if one.actor == "policy"].count("roll_back_fix") == 1
    assert store.audit.verify(bench.workspace).intact
    (told,) = [one for one in bench.service.notices.list().items if "regressed" in one.event.value]
    assert (told.state, told.details["change_id"]) == (NoticeState.SENT, change.change_id)
    assert [body["event_id"] for body in bodies(bench, world)] == [told.event_id]
