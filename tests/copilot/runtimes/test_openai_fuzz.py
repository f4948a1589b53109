"""Whatever a server sends, an answer or a ModelFailure comes of it, and nothing else."""

import asyncio
import copy
import json

import httpx2
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from copilot.runtimes import Answer, ModelFailure, ToolUse, Usage
from tests.copilot.runtimes.openai_builders import CHAT, RESPONSES, Api, request, stream

LOOSE = hypothesis_settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
APIS = st.sampled_from([RESPONSES, CHAT])
NAMES = st.sampled_from(
    ["error", "choices", "output", "usage", "message", "content", "type", "code", "text"]
)
ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["message", "function_call", "output_text", "refusal", "failed", "stop"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


def outcome(api: Api, reply: httpx2.Response, *, streams: bool) -> Answer | ModelFailure:
    runtime = api.runtime(lambda _: reply)
    try:
        on_text = [].append if streams else None
        return asyncio.run(runtime.complete(request(on_text=on_text)))
    except ModelFailure as failure:
        return failure


def require_sound(found: Answer | ModelFailure) -> None:
    """Types are what they are said to be, and the text can be written."""
    usage = found.usage
    if usage is not None:
        assert isinstance(usage, Usage)
        assert 0 <= usage.cache_read <= usage.input
        assert 0 <= usage.reasoning <= usage.output
    if isinstance(found, Answer):
        assert found.text or found.uses
        assert (found.text + found.model).encode()
        for use in found.uses:
            assert isinstance(use, ToolUse)
            assert isinstance(use.arguments, dict)
            assert use.id
            assert use.name


def places(value, at=()):
    """The path of every value in *value*."""
    yield at
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*at, key))


def changed(body, path, new):
    """*body* with *new* at *path*, or without what is there."""
    if not path:
        return None if new is MISSING else new
    body = copy.deepcopy(body)
    holder = body
    for key in path[:-1]:
        holder = holder[key]
    if new is MISSING:
        del holder[path[-1]]
    else:
        holder[path[-1]] = new
    return body


MISSING = object()


def with_calls(api: Api):
    """A good answer in which a tool is called as well."""
    body = api.body()
    if api is RESPONSES:
        call = {"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}"}
        body["output"].append(call)
        body["error"] = body["incomplete_details"] = None
    else:
        calls = [{"id": "c", "index": 0, "function": {"name": "n", "arguments": "{}"}}]
        body["choices"][0]["message"] |= {"tool_calls": calls, "refusal": None}
    return body


@LOOSE
@given(
    APIS, st.sampled_from([200, 200, 201, 302, 400, 401, 404, 429, 500, 529]), ODD, st.booleans()
)
def test_any_json_with_any_status(api: Api, status: int, body: object, streams: bool):
    reply = httpx2.Response(
        status,
        content=json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    require_sound(outcome(api, reply, streams=streams))


@LOOSE
@given(APIS, st.data())
def test_a_good_answer_with_one_thing_wrong(api: Api, data: st.DataObject):
    body = with_calls(api)
    path = data.draw(st.sampled_from(list(places(body))))
    new = data.draw(st.just(MISSING) | ODD)
    reply = httpx2.Response(200, content=json.dumps(changed(body, path, new)).encode())
    require_sound(outcome(api, reply, streams=False))


@LOOSE
@given(APIS, st.data())
def test_a_good_stream_with_one_thing_wrong(api: Api, data: st.DataObject):
    events = api.events("Be", "cause.")
    path = data.draw(st.sampled_from(list(places(events))).filter(bool))
    new = data.draw(st.just(MISSING) | ODD)
    reply = stream(changed(events, path, new), done=data.draw(st.booleans()))
    require_sound(outcome(api, reply, streams=True))


@LOOSE
@given(APIS, st.binary(max_size=60), st.sampled_from([200, 400, 503]), st.booleans(), st.data())
def test_any_bytes_under_any_type(api, content, status, streams, data):
    charset = data.draw(st.sampled_from(["utf-8", "hex", "zlib", "idna", "utf-7", "\xff"]))
    kind = data.draw(st.sampled_from(["application/json", "text/event-stream", "text/html"]))
    prefix = data.draw(st.sampled_from([b"", b"data: ", b"event: x\ndata: {"]))
    header = (b"content-type", f"{kind}; charset={charset}".encode("latin-1"))
    reply = httpx2.Response(status, content=prefix + content + b"\n\n", headers=[header])
    require_sound(outcome(api, reply, streams=streams))


@pytest.mark.parametrize("api", [RESPONSES, CHAT], ids=["responses", "chat"])
def test_a_long_list_of_rubbish_is_refused_and_not_looked_through(api: Api):
    rubbish = b'{"output": [%s1], "choices": [%s1]}' % (b"1," * 500_000, b"1," * 500_000)
    found = outcome(api, httpx2.Response(200, content=rubbish), streams=False)
    assert isinstance(found, ModelFailure)
    assert len(str(found)) < 600
