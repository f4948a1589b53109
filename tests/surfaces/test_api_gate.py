"""What every request passes first: its key, how much it may ask, and what it may carry."""

import asyncio
import gzip
import hashlib
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from copilot.access import Access
from copilot.types.principal import Principal, Role
from tests.surfaces.rest_client import Server, one_database, says

OWN_KEY = "a-key-of-this-process-alone"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with one_database(tmp_path_factory.mktemp("data")) as server:
        yield server


@pytest.fixture(scope="module")
def client(server):
    return server.client(example=False)


def key_of(client, **more):
    body = {"name": "a key", "kind": "machine", "role": "viewer", **more}
    return client.post("/keys", body)


# ---------------------------------------------------------------- keys


def changed(key, position):
    other = "A" if key[position] != "A" else "B"
    return key[:position] + other + key[position + 1 :]


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "{key}",
        "Basic {key}",
        "Bearer",
        "Bearer ",
        "Bearer {key}x",
        "Bearer {half}",
        "Bearer {key} {key}",
        "Bearer \xff",
        "Bearer {mistyped}",
        "Bearer ask_000000000000_00000000000000000000000000000000_000000",
    ],
)
def test_without_a_whole_key_nothing_is_read_and_nothing_is_said(client, header):
    key = client.key
    if header is not None:
        header = header.format(key=key, half=key[:-1], mistyped=changed(key, 20))

    async def receive():
        raise AssertionError("the body was read")

    answers = {
        raw(client, path, receive=receive, authorization=header)
        for path in (f"/api/workspaces/{client.workspace}/credits", "/openapi.json", "/nothing")
    }
    ((status, body, headers),) = answers
    assert (status, json.loads(body)["code"]) == (401, "unauthenticated")
    assert ("www-authenticate", 'Bearer realm="ask-copilot"') in headers
    assert key.encode() not in body


def raw(client, path, *, receive, authorization, method="POST", headers=()):
    """Status, body and headers of an answer, from the application itself."""
    sent = []

    async def send(message):
        sent.append(message)

    given = [] if authorization is None else [("authorization", authorization)]
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in [*given, *headers]],
    }
    asyncio.run(client.server.http.app(scope, receive, send))
    shown = tuple(
        (name.decode(), value.decode())
        for name, value in sent[0]["headers"]
        if name != b"x-request-id"
    )
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]), shown


def test_a_revoked_key_is_told_so_only_to_its_holder(client):
    made = key_of(client)
    client.post(f"/keys/{made['key_id']}/revoke")
    for key, word in ((made["secret"], "revoked"), (changed(made["secret"], 25), "whole")):
        answer = client("GET", "/me", headers={"Authorization": f"Bearer {key}"})
        assert word in says(answer, 401, "unauthenticated")["detail"]
        assert key not in answer.text


def test_an_expired_key_is_expired_by_this_servers_clock_to_the_second(server, client):
    ends = datetime.now(UTC) + timedelta(hours=1)
    key = key_of(client, expires_at=ends.isoformat())["secret"]

    def asked(skew):
        access = Access(server.app.store, lambda: ends + skew)
        late = client.on(server.changed(access=access))
        return late("GET", "/me", headers={"Authorization": f"Bearer {key}"})

    assert asked(-timedelta(seconds=1)).status_code == 200
    for skew in (timedelta(0), timedelta(seconds=1), timedelta(days=400)):
        assert "expired" in says(asked(skew), 401, "unauthenticated")["detail"]


@pytest.mark.parametrize("ends", ["2020-01-01T00:00:00Z", "2090-01-01T00:00:00Z"])
def test_no_key_is_made_that_has_ended_or_never_ends(client, ends):
    body = {"name": "x", "kind": "machine", "role": "viewer", "expires_at": ends}
    says(client("POST", "/keys", json=body), 422, "invalid_input")


def test_a_key_may_have_a_second_for_its_turnover(client):
    first = key_of(client)
    second = key_of(client, replaces=first["key_id"])
    ids = {
        client.get("/me", headers={"Authorization": f"Bearer {key['secret']}"})["id"]
        for key in (first, second)
    }
    assert len(ids) == 1
    third = {"name": "x", "kind": "machine", "role": "viewer", "replaces": first["key_id"]}
    says(client("POST", "/keys", json=third), 422, "invalid_input")


def test_a_key_of_the_process_alone_is_let_in_and_is_in_no_list(server, client):
    person = Principal(id="local:me", name="me", workspace_id=client.workspace, role=Role.OWNER)
    hashed = hashlib.sha256(OWN_KEY.encode()).hexdigest()
    local = client.on(Server(server.app, local_keys={hashed: person}))
    local.key = OWN_KEY
    assert local.get("/me")["id"] == "local:me"
    assert all(key["created_by"] != "local:me" for key in local.get("/keys")["keys"])
    elsewhere = server.client(example=False)
    says(local("GET", "/me", workspace=elsewhere.workspace), 404, "not_found")
    refused = client("GET", "/me", headers={"Authorization": f"Bearer {OWN_KEY}"})
    says(refused, 401, "unauthenticated")


def test_no_answer_but_the_first_shows_a_secret(client):
    secret = key_of(client)["secret"]
    for path in ("/keys", "/audit", "/me"):
        assert secret not in client("GET", path).text


def test_a_database_that_does_not_know_is_503_and_lets_nobody_in(server, client):
    def authenticate(_key):
        raise sa.exc.OperationalError("SELECT", {}, OSError("locked"))

    broken = client.on(server.changed(access=SimpleNamespace(authenticate=authenticate)))
    answer = broken("GET", "/me")
    assert says(answer, 503, "store_busy")["retryable"] is True
    assert answer.headers["retry-after"]


# ---------------------------------------------------------------- how much


def test_too_many_requests_are_told_when_to_come_back(server):
    few = server.app.settings.model_copy(update={"requests_per_minute": 3})
    limited = server.changed(settings=few)
    one, other = (server.client(example=False).on(limited) for _ in range(2))
    assert [one("GET", "/me").status_code for _ in range(3)] == [200] * 3
    answer = one("GET", "/me")
    body = says(answer, 429, "too_many_requests")
    assert (body["limit"], body["retry_after"], body["retryable"]) == (3, 20, True)
    assert answer.headers["retry-after"] == "20"
    assert other("GET", "/me").status_code == 200
    assert one.ask("GET", "/healthz").status_code == 200


def test_who_has_no_key_uses_nobodys_share(server):
    few = server.app.settings.model_copy(update={"requests_per_minute": 1})
    client = server.client(example=False).on(server.changed(settings=few))
    for _ in range(3):
        says(client("GET", "/me", headers={"Authorization": "Bearer x"}), 401, "unauthenticated")
    assert client("GET", "/me").status_code == 200


# ---------------------------------------------------------------- what it carries

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("announced", "read"),
    [
        ([], 50),
        ([("content-length", "5")], 50),
        ([("content-length", "2500000")], 50),
        ([("content-length", "9" * 400)], 50),
        ([("content-length", "2500000"), ("expect", "100-continue")], 0),
    ],
)
def test_a_body_is_counted_while_it_comes_whatever_its_length_says(client, announced, read):
    """It is read to its end, or the client would be cut off and not see the answer."""
    pieces = [
        {"type": "http.request", "body": b" " * 50_000, "more_body": left > 0}
        for left in reversed(range(50))
    ]

    async def receive():
        return pieces.pop(0)

    status, body, headers = raw(
        client,
        f"/api/workspaces/{client.workspace}/executions",
        receive=receive,
        authorization=f"Bearer {client.key}",
        headers=[("content-type", "application/json"), *announced],
    )
    assert (status, 50 - len(pieces)) == (413, read)
    assert json.loads(body)["code"] == "body_too_large"
    assert ("connection", "close") in headers


def test_who_leaves_while_sending_gets_nothing_done(client):
    messages = [
        {"type": "http.request", "body": b'{"credits": 5}', "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive():
        return messages.pop(0)

    with pytest.raises(IndexError):  # nothing was sent
        raw(
            client,
            f"/api/workspaces/{client.workspace}/credits/grant",
            receive=receive,
            authorization=f"Bearer {client.key}",
            headers=[("content-type", "application/json")],
        )
    assert client.get("/credits")["granted"] == 0


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "gzip, identity", "x"])
def test_a_packed_body_is_not_unpacked(client, encoding):
    packed = gzip.compress(b" " * 5_000_000)
    headers = {**JSON, "Content-Encoding": encoding}
    answer = client("POST", "/credits/grant", content=packed, headers=headers)
    says(answer, 415, "unsupported_encoding")


@pytest.mark.parametrize(
    "media_type", [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"]
)
def test_a_body_that_does_not_say_it_is_json_is_refused(client, media_type):
    headers = {} if media_type is None else {"Content-Type": media_type}
    answer = client("POST", "/credits/grant", content=b'{"credits": 5}', headers=headers)
    says(answer, 415, "unsupported_media_type")
    assert client.get("/credits")["granted"] == 0


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_a_charset_and_capitals_do_not_matter(client, media_type):
    headers = {"Content-Type": media_type}
    answer = client("POST", "/executions", content=b'{"workflow_id": "none"}', headers=headers)
    says(answer, 404, "not_found")


BAD_JSON = {
    "cut off": (b"{", "not JSON"),
    "too deep": (b"[" * 1_900_000, "64 levels"),
    "not UTF-8": (b'{"a": "\xff"}', "UTF-8"),
    "a name twice": (b'{"credits": 5, "credits": 6}', "twice"),
    "NaN": (b'{"credits": NaN}', "NaN"),
    "infinite": (b'{"credits": 1e999}', "larger"),
}


@pytest.mark.parametrize(("content", "problem"), BAD_JSON.values(), ids=BAD_JSON)
def test_what_is_not_json_is_said_to_be_none(client, content, problem):
    answer = client("POST", "/credits/grant", content=content, headers=JSON)
    assert problem in says(answer, 400, "invalid_json")["detail"]
    assert client.get("/credits")["granted"] == 0


def test_an_empty_body_is_a_missing_one(client):
    answer = client("POST", "/credits/grant", content=b"", headers=JSON)
    says(answer, 422, "invalid_request")


# ---------------------------------------------------------------- what every answer has


def test_answers_are_not_kept_and_not_guessed_about(server, client):
    def serve(*_args, **_options):
        raise RuntimeError

    broken = client.on(server.changed(copilot=SimpleNamespace(serve=serve)))
    answers = [
        client.ask("GET", "/healthz"),
        client("GET", "/credits"),
        client("GET", "/nothing"),
        client.ask("GET", "/nothing", headers={"Authorization": None}),
        broken("GET", "/credits"),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 404, 401, 500]
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert len(answer.headers["x-request-id"]) == 32
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "DELETE", "TRACE", "BREW"])
def test_a_method_that_a_path_does_not_take_is_said_with_those_it_does(client, method):
    answer = client(method, "/credits")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"
    if method != "HEAD":
        says(answer, 405, "method_not_allowed")
