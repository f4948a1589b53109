"""A run followed on a server: each event once and in order, whatever happens to the connection."""

import itertools
import json
import socket
import threading
from contextlib import contextmanager, suppress

import httpx2
import pytest

from copilot.bootstrap import open_app
from copilot.errors import NotFound, ServerUnreachable
from copilot.remote import RemoteService
from copilot.remote.events import TRIES
from copilot.settings import load
from tests.surfaces.rest_requests import DEFINITION, asking
from tests.surfaces.twins import overheard_server

MOMENT = "2026-01-31T12:00:00Z"


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """An application, its address, and a key."""
    with open_app(load({}, data=tmp_path_factory.mktemp("data"))) as app:
        key = app.access.first_owner("default", "ada")
        with overheard_server(app) as (url, _):
            yield app, url, key.secret


@pytest.fixture
def owner(scene):
    return scene[0].owner()


@pytest.fixture
def remote(scene):
    _, url, key = scene
    with RemoteService(url, key, workspace="default", sleep=lambda _: None) as remote:
        yield remote


def ended(owner):
    made = owner.workflows.create(DEFINITION)
    started = owner.executions.start(made.workflow_id)
    assert owner.executions.wait(started.id, 30).status.value == "succeeded"
    return started.id


def waiting(owner):
    made = owner.workflows.create(asking())
    started = owner.executions.start(made.workflow_id)
    assert owner.executions.wait(started.id, 30).status.value == "paused"
    return started.id


def test_it_tells_what_the_service_tells(owner, remote):
    execution_id = ended(owner)
    for after in (0, 2, 4):
        local = list(owner.events.follow(execution_id, after=after))
        assert list(remote.events.follow(execution_id, after=after)) == local
        assert [one.seq for one in local] == list(range(after + 1, 5))


def test_who_knows_all_of_a_run_that_has_ended_is_told_nothing(owner, remote):
    execution_id = ended(owner)
    assert list(remote.events.follow(execution_id, after=4)) == []
    assert list(remote.events.follow(execution_id, after=400)) == []


def test_it_goes_on_with_the_run_and_ends_with_it(owner, remote):
    execution_id = waiting(owner)
    told = remote.events.follow(execution_id)
    before = list(itertools.takewhile(lambda one: one.kind != "execution_paused", told))
    assert before[-1].kind == "approval_requested"
    owner.executions.decide(execution_id, "/ok", decision="approved")
    rest = [one.kind for one in told]
    assert (rest[0], rest[-1]) == ("approval_decided", "execution_completed")


def test_who_stops_following_is_forgotten(scene, owner, remote):
    told = remote.events.follow(waiting(owner))
    next(told)
    streams = scene[0].engine.streams
    assert streams.watched == 1
    told.close()
    for _ in range(500):
        if streams.watched == 0:
            break
        threading.Event().wait(0.02)
    assert streams.watched == 0


def test_a_run_that_is_not_there_is_missing_as_everywhere(owner, remote):
    for service in (owner, remote):
        with pytest.raises(Exception, match="No such execution") as raised:
            next(service.events.follow("nope"))
        assert raised.value.code == NotFound.code
        with pytest.raises(Exception, match="No such execution"):
            next(service.events.follow(""))


class CuttingProxy:
    """Stands before a server, and cuts each connection off after so many bytes of its answer."""

    def __init__(self, url, most):
        self._target = httpx2.URL(url)
        self._most = most
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        self.connections = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self):
        self._over.set()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _accept(self):
        while not self._over.is_set():
            with suppress(TimeoutError):
                client, _ = self._listener.accept()
                self.connections += 1
                thread = threading.Thread(target=self._carry, args=(client,))
                self._threads.append(thread)
                thread.start()

    def _carry(self, client):
        place = (self._target.host, self._target.port)
        with client, socket.create_connection(place, timeout=10) as server:
            server.sendall(client.recv(65536))
            left = self._most
            while left > 0 and (data := server.recv(left)):
                client.sendall(data)
                left -= len(data)
            # reset, as a network does it
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@contextmanager
def cut_off(scene, most):
    _, url, key = scene
    proxy = CuttingProxy(url, most)
    try:
        with RemoteService(proxy.url, key, workspace="default", sleep=lambda _: None) as client:
            yield client, proxy
    finally:
        proxy.close()


@pytest.mark.parametrize("most", [900, 1100])
def test_after_a_cut_nothing_is_missing_and_nothing_comes_twice(scene, owner, most):
    execution_id = ended(owner)
    with cut_off(scene, most) as (client, proxy):
        told = list(client.events.follow(execution_id))
    assert told == list(owner.events.follow(execution_id))
    assert proxy.connections > 1


class Scripted:
    """A server that answers each request with the next of *answers*, and with the last for ever."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []
        self.waits = []

    def __call__(self, request):
        self.asked.append(request.headers.get("last-event-id"))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer

    def follow(self, **options):
        client = RemoteService(
            "http://copilot.example",
            "ask_secret",
            workspace="acme",
            transport=httpx2.MockTransport(self),
            sleep=self.waits.append,
        )
        return client.events.follow("e", **options)


def event(seq, kind="step_completed", **facts):
    data = {"seq": seq, "execution_id": "e", "round": 1, "kind": kind, "at": MOMENT, "facts": facts}
    number = "" if seq is None else f"id: {seq}\n"
    return f"event: {kind}\ndata: {json.dumps(data)}\n{number}\n"


def stream(*events):
    """Makes an answer that ends behind *events*, as if it was cut off."""
    text = ": watching\nretry: 1000\n\n" + "".join(events)

    def answer():
        headers = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers=headers, content=text.encode())

    return answer


def numbers(told):
    return [one.seq for one in told]


END = event(None, "end", status="succeeded")
GONE = httpx2.ConnectError("refused")


def test_it_asks_for_what_follows_the_last_one_it_has():
    server = Scripted(stream(event(4), event(5)), stream(), stream(event(6), END))
    assert numbers(server.follow(after=3)) == [4, 5, 6]
    assert server.asked == ["3", "5", "5"]
    assert len(server.waits) == 2


def test_what_is_only_told_live_is_left_out_and_nothing_is_told_twice():
    live = event(None, "step_progress", text="so far")
    gap = event(None, "gap", lost=3)
    server = Scripted(stream(event(1), live), stream(event(1), gap, event(2), END))
    assert numbers(server.follow()) == [1, 2]


def test_a_server_that_starts_anew_is_waited_for():
    server = Scripted(stream(event(1)), *[GONE] * 12, stream(event(2), END))
    assert numbers(server.follow()) == [1, 2]


def test_a_server_that_does_not_come_back_is_an_error_in_the_end():
    server = Scripted(stream(event(1)), GONE)
    told = server.follow()
    assert next(told).seq == 1
    with pytest.raises(ServerUnreachable):
        next(told)
    assert len(server.asked) == 1 + TRIES * 5


@pytest.mark.parametrize(
    "foreign",
    [
        httpx2.Response(502, html="<h1>Bad gateway</h1>"),
        httpx2.Response(200, text="hello"),
        httpx2.Response(200, json={"hello": "world"}),
        stream("data: {\n\n"),
        stream('data: {"seq": 1}\n\n'),
        stream("data: " + "x" * 2_000_000),
    ],
)
def test_a_stream_of_somebody_else_is_none(foreign):
    with pytest.raises(ServerUnreachable):
        next(Scripted(foreign).follow())


def test_who_was_never_there_is_not_waited_for():
    server = Scripted(GONE)
    with pytest.raises(ServerUnreachable):
        next(server.follow())
    assert len(server.asked) == 5


def test_a_key_that_was_revoked_meanwhile_ends_it_with_that_error():
    problem = {"code": "unauthenticated", "detail": "No valid API key: it was revoked."}
    server = Scripted(stream(event(1)), httpx2.Response(401, json=problem))
    told = server.follow()
    assert next(told).seq == 1
    with pytest.raises(Exception, match="revoked") as raised:
        next(told)
    assert raised.value.code == "unauthenticated"


def test_members_of_a_newer_release_are_left_out():
    data = {"seq": 1, "execution_id": "e", "round": 1, "kind": "new", "at": MOMENT, "colour": 1}
    server = Scripted(stream(f"data: {json.dumps(data)}\nid: 1\n\n", END))
    assert [one.kind for one in server.follow()] == ["new"]
