"""Notices: written with the event, sent by webhook and e-mail, tried again, and never told twice."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from copilot.errors import InvalidInput
from copilot.intake import Intake
from copilot.notify import Courier, Outbox, Wanted
from copilot.storage.notice_tables import NOTICE
from copilot.storage.notices import add_notice
from copilot.testing import SimulatedCrash
from copilot.types.notice import CHOSEN, Notice, NoticeEvent, NoticeState
from tests.copilot.test_intake import Runs, failed

BOTH = Wanted(("webhook", "email"), frozenset(CHOSEN))
HOOK = Wanted(("webhook",), frozenset(CHOSEN))
PATTERN = [failed(number) for number in range(1, 6)]


class Destination:
    """Takes what it is given, or raises what it was told to."""

    def __init__(self):
        self.sent = []
        self.raises = []

    def send(self, notice):
        if self.raises:
            error = self.raises.pop(0)
            if error is not None:
                raise error
        self.sent.append(notice.event_id)


@pytest.fixture
def hook():
    return Destination()


@pytest.fixture
def courier(store, hook, clock):
    return Courier(store.notices, {"webhook": hook, "email": Destination()}, now=clock)


def notice(clock, name="notice_1", **fields):
    facts = {"workspace_id": "acme", "workflow_id": "mail", "text": "It fails.", "at": clock()}
    event = NoticeEvent.PATTERN_STARTED
    return Notice(**{"event_id": name, "event": event, **facts, **fields})


def log(store, workspace="acme"):
    return store.notices.page(workspace).items


def intake(store, outbox, *runs):
    return Intake(store, Runs(*runs), outbox=outbox)


def outbox(store, wanted=HOOK, **options):
    return Outbox(store.database, wanted=lambda _: wanted, **options)


def test_a_pattern_that_starts_is_written_down_with_the_runs_that_make_it(store, clock):
    clock.advance(minutes=10)
    woken = []
    told = outbox(store, BOTH, wake=lambda: woken.append(len(log(store))))
    taken = intake(store, told, *PATTERN[:4])
    taken.catch_up("acme")
    assert log(store) == ()
    assert woken == []
    taken = intake(store, told, *PATTERN)
    taken.catch_up("acme")
    by_mail, by_hook = log(store)
    assert {by_mail.channel, by_hook.channel} == {"webhook", "email"}
    assert by_mail.event_id == by_hook.event_id
    assert "keeps failing: Template not found (5 runs so far)" in by_hook.text
    assert by_hook.details["execution_id"] == "run-5"
    assert woken == [2]


def test_after_a_crash_in_that_transaction_neither_is_there_and_then_both(
    store, clock, monkeypatch
):
    clock.advance(minutes=10)
    taken = intake(store, outbox(store), *PATTERN)

    def crash(*_args, **_kwargs):
        raise SimulatedCrash

    with monkeypatch.context() as patched:
        patched.setattr("copilot.intake.move_cursor", crash)
        with pytest.raises(SimulatedCrash):
            taken.catch_up("acme")
    assert log(store) == ()
    assert store.patterns.newest("acme", resolved=False, limit=9) == ()
    taken.catch_up("acme")
    assert len(log(store)) == 1


def test_what_was_told_is_not_told_again(store, clock):
    clock.advance(minutes=10)
    told = outbox(store)
    intake(store, told, *PATTERN).catch_up("acme")
    intake(store, told, *PATTERN, failed(6), failed(7)).catch_up("acme")
    told.look("acme")
    assert len(log(store)) == 1


def test_a_pattern_that_nobody_has_noted_is_found_by_looking(store, clock):
    clock.advance(minutes=10)
    intake(store, None, *PATTERN).catch_up("acme")
    assert log(store) == ()
    outbox(store).look("acme")
    assert len(log(store)) == 1


def test_what_began_long_ago_is_no_news(store, clock):
    clock.advance(days=2)
    intake(store, outbox(store), *PATTERN).catch_up("acme")
    assert log(store) == ()


@pytest.mark.parametrize(
    "wanted", [Wanted(), Wanted(("webhook",), frozenset({"run_paused"}))], ids=["nobody", "other"]
)
def test_who_does_not_want_to_be_told_is_not(store, clock, wanted):
    clock.advance(minutes=10)
    intake(store, outbox(store, wanted), *PATTERN).catch_up("acme")
    assert log(store) == ()


def test_secrets_are_taken_out(store, clock):
    clock.advance(minutes=10)
    told = outbox(store, mask=lambda text: text.replace("Template", "[secret]"))
    intake(store, told, *PATTERN).catch_up("acme")
    assert "keeps failing: [secret] not found" in log(store)[0].text


def test_it_is_sent_once_and_the_log_says_so(store, hook, courier, clock):
    store.notices.add(notice(clock), ["webhook"])
    assert courier.deliver() == 1
    assert courier.deliver() == 0
    assert hook.sent == ["notice_1"]
    (entry,) = log(store)
    assert (entry.state, entry.attempts, entry.sent_at) == (NoticeState.SENT, 1, clock())


def test_it_is_tried_again_ever_later_and_given_up_after_a_day(store, hook, courier, clock):
    hook.raises = [ConnectionError("it is down")] * 100
    store.notices.add(notice(clock), ["webhook"])
    start, tried = clock(), []
    for _ in range(2 * 24 * 60):
        before = log(store)[0].attempts
        courier.deliver()
        if log(store)[0].attempts > before:
            tried.append((clock() - start) // timedelta(minutes=1))
        clock.advance(minutes=1)
    assert tried[:8] == [0, 1, 3, 7, 15, 31, 63, 127]
    assert tried[-1] <= 24 * 60
    assert len(tried) < 20
    (entry,) = log(store)
    assert (entry.state, entry.problem) == (NoticeState.GIVEN_UP, "it is down")


def test_it_arrives_when_the_receiver_is_back(store, hook, courier, clock):
    hook.raises = [ConnectionError("it is down"), None]
    store.notices.add(notice(clock), ["webhook"])
    courier.deliver()
    assert log(store)[0].problem == "it is down"
    clock.advance(minutes=1)
    assert courier.deliver() == 1
    assert hook.sent == ["notice_1"]


def test_what_was_given_up_this_week_is_sent_again_where_that_is_asked_for(
    store, hook, courier, clock
):
    def give_up(name, **fields):
        hook.raises = [InvalidInput("notify_webhook", "its address is not a public one.", "")]
        store.notices.add(notice(clock, name, **fields), ["webhook"])
        courier.deliver()

    give_up("long_ago")
    clock.advance(days=7, seconds=1)
    give_up("elsewhere", workspace_id="other")
    give_up("a_test", event=NoticeEvent.TEST)
    give_up("lost")
    assert {one.state for one in log(store)} == {NoticeState.GIVEN_UP}
    courier.send_again("acme", ["email"])
    assert courier.deliver() == 0
    courier.send_again("acme", ["webhook"])
    assert courier.deliver() == 1
    assert hook.sent == ["lost"]
    (entry,) = [one for one in log(store) if one.event_id == "lost"]
    assert (entry.state, entry.attempts, entry.problem) == (NoticeState.SENT, 1, None)


def test_one_channel_does_not_wait_for_the_other(store, hook, courier, clock):
    hook.raises = [ConnectionError("it is down")]
    store.notices.add(notice(clock), ["webhook", "email"])
    assert courier.deliver() == 1
    assert {one.channel: one.state.value for one in log(store)} == {
        "webhook": "waiting",
        "email": "sent",
    }


def test_workers_share_the_work_and_send_each_once(store, hook, clock):
    for number in range(20):
        store.notices.add(notice(clock, f"notice_{number}"), ["webhook"])
    couriers = [Courier(store.notices, {"webhook": hook}, now=clock) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        sent = sum(threads.map(lambda courier: courier.deliver(), couriers))
    assert sent == 20
    assert sorted(hook.sent) == sorted(f"notice_{number}" for number in range(20))


def test_a_worker_that_dies_while_it_sends_keeps_it_for_two_minutes_only(
    store, hook, courier, clock
):
    hook.raises = [SimulatedCrash()]
    store.notices.add(notice(clock), ["webhook"])
    with pytest.raises(SimulatedCrash):
        courier.deliver()
    assert courier.deliver() == 0
    clock.advance(minutes=2)
    assert courier.deliver() == 1
    assert hook.sent == ["notice_1"]


def test_the_same_event_is_written_once_whoever_sees_it(store, clock):
    for _ in range(3):
        store.notices.add(notice(clock), ["webhook", "email"])
    assert len(log(store)) == 2


def test_the_log_has_pages_and_belongs_to_its_workspace(store, clock):
    for number in range(3):
        store.notices.add(notice(clock, f"notice_{number}"), ["webhook"])
    store.notices.add(notice(clock, "elsewhere", workspace_id="other"), ["webhook"])
    first = store.notices.page("acme", limit=2)
    rest = store.notices.page("acme", limit=2, cursor=first.next_cursor)
    assert [one.event_id for one in (*first.items, *rest.items)] == [
        "notice_2",
        "notice_1",
        "notice_0",
    ]


def test_what_was_settled_long_ago_is_forgotten_and_what_waits_is_not(store, courier, hook, clock):
    store.notices.add(notice(clock), ["webhook"])
    courier.deliver()
    hook.raises = [ConnectionError("it is down")]
    store.notices.add(notice(clock, "notice_2"), ["webhook"])
    courier.deliver()
    clock.advance(days=91)
    courier.tidy()
    assert [one.event_id for one in log(store)] == ["notice_2"]


def test_secrets_are_exchanged_without_a_gap(store, clock):
    assert store.notices.secrets("acme") == ()
    assert store.notices.exchange("acme", "one").previous_until is None
    made = store.notices.exchange("acme", "two", request="r")
    assert store.notices.exchange("acme", "three", request="r") == made
    assert store.notices.secrets("acme") == ("two", "one")
    clock.advance(days=1)
    assert store.notices.secrets("acme") == ("two",)
    assert store.notices.secrets("other") == ()


def test_a_courier_that_was_closed_leaves_the_rest(store, hook, courier, clock):
    courier.start()
    courier.close()
    store.notices.add(notice(clock), ["webhook"])
    courier.wake()
    assert courier.deliver() == 0


def test_waking_sends_in_the_background(store, hook, courier, clock):
    courier.start()
    store.notices.add(notice(clock), ["webhook"])
    courier.wake()
    courier.wake()
    courier._threads.shutdown(wait=True)
    assert hook.sent == ["notice_1"]


def test_a_notice_goes_with_the_transaction_it_was_written_in(store, clock):
    def write():
        with store.database.write() as connection:
            add_notice(connection, notice(clock), ["webhook"], now=clock())
            raise SimulatedCrash

    with pytest.raises(SimulatedCrash):
        write()
    with store.database.read() as connection:
        assert connection.execute(select(NOTICE)).all() == []
