"""The stream and the tiles over HTTP, from a real server."""

import asyncio
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI, Path
from fastapi.responses import JSONResponse

from engine.errors import EngineError
from engine.http import create_router
from engine.testing import actions, tool

from .watching import watched_engine


@dataclass
class Gate:
    """An action that waits until it is opened."""

    opened: threading.Event = field(default_factory=threading.Event)

    async def wait(self):
        while not self.opened.is_set():
            await asyncio.sleep(0.005)


class Opened:
    def __init__(self, events):
        self.events = events


def application(watched):
    def opened(workspace_id: Annotated[str, Path()]):
        return Opened(watched.at(workspace_id))

    app = FastAPI()
    app.include_router(create_router(opened), prefix="/at/{workspace_id}")

    @app.exception_handler(EngineError)
    async def answer(_request, error):
        return JSONResponse({"code": error.code}, 404 if error.code == "not_found" else 422)

    return app


class Server(uvicorn.Server):
    """Ends the streams when it is told to stop, as an application does in its signal handler."""

    def __init__(self, watched):
        config = uvicorn.Config(
            application(watched), port=0, log_level="warning", timeout_graceful_shutdown=20
        )
        super().__init__(config)
        self.streams = watched.streams

    def stop(self):
        self.streams.stop()
        self.should_exit = True


@contextmanager
def served(watched):
    server = Server(watched)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}/at/acme/", timeout=10) as client:
            yield client, server, thread
    finally:
        server.stop()
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def scene(tmp_path):
    gate = Gate()
    with watched_engine(tmp_path, hold=True, actions=actions(wait=gate.wait)) as watched:
        watched.gate = gate
        with served(watched) as (client, server, thread):
            watched.client, watched.server, watched.thread = client, server, thread
            yield watched
            gate.opened.set()


def events_of(lines):
    """Server-sent events as (event, id, data), as a browser reads them; None for a comment."""
    found = {}
    for line in lines:
        if not line:
            if "event" in found:
                yield found["event"], found.get("id"), json.loads(found["data"])
            found = {}
        elif line.startswith(":"):
            yield None
        else:
            name, _, value = line.partition(": ")
            found[name] = value


def told(answer):
    return [event for event in events_of(answer.text.splitlines()) if event]


def test_a_run_that_has_ended_is_told_and_the_answer_ends(scene):
    run = scene.start(tool("a"))
    scene.queue.run()
    answer = scene.client.get(f"executions/{run.id}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-cache"
    assert "retry: 1000" in answer.text
    assert [(event, number) for event, number, _ in told(answer)] == [
        ("execution_started", "1"),
        ("step_started", "2"),
        ("step_completed", "3"),
        ("execution_completed", "4"),
        ("end", None),
    ]
    data = told(answer)[2][2]
    assert (data["seq"], data["path"], data["facts"]["attempts"]) == (3, "/a", 1)


def test_who_comes_again_gets_what_it_has_not_seen(scene):
    run = scene.start(tool("a"))
    scene.queue.run()
    path = f"executions/{run.id}/events"
    again = scene.client.get(path, headers={"Last-Event-ID": "2"})
    assert [number for _, number, _ in told(again)] == ["3", "4", None]
    asked = scene.client.get(path, params={"after": 2})
    assert told(asked)[:2] == told(again)[:2]
    both = scene.client.get(path, params={"after": 1}, headers={"Last-Event-ID": "3"})
    assert [number for _, number, _ in told(both)] == ["4", None]


@pytest.mark.parametrize("last", ["4", "5", "999999999999999999"])
def test_a_browser_that_has_all_is_told_to_stop_asking(scene, last):
    run = scene.start(tool("a"))
    scene.queue.run()
    answer = scene.client.get(f"executions/{run.id}/events", headers={"Last-Event-ID": last})
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("last", ["", "x", "-1", "1.5", "9" * 19, "\u0661".encode()])
def test_an_id_of_somebody_else_is_refused(scene, last):
    run = scene.start(tool("a"))
    answer = scene.client.get(f"executions/{run.id}/events", headers={"Last-Event-ID": last})
    assert answer.status_code == 422


@pytest.mark.parametrize("what", ["events", "live"])
def test_other_workspaces_runs_look_like_missing_ones(scene, what):
    run = scene.start(tool("a"))
    theirs = scene.client.get(f"/at/other/executions/{run.id}/{what}")
    missing = scene.client.get(f"/at/acme/executions/nothing/{what}")
    assert (theirs.status_code, theirs.content) == (missing.status_code, missing.content)
    assert theirs.status_code == 404


def test_a_run_is_told_while_it_goes_on(scene):
    run = scene.start(tool("a"), tool("b", "wait"))
    with scene.client.stream("GET", f"executions/{run.id}/events") as answer:
        working = threading.Thread(target=scene.queue.run)
        working.start()
        seen = []
        for event in events_of(answer.iter_lines()):
            if event is None:
                continue
            seen.append(event[:2])
            if event[0] == "step_started" and event[2]["path"] == "/b":
                scene.gate.opened.set()
        working.join()
    assert seen.index(("step_started", None)) < seen.index(("step_completed", "5"))
    assert [number for _, number in seen if number] == ["1", "2", "3", "4", "5", "6"]
    assert seen[-1] == ("end", None)


def test_a_run_that_says_nothing_is_kept_open_by_comments(scene, monkeypatch):
    monkeypatch.setattr("fastapi.routing._PING_INTERVAL", 0.05)
    run = scene.start(tool("a"))
    with scene.client.stream("GET", f"executions/{run.id}/events") as answer:
        lines = answer.iter_lines()
        comments = [line for line, _ in zip(lines, range(8), strict=False) if line[:1] == ":"]
    assert comments[0] == ": watching"
    assert comments.count(": ping") >= 2


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_who_hangs_up_is_forgotten(scene):
    run = scene.start(tool("a"))
    with scene.client.stream("GET", f"executions/{run.id}/events") as answer:
        lines = answer.iter_lines()  # who lets go of it hangs up
        next(lines)
        assert scene.streams.watched == 1
    wait_until(lambda: scene.streams.watched == 0)
    assert scene.feed._listeners == {}


def test_a_server_with_open_streams_stops_at_once_and_cuts_nobody_off(scene):
    run = scene.start(tool("a"))
    with scene.client.stream("GET", f"executions/{run.id}/events") as answer:
        lines = answer.iter_lines()
        assert next(lines) == ": watching"
        began = time.monotonic()
        scene.server.stop()
        rest = list(lines)  # an answer that is cut off would raise here
        scene.thread.join(10)
    assert time.monotonic() - began < 2
    assert not any("end" in line for line in rest)


def test_the_tiles_of_a_run(scene):
    run = scene.start(tool("a"), tool("b", "wait"))
    working = threading.Thread(target=scene.queue.run)
    working.start()
    wait_until(lambda: ("step_completed", "/a") in scene.told(run))
    wait_until(lambda: any(one.path == "/b" for one in scene.feed.doing(run.id) or ()))
    tiles = scene.client.get(f"executions/{run.id}/live").json()
    scene.gate.opened.set()
    working.join()
    assert (tiles["status"], tiles["is_live"], tiles["tokens"]["used"]) == ("running", True, 0)
    assert [(step["path"], step["tool"]) for step in tiles["steps"]] == [("/b", "wait")]
    assert tiles["cost"]["used_usd"] is None
    assert tiles["elapsed"]["estimated_seconds"] is None


def test_the_description_names_both_routes(scene):
    paths = application(scene).openapi()["paths"]
    events = paths["/at/{workspace_id}/executions/{execution_id}/events"]["get"]
    told = events["responses"]["200"]["content"]["text/event-stream"]["itemSchema"]["properties"]
    assert {"seq", "kind", "facts"} <= told["data"]["contentSchema"]["properties"].keys()
    assert {"after", "last-event-id"} <= {one["name"] for one in events["parameters"]}
    assert "204" in events["responses"]
    assert "/at/{workspace_id}/executions/{execution_id}/live" in paths
