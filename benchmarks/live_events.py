"""What watching costs: many subscribers on one run, over HTTP, while it goes on.

    python -m benchmarks.live_events [--subscribers 200] [--steps 40] [--json]

One process carries a run out and serves its events, as an application does; another one listens, so
that what listening costs is not counted. The lag of an event is the time from when it happened to
when a subscriber has read it, on one clock: "stored" is the end of a step, which is committed first
and then found by the next look into the log, every 0.2 s; "live" is the text of a model, ten times a
second. Memory is what the serving process has grown by at its largest, for each subscriber.
"""

import argparse
import asyncio
import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool

from engine.actions import ActionContext
from engine.dispatch.inline import InlineDispatcher
from engine.engine import Engine
from engine.http import create_router
from engine.observe.events import EventStreams, WorkspaceEvents
from engine.observe.feed import Feed, RunFeed
from engine.observe.live import LiveTiles
from engine.run.context import NoMasker, SystemClock
from engine.storage.definitions import DefinitionStore
from engine.storage.events import EventLog
from engine.storage.executions import ExecutionStore
from engine.storage.journal import Begun
from engine.testing import WORKSPACE, actions, settings, tool, workflow

AIMS = {"stored_lag_p95_ms": 1000.0, "kb_a_subscriber": 100.0}
TEXTS_A_STEP = 2
TEXT_SECONDS = 0.1
TEXT = "word " * 100
_PAGE_KB = 4


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds, and kilobytes of the serving process."""

    subscribers: int
    events_each: float
    stored_lag_p50_ms: float
    stored_lag_p95_ms: float
    live_lag_p95_ms: float
    kb_a_subscriber: float
    polls_a_second: float
    replay_us_an_event: float

    @property
    def met(self) -> dict[str, bool]:
        return {name: getattr(self, name) <= aim for name, aim in AIMS.items()}


class CountingLog(EventLog):
    """Counts how often it is asked."""

    asked = 0

    def page(self, *args: Any, **given: Any) -> Any:
        self.asked += 1
        return super().page(*args, **given)


@dataclass(slots=True)
class Scene:
    """An engine in this process, and its events over HTTP."""

    engine: Engine
    queue: InlineDispatcher
    log: CountingLog
    streams: EventStreams
    url: str = ""

    async def run(self) -> None:
        await asyncio.to_thread(self.queue.run)


@dataclass(slots=True)
class Speaker:
    """The runs' own sinks, for an action that tells what a model would."""

    feed: Feed
    sinks: dict[str, RunFeed] = field(default_factory=dict[str, RunFeed])

    def listening(self, begun: Begun) -> RunFeed:
        sink = self.sinks[begun.ticket.execution_id] = self.feed.listening(begun)
        return sink

    async def speak(self, context: ActionContext) -> str:
        for _ in range(TEXTS_A_STEP):
            sink = self.sinks[context.execution_id]
            sink.note("step_progress", context.path, turn=1, text=TEXT, truncated=False)
            await asyncio.sleep(TEXT_SECONDS)
        return "spoken"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--subscribers", type=int, default=200)
    parser.add_argument("--steps", type=int, default=40, help="of the run that is watched")
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.add_argument("--listen", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.listen:
        asyncio.run(_listen_all(options.listen, options.subscribers))
    else:
        figures = asyncio.run(measure(options.subscribers, options.steps))
        _report(figures, as_json=options.as_json)


async def measure(subscribers: int, steps: int) -> Figures:
    """One run of *steps* steps, watched from its start to its end."""
    async with _scene(steps) as scene:
        warm = scene.engine.submit(WORKSPACE, "w")
        listening = asyncio.create_task(_heard(await _listener(_address(scene, warm.id), 5)))
        await scene.run()
        await listening
        await _all_threads()
        run = scene.engine.submit(WORKSPACE, "w")
        gc.collect()
        before = _kilobytes()
        listener = await _listener(_address(scene, run.id), subscribers)
        listening = asyncio.create_task(_heard(listener))
        scene.log.asked, began = 0, time.perf_counter()
        working = asyncio.create_task(scene.run())
        largest = before
        while not working.done():
            await asyncio.sleep(0.2)
            largest = max(largest, _kilobytes())
        polls = scene.log.asked / (time.perf_counter() - began)
        heard = await listening
        replay = await _replay(_address(scene, run.id))
    return Figures(
        subscribers=subscribers,
        events_each=heard["events"] / subscribers,
        stored_lag_p50_ms=round(statistics.median(heard["stored"]), 1),
        stored_lag_p95_ms=round(_p95(heard["stored"]), 1),
        live_lag_p95_ms=round(_p95(heard["live"]), 1),
        kb_a_subscriber=round((largest - before) / subscribers, 1),
        polls_a_second=round(polls, 1),
        replay_us_an_event=round(replay, 1),
    )


@asynccontextmanager
async def _scene(steps: int) -> AsyncGenerator[Scene]:
    clock, queue = SystemClock(), InlineDispatcher(hold=True)
    feed = Feed(clock, NoMasker())
    speaker = Speaker(feed)
    with tempfile.TemporaryDirectory() as name:
        engine = Engine(
            settings(Path(name), reconcile_seconds=3600.0),
            actions=actions(speak=speaker.speak),
            listening=speaker.listening,
            dispatcher=queue,
        )
        with engine:
            spoken = workflow(*(tool(f"s{n}", "speak") for n in range(steps)))
            engine.put_workflow(WORKSPACE, spoken, workflow_id="w")
            log = CountingLog(engine.database)
            scene = Scene(engine, queue, log, EventStreams(log, feed, clock))
            definitions = DefinitionStore(engine.database, clock)
            executions = ExecutionStore(engine.database, definitions)
            tiles = LiveTiles(engine.database, definitions, executions, feed, clock)
            async with _served(WorkspaceEvents(scene.streams, tiles, WORKSPACE)) as scene.url:
                yield scene
                scene.streams.stop()


@asynccontextmanager
async def _served(events: WorkspaceEvents) -> AsyncGenerator[str]:
    class Opened:
        def __init__(self) -> None:
            self.events = events

    app = FastAPI()
    app.include_router(create_router(Opened))
    config = uvicorn.Config(app, port=0, log_level="warning", access_log=False)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await serving


async def _all_threads() -> None:
    """Starts the threads that requests are checked in: there are 40, however many subscribers."""
    await asyncio.gather(*(run_in_threadpool(time.sleep, 0.05) for _ in range(40)))


def _address(scene: Scene, execution_id: str) -> str:
    return f"{scene.url}/executions/{execution_id}/events"


async def _listener(url: str, subscribers: int) -> asyncio.subprocess.Process:
    """A process that has connected *subscribers* times."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.live_events",
        f"--listen={url}",
        f"--subscribers={subscribers}",
        stdout=asyncio.subprocess.PIPE,
        limit=2**26,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"connected\n"
    return process


async def _heard(process: asyncio.subprocess.Process) -> dict[str, Any]:
    out, _ = await process.communicate()
    return json.loads(out)


async def _replay(url: str) -> float:
    """Microseconds for each event of a log that is read as a whole."""
    began = time.perf_counter()
    count = sum([1 async for _ in _events(url, asyncio.Event())])
    return (time.perf_counter() - began) / count * 1e6


async def _listen_all(url: str, subscribers: int) -> None:
    """The other process: says when all are connected, then what they have heard."""
    ready = [asyncio.Event() for _ in range(subscribers)]
    listening = [asyncio.create_task(_lags(url, one)) for one in ready]
    for one in ready:
        await one.wait()
    print("connected", flush=True)
    told = await asyncio.gather(*listening)
    print(
        json.dumps(
            {
                "events": sum(count for count, _, _ in told),
                "stored": [lag for _, stored, _ in told for lag in stored],
                "live": [lag for _, _, live in told for lag in live],
            }
        )
    )


async def _lags(url: str, ready: asyncio.Event) -> tuple[int, list[float], list[float]]:
    count, stored, live = 0, list[float](), list[float]()
    async for event in _events(url, ready):
        count += 1
        lag = (datetime.now(UTC) - datetime.fromisoformat(event["at"])).total_seconds() * 1000
        if event["kind"] == "step_completed":
            stored.append(round(lag, 1))
        elif event["kind"] == "step_progress":
            live.append(round(lag, 1))
    return count, stored, live


async def _events(url: str, ready: asyncio.Event) -> AsyncGenerator[dict[str, Any]]:
    """Server-sent events, read by hand: a library would take longer than what is measured."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(f"GET {parts.path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".encode())
    while line := await reader.readline():
        if line.startswith(b": watching"):
            ready.set()
        elif line.startswith(b"data: "):
            yield json.loads(line[6:])
    writer.close()


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def _kilobytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_KB


def _report(figures: Figures, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({**asdict(figures), "aims": AIMS, "met": figures.met}, indent=2))
        return
    for name, value in asdict(figures).items():
        aim = f"at most {AIMS[name]:g}" if name in AIMS else ""
        print(f"{name:<22}{value:>10g}   {aim}".rstrip())


if __name__ == "__main__":
    main()
