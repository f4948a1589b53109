"""Idempotency keys: carried out once, answered the same, taken over from the dead."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from copilot.errors import InvalidInput, KeyReused, RequestInProgress
from copilot.storage.requests import Answer, Claim, Requests
from copilot.storage.store import Store
from copilot.testing import ManualClock
from tests.copilot.storage_builders import sqlite_engine

DONE = Answer(201, (("content-type", "application/json"), ("etag", '"1"')), b'{"\xff": 1}\n')


def claim(store: Store, key: str = "key-1", **changes: str) -> Claim:
    return claim_of(store.requests, key, **changes)


def claim_of(requests: Requests, key: str = "key-1", **changes: str) -> Claim:
    named = {"workspace_id": "acme", "principal_id": "ada"} | changes
    named = {"fingerprint": "POST /runs 1", "owner": "process-1"} | named
    return requests.claim(
        named["workspace_id"],
        named["principal_id"],
        key,
        fingerprint=named["fingerprint"],
        owner=named["owner"],
    )


def finish(store: Store, key: str = "key-1", *, owner: str = "process-1", answer=DONE) -> bool:
    return store.requests.finish("acme", "ada", key, owner=owner, answer=answer)


def test_the_same_request_gets_the_same_answer_byte_for_byte(store: Store) -> None:
    assert claim(store) == Claim()
    assert finish(store)
    for owner in ("process-1", "process-2"):
        assert claim(store, owner=owner) == Claim(answer=DONE)


def test_a_failure_of_the_server_is_an_answer_too(store: Store) -> None:
    claim(store)
    finish(store, answer=Answer(500, (), b""))
    assert claim(store).answer == Answer(500, (), b"")


def test_another_request_with_the_key_is_refused_before_and_after_the_answer(store) -> None:
    claim(store)
    with pytest.raises(KeyReused):
        claim(store, fingerprint="POST /runs 2")
    with pytest.raises(KeyReused):
        claim(store, fingerprint="POST /runs 2", owner="process-2")
    finish(store)
    with pytest.raises(KeyReused):
        claim(store, fingerprint="POST /runs 2")
    assert claim(store).answer == DONE


def test_a_key_belongs_to_one_principal_in_one_workspace(store: Store) -> None:
    claim(store)
    finish(store)
    for other in ({"principal_id": "bob"}, {"workspace_id": "rival"}):
        assert claim(store, fingerprint="another", **other) == Claim()
    assert claim(store).answer == DONE


def test_while_it_is_answered_the_same_request_waits(store: Store) -> None:
    claim(store)
    with pytest.raises(RequestInProgress):
        claim(store)
    finish(store)
    assert claim(store).answer == DONE


def test_what_was_not_done_is_forgotten(store: Store) -> None:
    claim(store)
    store.requests.forget("acme", "ada", "key-1", owner="process-1")
    assert claim(store, fingerprint="POST /runs corrected") == Claim()


def test_an_answer_is_not_forgotten_nor_given_twice(store: Store) -> None:
    claim(store)
    finish(store)
    store.requests.forget("acme", "ada", "key-1", owner="process-1")
    assert not finish(store, answer=Answer(500, (), b"later"))
    assert claim(store).answer == DONE


def test_on_sqlite_another_process_takes_over_at_once(store: Store) -> None:
    claim(store, owner="dead")
    assert claim(store, owner="alive") == Claim(taken_over=True)
    with pytest.raises(RequestInProgress):
        claim(store, owner="alive")
    assert not finish(store, owner="dead")
    store.requests.forget("acme", "ada", "key-1", owner="dead")
    assert finish(store, owner="alive")
    assert claim(store, owner="alive").answer == DONE


def test_with_a_lease_a_living_process_keeps_its_request(store: Store, clock: ManualClock) -> None:
    requests = Requests(store.database, lease=timedelta(seconds=60))
    claim_of(requests, owner="first")
    clock.advance(seconds=59)
    with pytest.raises(RequestInProgress):
        claim_of(requests, owner="second")
    clock.advance(seconds=1)
    with pytest.raises(RequestInProgress):
        claim_of(requests, owner="first")
    assert claim_of(requests, owner="second").taken_over
    with pytest.raises(RequestInProgress):  # the lease began anew
        claim_of(requests, owner="third")
    clock.advance(seconds=60)
    assert claim_of(requests, owner="third").taken_over


def test_old_requests_go_and_their_keys_are_free_again(store: Store, clock: ManualClock) -> None:
    claim(store, "old")
    finish(store, "old")
    claim(store, "crashed", workspace_id="rival")
    clock.advance(hours=23)
    claim(store, "new")
    assert store.requests.purge() == 0
    assert claim(store, "old").answer == DONE
    clock.advance(hours=1, seconds=1)
    assert store.requests.purge() == 2
    assert claim(store, "old", fingerprint="another") == Claim()
    with pytest.raises(RequestInProgress):
        claim(store, "new")


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb\x00", "\x7f", "\ud800", "a\u202eb"])
def test_a_key_that_can_not_be_one_is_refused(store: Store, key: str) -> None:
    with pytest.raises(InvalidInput, match="Idempotency-Key: must be 1 to 255 characters"):
        claim(store, key)


def test_the_longest_key_is_taken(store: Store) -> None:
    key = "ü" * 255
    claim(store, key)
    finish(store, key)
    assert claim(store, key).answer == DONE


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        start.wait()
        try:
            return call()
        except RequestInProgress as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


@pytest.mark.parametrize("round", range(5))
def test_of_many_at_once_one_carries_it_out(store: Store, round: int) -> None:
    results = at_once(*(lambda: claim(store) for _ in range(8)))
    assert results.count(Claim()) == 1
    assert sum(isinstance(one, RequestInProgress) for one in results) == 7


def test_of_many_that_find_a_dead_one_only_one_takes_over(store: Store) -> None:
    claim(store, owner="dead")
    results = at_once(*(lambda: claim(store, owner="alive") for _ in range(8)))
    assert results.count(Claim(taken_over=True)) == 1
    assert sum(isinstance(one, RequestInProgress) for one in results) == 7


def test_asking_until_there_is_an_answer_does_the_work_once(store: Store) -> None:
    done: list[int] = []

    def ask(number: int) -> Answer:
        while True:
            try:
                claimed = claim(store)
            except RequestInProgress:
                continue
            if claimed.answer is not None:
                return claimed.answer
            done.append(number)
            finish(store, answer=Answer(200, (), str(number).encode()))

    answers = at_once(*(lambda number=number: ask(number) for number in range(6)))
    assert len(done) == 1
    assert set(answers) == {Answer(200, (), str(done[0]).encode())}


KEYS = st.sampled_from(["a", "b"])
OWNERS = st.sampled_from(["p1", "p2"])
PRINTS = st.sampled_from(["x", "y"])


class OneAnswerAKey(RuleBasedStateMachine):
    """However claims, answers and crashes follow each other, a key never gets a second answer."""

    @initialize()
    def start(self) -> None:
        self.requests.purge(older_than=timedelta(days=-1))
        self.open: dict[str, tuple[str, str]] = {}
        self.answers: dict[str, tuple[str, Answer]] = {}

    requests: Requests

    @rule(key=KEYS, owner=OWNERS, fingerprint=PRINTS)
    def claims(self, key: str, owner: str, fingerprint: str) -> None:
        known = self.answers.get(key) or self.open.get(key)
        try:
            claimed = claim_of(self.requests, key, owner=owner, fingerprint=fingerprint)
        except KeyReused:
            assert known is not None
            assert known[0] != fingerprint
            return
        except RequestInProgress:
            assert self.open[key] == (fingerprint, owner)
            return
        if key in self.answers:
            assert self.answers[key] == (fingerprint, claimed.answer)
            return
        assert claimed == Claim(taken_over=key in self.open)
        self.open[key] = (fingerprint, owner)

    @rule(key=KEYS, owner=OWNERS, status=st.integers(200, 599))
    def finishes(self, key: str, owner: str, status: int) -> None:
        answer = Answer(status, (("n", str(status)),), bytes([status % 256]))
        kept = self.requests.finish("acme", "ada", key, owner=owner, answer=answer)
        holds = key in self.open and self.open[key][1] == owner
        assert kept == holds
        if holds:
            self.answers[key] = (self.open.pop(key)[0], answer)

    @rule(key=KEYS, owner=OWNERS)
    def forgets(self, key: str, owner: str) -> None:
        self.requests.forget("acme", "ada", key, owner=owner)
        if key in self.open and self.open[key][1] == owner:
            del self.open[key]


@pytest.fixture
def stored_requests(tmp_path: Path) -> Iterator[Requests]:
    engine = sqlite_engine(tmp_path / "many.sqlite")
    yield Store.open(engine).requests
    engine.dispose()


def test_no_order_of_events_gives_a_key_two_answers(stored_requests: Requests) -> None:
    class OnThisDatabase(OneAnswerAKey):
        requests = stored_requests

    case = OnThisDatabase.TestCase
    case.settings = settings(
        max_examples=30, stateful_step_count=15, suppress_health_check=list(HealthCheck)
    )
    case("runTest").runTest()
