"""Requests to a server: repeated where that is safe, with one key, and never elsewhere."""

import json

import httpx2
import pytest

from copilot.errors import (
    InvalidInput,
    NotFound,
    ServerUnreachable,
    TooManyRequests,
    Unauthenticated,
)
from copilot.remote import RemoteService

URL = "http://copilot.example"
ME = {"id": "p1", "name": "ada", "workspace_id": "acme", "kind": "person", "role": "owner"}
STATEMENT = {"balance": 5, "granted": 9, "spent": 4, "reserved": 0, "problems": []}


class Server:
    """Answers with *script* in turn, and then always with its last entry."""

    def __init__(self, *script):
        self.script = list(script)
        self.requests = []
        self.waits = []

    def __call__(self, request):
        self.requests.append(request)
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def keys(self):
        return [one.headers.get("idempotency-key") for one in self.requests]

    def client(self, workspace="acme", **options):
        transport = httpx2.MockTransport(self)
        return RemoteService(
            URL,
            "ask_secret",
            workspace=workspace,
            transport=transport,
            sleep=self.waits.append,
            **options,
        )


def answer(data, status=200, **headers):
    return httpx2.Response(status, json=data, headers=headers)


def problem(status, code, **members):
    return answer({"code": code, "detail": code, **members}, status)


REFUSED = httpx2.ConnectError("refused")
BROKEN = httpx2.ReadError("reset")


def test_the_workspace_is_that_of_the_key_and_asked_for_once():
    server = Server(answer(ME), answer(STATEMENT))
    client = server.client(workspace=None)
    client.account.credits()
    client.account.credits()
    assert [one.url.path for one in server.requests] == [
        "/api/me",
        "/api/workspaces/acme/credits",
        "/api/workspaces/acme/credits",
    ]
    assert client.principal.name == "ada"
    assert server.requests[0].headers["authorization"] == "Bearer ask_secret"


@pytest.mark.parametrize(
    "trouble",
    [REFUSED, BROKEN, httpx2.ReadTimeout("slow"), problem(503, "store_busy"),
     problem(409, "request_in_progress")],
)  # fmt: skip
def test_what_got_no_answer_is_sent_again_with_the_same_key(trouble):
    server = Server(trouble, trouble, answer({"balance": 7}))
    assert server.client().account.grant(5) == 7
    assert len(set(server.keys)) == 1
    assert len(server.requests) == 3
    assert len(server.keys[0]) >= 20
    assert len(server.waits) == 2


def test_each_call_has_a_key_of_its_own_and_reading_has_none():
    server = Server(answer({"balance": 7}), answer({"balance": 7}), answer(STATEMENT))
    client = server.client()
    client.account.grant(5)
    client.account.grant(5)
    client.account.credits()
    first, second, none = server.keys
    assert first != second
    assert none is None


def test_the_key_of_a_grant_is_the_key_of_its_request():
    server = Server(answer({"balance": 7}))
    server.client().account.grant(5, key="invoice-12")
    assert server.keys == ["invoice-12"]


@pytest.mark.parametrize("key", ["ключ", "a\nb", "invoice 7", "x" * 256, "\ud800"])
def test_a_key_that_no_header_can_hold_is_stood_for(key):
    server = Server(answer({"balance": 7}))
    server.client().account.grant(5, key=key)
    server.client().account.grant(5, key=key)
    first, second = server.keys
    assert first == second
    assert first.isascii()
    assert len(first) == 64


@pytest.mark.parametrize("key", ["", "a\r\nX-Other: b", "ключ", "a b"])
def test_an_api_key_that_can_be_none_is_refused_here_and_not_shown(key):
    with pytest.raises(Unauthenticated) as raised:
        RemoteService(URL, key)
    assert "X-Other" not in str(raised.value)


def test_a_replacement_that_may_have_arrived_is_not_sent_again():
    """It carries a version, not only a key: sent again, it would be told that it came too late."""
    server = Server(BROKEN)
    with pytest.raises(ServerUnreachable, match="may have done"):
        server.client().workflows.replace("w", "name: x", expected_version=1)
    assert len(server.requests) == 1


def test_it_gives_up_after_a_few_times_and_says_where_and_why():
    server = Server(REFUSED)
    client = RemoteService(
        "http://ada:secret@copilot.example:81/",
        "k",
        workspace="acme",
        transport=httpx2.MockTransport(server),
        sleep=server.waits.append,
    )
    with pytest.raises(ServerUnreachable) as raised:
        client.account.credits()
    assert raised.value.args[0] == "http://copilot.example:81"
    assert server.requests[0].headers["authorization"] == "Bearer k"
    assert "nothing listens there" in str(raised.value)
    assert len(server.requests) == 5
    assert sum(server.waits) < 10


def test_one_attempt_is_one_attempt():
    server = Server(REFUSED)
    with pytest.raises(ServerUnreachable):
        server.client(attempts=1).account.credits()
    assert (len(server.requests), server.waits) == (1, [])


def test_a_server_that_stays_busy_is_believed_in_the_end():
    server = Server(problem(503, "store_busy", retryable=True))
    with pytest.raises(Exception, match="store_busy") as raised:
        server.client().account.credits()
    assert (raised.value.code, raised.value.retryable) == ("store_busy", True)


def test_it_comes_back_when_it_is_told_to_within_reason():
    wait = answer({"code": "too_many_requests"}, 429, **{"Retry-After": "3"})
    long = answer({"code": "too_many_requests"}, 429, **{"Retry-After": "3600"})
    server = Server(wait, long, answer(STATEMENT))
    server.client().account.credits()
    assert server.waits == [3.0, 5.0]
    many = Server(problem(429, "too_many_requests", limit=600, retry_after=9))
    with pytest.raises(TooManyRequests) as raised:
        many.client().account.credits()
    assert raised.value.args == (600, 9)


def test_a_redirect_is_not_followed_with_the_key():
    server = Server(httpx2.Response(302, headers={"location": "http://elsewhere.example/"}))
    with pytest.raises(ServerUnreachable, match="302"):
        server.client().account.credits()
    assert {one.url.host for one in server.requests} == {"copilot.example"}


def test_a_proxy_of_the_environment_is_not_used(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    server = Server(answer(STATEMENT))
    assert server.client().account.credits().spent == 4


@pytest.mark.parametrize(
    "foreign",
    [
        httpx2.Response(502, html="<h1>Bad gateway</h1>"),
        httpx2.Response(200, text="hello"),
        answer({"hello": "world"}),
        answer(["x"], 400),
        answer({}, 200),
    ],
)
def test_an_answer_of_somebody_else_is_no_answer(foreign):
    with pytest.raises(ServerUnreachable) as raised:
        Server(foreign).client().account.credits()
    assert "hello" not in str(raised.value)


def test_members_of_a_newer_release_are_left_out():
    server = Server(answer({**STATEMENT, "colour": "blue"}))
    assert server.client().account.credits().balance == 5


@pytest.mark.parametrize("identifier", ["a/b", "a?b=c", "..", ".", "ä ö", "%2e%2e", "a#b"])
def test_an_id_stays_one_segment_of_the_path(identifier):
    server = Server(problem(404, "not_found"))
    with pytest.raises(NotFound):
        server.client().fixes.preview(identifier)
    raw = server.requests[0].url.raw_path.decode()
    start, end = "/api/workspaces/acme/fixes/", "/preview"
    assert raw.startswith(start)
    assert raw.endswith(end)
    segment = raw.removeprefix(start).removesuffix(end)
    assert "/" not in segment
    assert segment not in {"", ".", ".."}


def test_an_empty_id_is_missing_without_asking():
    server = Server(answer({}))
    with pytest.raises(NotFound):
        server.client().analyses.report("")
    assert not server.requests


def test_text_of_any_kind_arrives_as_json():
    server = Server(answer(ME))
    with pytest.raises(ServerUnreachable):
        server.client().workflows.create({"name": "\ud800 ä"})
    assert json.loads(server.requests[0].content) == {"definition": {"name": "\ud800 ä"}}
    with pytest.raises(InvalidInput, match="JSON has no form"):
        server.client().executions.start("w", inputs={"x": float("nan")})


def test_a_run_is_waited_for_by_asking_less_and_less_often():
    progress = {
        "execution_id": "e", "status": "running", "current_stage": "x", "progress_percentage": 0,
        "agents_completed": 0, "agents_total": 1, "last_updated_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    execution = {
        "id": "e", "workspace_id": "acme", "workflow_id": "w", "workflow_version": 1,
        "status": "succeeded", "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    running = [answer(progress)] * 5
    ended = answer({**progress, "status": "succeeded"})
    server = Server(*running, ended, answer({"execution": execution, "steps": []}))
    found = server.client().executions.wait("e", 60)
    assert found.status.value == "succeeded"
    assert server.waits == sorted(server.waits)
    assert server.waits[0] < 0.1 < server.waits[-1] <= 1
