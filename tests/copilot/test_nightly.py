"""A pass analyses each kind of failure once and tells what is stored."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from threading import Event

import pytest

from copilot.errors import NotFound, ServerUnreachable
from copilot.nightly import Nightly
from copilot.policy import Policy
from copilot.storage.analyses import FixDraft
from copilot.testing import SimulatedCrash
from copilot.types.nightly import PassState
from tests.copilot.nightly_builders import (
    Answers,
    fail,
    left_out,
    seen,
)
from tests.copilot.nightly_builders import answers as answers
from tests.copilot.nightly_builders import nightly as nightly
from tests.copilot.nightly_builders import policy as policy
from tests.copilot.storage_builders import START, a_failure, a_run
from tests.copilot.test_watch import FAILED, see
from tests.copilot.test_watch import change as change


def test_each_kind_of_each_workflow_is_analysed_once_the_largest_impact_first(
    store, nightly, answers
):
    fail(store, "rare")
    fail(store, "frequent", 3)
    fail(store, "late", start=30)
    fail(store, "elsewhere", 2, workflow_id="other")
    fail(store, "theirs", 9, workspace_id="rival")
    fail(store, "test", 9, test_mode=True)
    digest = nightly.run("acme")
    assert seen(digest) == [
        ("outreach", "n1:frequent", 3),
        ("other", "n1:elsewhere", 2),
        ("outreach", "n1:late", 1),
        ("outreach", "n1:rare", 1),
    ]
    assert answers.asked == ["frequent-2", "elsewhere-1", "late-0", "rare-0"]
    assert (digest.failures, digest.groups, digest.analysed) == (7, 4, 4)
    assert (digest.credits, digest.cost_usd) == (4, Decimal(0))
    assert digest.state is PassState.FINISHED
    first = digest.items[0]
    assert (first.analysis_id, first.headline) == (
        "analysis-of-frequent-2",
        "Template 'xyz' is missing",
    )
    assert (first.first_occurred, first.last_occurred) == (START, START + timedelta(minutes=2))
    assert nightly.latest("acme") == digest


def test_merged_kinds_are_one_and_are_not_new_when_any_of_them_was_seen(
    store, nightly, answers, clock
):
    fail(store, "old")
    nightly.run("acme")
    fail(store, "reworded", 2, start=10)
    fail(store, "again", 3, start=20)
    fail(store, "unseen", start=30)
    store.failures.merge("acme", "n1:old", "n1:reworded", reason="same")
    store.failures.merge("acme", "n1:reworded", "n1:again", reason="same")
    clock.advance(hours=1)
    digest = nightly.run("acme")
    assert seen(digest) == [("outreach", "n1:old", 5), ("outreach", "n1:unseen", 1)]
    assert [item.is_new for item in digest.items] == [False, True]
    assert answers.asked[1:] == ["again-2", "unseen-0"]
    assert digest.items[0].first_occurred == START + timedelta(minutes=10)


def test_hundreds_of_kinds_are_ranked_and_known_again(store, nightly, policy, clock):
    policy["nightly_credit_cap"] = 0
    for number in range(1100):
        fail(store, f"kind-{number}")
    assert nightly.run("acme").groups == 1100
    for number in range(1098, 1102):
        fail(store, f"kind-{number}", 2, start=10)
    store.failures.merge("acme", "n1:kind-1101", "n1:kind-3", reason="same")
    clock.advance(hours=1)
    digest = nightly.run("acme")
    new = {item.signature: item.is_new for item in digest.items}
    assert new == {
        "n1:kind-1098": False,
        "n1:kind-1099": False,
        "n1:kind-1100": True,
        "n1:kind-3": False,
    }


def test_a_second_pass_sees_only_what_failed_since(store, nightly, answers, clock):
    fail(store, "first", 2)
    assert nightly.run("acme").failures == 2
    clock.advance(days=1)
    quiet = nightly.run("acme")
    assert (quiet.failures, quiet.items, quiet.since) == (0, (), START)
    fail(store, "first", 3, start=60)
    clock.advance(days=1)
    digest = nightly.run("acme")
    assert (seen(digest), digest.items[0].is_new) == ([("outreach", "n1:first", 3)], False)
    assert digest.since == START + timedelta(days=1)
    assert nightly.latest("acme") == digest


def test_a_run_that_failed_again_counts_with_its_newest_failure(store, nightly):
    store.failures.record(a_failure("run-1", signature="n1:before"))
    store.failures.record(a_failure("run-1", signature="n1:after", at=START + timedelta(minutes=5)))
    assert seen(nightly.run("acme")) == [("outreach", "n1:after", 1)]


def test_an_analysis_that_fails_is_noted_and_the_pass_goes_on(store, nightly, answers):
    for minute, name in enumerate(("c", "b", "a")):
        fail(store, name, start=minute)
    answers.raises = {"b-0": ServerUnreachable("http://x", "no"), "c-0": NotFound("execution")}
    digest = nightly.run("acme")
    assert left_out(digest) == [None, "server_unreachable", "not_found"]
    assert (digest.analysed, digest.credits, digest.cost_usd) == (1, 1, Decimal(0))


def test_an_error_nobody_expected_is_raised_once_and_does_not_hold_the_pass_up(
    store, nightly, answers
):
    for minute, name in enumerate(("c", "b", "a")):
        fail(store, name, start=minute)
    answers.raises = {"b-0": ZeroDivisionError()}
    with pytest.raises(ZeroDivisionError):
        nightly.run("acme")
    stopped = nightly.latest("acme")
    assert (stopped.state, stopped.analysed, stopped.finished_at) == (PassState.RUNNING, 1, None)
    digest = nightly.run("acme")
    assert (digest.pass_id, left_out(digest)) == (stopped.pass_id, [None, "internal_error", None])


def test_an_interrupted_pass_goes_on_with_what_it_was_about(store, nightly, answers, policy):
    for minute, name in enumerate(("c", "b", "a")):
        fail(store, name, start=minute)
    answers.raises = {"b-0": SimulatedCrash()}
    with pytest.raises(SimulatedCrash):
        nightly.run("acme", credit_cap=9)
    fail(store, "later", 5, start=50)
    answers.raises, answers.asked[:] = {}, []
    policy["nightly_credit_cap"] = 2
    digest = nightly.run("acme", credit_cap=50)
    assert answers.asked == ["b-0"]
    assert [item.execution_id for item in digest.items] == ["a-0", "b-0", "c-0"]
    assert (left_out(digest), digest.credit_cap) == ([None, None, "credit_cap"], 2)
    assert seen(nightly.run("acme")) == [("outreach", "n1:later", 5)]


def test_while_a_pass_runs_another_call_gets_it_as_it_stands(store, nightly, answers):
    fail(store, "a", 2)
    fail(store, "b")
    begun, go_on = Event(), Event()

    def slowly(*args):
        begun.set()
        assert go_on.wait(10)
        return Answers.__call__(answers, *args)

    nightly._analyze = slowly
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(nightly.run, "acme")
        assert begun.wait(10)
        meanwhile = nightly.run("acme")
        go_on.set()
        finished = running.result(10)
    assert (meanwhile.state, meanwhile.analysed) == (PassState.RUNNING, 0)
    assert [item.signature for item in meanwhile.items] == ["n1:a", "n1:b"]
    assert (finished.pass_id, finished.analysed) == (meanwhile.pass_id, 2)
    assert answers.asked == ["a-1", "b-0"]


def test_many_calls_at_once_charge_each_kind_once(store, nightly, answers):
    for name in ("a", "b", "c"):
        fail(store, name)
    with ThreadPoolExecutor(6) as pool:
        digests = list(pool.map(nightly.run, ["acme"] * 6))
    assert sorted(answers.asked) == ["a-0", "b-0", "c-0"]
    assert max(digest.credits for digest in digests) == 3
    assert store.ledger.used("acme", since=START) == 3


def test_another_workspaces_pass_is_not_there(store, nightly):
    fail(store, "a")
    nightly.run("acme")
    with pytest.raises(NotFound):
        nightly.latest("rival")
    assert nightly.run("rival").failures == 0


def news(digest):
    return [(fix.change_id, fix.state) for fix in digest.fixes]


def test_a_digest_tells_what_became_of_fixes_since_the_pass_before(store, nightly, change, clock):
    assert news(nightly.run("acme")) == [(change.change_id, "applied")]
    clock.advance(days=1)
    assert news(nightly.run("acme")) == []
    clock.advance(minutes=1)
    for number in range(3):
        see(store, a_run(f"later-{number}"))
    clock.advance(days=1)
    verified = nightly.run("acme")
    assert news(verified) == [(change.change_id, "verified")]
    assert (verified.fixes[0].workflow_id, verified.fixes[0].fix_type) == (
        "outreach",
        "create_template",
    )
    clock.advance(minutes=1)
    see(store, a_run("bad", **FAILED), a_failure("bad"))
    clock.advance(days=1)
    assert news(nightly.run("acme")) == [(change.change_id, "regressed")]
    assert nightly.run("rival").fixes == ()


def test_a_fix_that_was_taken_back_is_told_as_that(store, nightly, change, clock):
    record = store.changes.get("acme", change.change_id)
    clock.advance(minutes=1)
    reversal = store.changes.begin_reversal(
        record.change, "revert", before=record.after, after=record.before, actor="ana"
    )
    store.changes.mark_applied(reversal.change, 3, undo_for=timedelta(0), needed_passes=3)
    assert news(nightly.run("acme")) == [(change.change_id, "taken_back")]


def test_fixes_that_can_be_applied_are_named(store, nightly, answers, monkeypatch):
    fail(store, "a")

    def with_fix(workspace_id, execution_id, key):
        draft = FixDraft(fix_id="fix-7", fix_type="create_template", fix={"name": "xyz"})
        report = answers(workspace_id, execution_id, key)
        offer = {"fix_id": draft.fix_id, "type": draft.fix_type, "description": "", "action": ""}
        fixes = (offer, {**offer, "fix_id": None})
        return type(report).model_validate({**report.model_dump(), "suggested_fixes": fixes})

    nightly._analyze = with_fix
    assert nightly.run("acme").items[0].fixes == ("fix-7",)


def test_the_digest_is_sent_and_says_so(store, answers, clock):
    letters = []

    def post(letter, to):
        letters.append((letter, to))
        return "not sent: mail is down"

    nightly = Nightly(
        store,
        catch_up=lambda _: 0,
        analyze=answers,
        policy=lambda _: Policy(nightly_digest_to="ana@example.com"),
        clock=clock,
        post=post,
    )
    fail(store, "a")
    digest = nightly.run("acme")
    ((letter, to),) = letters
    assert (to, letter.identity) == ("ana@example.com", digest.pass_id)
    assert letter.subject == "Ask Copilot, acme: 1 failed run of 1 kind, 1 new"
    assert digest.delivery == nightly.latest("acme").delivery == "not sent: mail is down"


def test_a_pass_that_dies_while_it_sends_does_not_send_again(store, answers, clock):
    def die(_letter, _to):
        raise SimulatedCrash

    nightly = Nightly(
        store,
        catch_up=lambda _: 0,
        analyze=answers,
        policy=lambda _: Policy(nightly_digest_to="ana@example.com"),
        clock=clock,
        post=die,
    )
    with pytest.raises(SimulatedCrash):
        nightly.run("acme")
    latest = nightly.latest("acme")
    assert (latest.state, latest.delivery) == (
        PassState.FINISHED,
        "not sent: the process ended before",
    )
