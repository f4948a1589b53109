"""Analyses over HTTP under load, against a bare route that makes the same commits.

    python -m benchmarks.api_load [--requests 300] [--json]

A real server process with keys on SQLite (WAL, FULL), as `serve` runs it, is asked by another
process over kept connections. Every new analysis is of another failed run with another missing
template; served-again asks for what is stored. The rival is a FastAPI route in a process of its own
that commits as often and as many bytes as one analysis, to a SQLite file in the same folder, and
answers with as many bytes. Both are asked in turn in the same run.
"""

import argparse
import asyncio
import json
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from fastapi import FastAPI, Response

from benchmarks.analyze import WORKSPACE, failed_runs, statements
from copilot.bootstrap import App, open_app
from copilot.settings import Settings, load
from copilot.surfaces.rest.app import create_app
from copilot.surfaces.rest.telemetry import log_to_stderr

AIM = 2.0
CLIENTS = (1, 16, 64)
WARM = 50


@dataclass(frozen=True, slots=True)
class Weight:
    """What one analysis costs the database and the wire."""

    commits: int
    written: int
    answered: int


@dataclass(frozen=True, slots=True)
class Load:
    """What the asking process is told: each path once, over *clients* connections."""

    url: str
    key: str
    clients: int
    paths: Sequence[str]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=300, help="for each number of clients")
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.add_argument("--serve", choices=("product", "bare"), help=argparse.SUPPRESS)
    parser.add_argument("--ask", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve == "product":
        _serve_product(options.folder)
    elif options.serve == "bare":
        _serve_bare(options.folder, Weight(**json.load(sys.stdin)))
    elif options.ask:
        print(json.dumps(asyncio.run(_ask(Load(**json.load(sys.stdin))))))
    else:
        _report(measure(options.requests), as_json=options.as_json)


def measure(requests: int) -> dict[str, Any]:
    """Requests a second and milliseconds, for each row and number of clients."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = _settings(folder)
        with open_app(settings) as app:
            runs = list(failed_runs(app, requests * len(CLIENTS) + WARM + 1))
            made = app.access.first_owner(WORKSPACE, "Bench")
            assert made is not None
        with open_app(settings, dispatch=False) as app:
            weight = _weigh(app, runs.pop())
        key, rows = made.secret, list[dict[str, Any]]()
        analyze = [f"/api/workspaces/{WORKSPACE}/executions/{run}/analyze" for run in runs]
        bare = ["/commits"] * requests
        with _server("product", folder) as ours, _server("bare", folder, weight) as rival:
            _asked(Load(ours, key, 1, analyze[:WARM]))
            _asked(Load(rival, key, 1, bare[:WARM]))
            for turn, clients in enumerate(CLIENTS):
                start = WARM + turn * requests
                fresh = analyze[start : start + requests]
                for row, load_ in (
                    ("analysis", Load(ours, key, clients, fresh)),
                    ("served_again", Load(ours, key, clients, fresh)),
                    ("bare_route", Load(rival, key, clients, bare)),
                ):
                    rows.append({"row": row, "clients": clients, **_asked(load_)})
    return {"commits": weight.commits, "bytes": weight.written, "rows": rows} | _ratios(rows)


def _ratios(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    rates = {(row["row"], row["clients"]): row["per_second"] for row in rows}
    return {
        f"ratio_{row}": {
            clients: rates["bare_route", clients] / rates[row, clients] for clients in CLIENTS
        }
        for row in ("analysis", "served_again")
    }


def _report(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result))
        return
    print(f"One analysis: {result['commits']} commits, {result['bytes']} bytes of statements.")
    print(f"{'':16}{'clients':>8}{'req/s':>10}{'p50 ms':>10}{'p99 ms':>10}")
    for row in result["rows"]:
        numbers = f"{row['per_second']:>10.0f}{row['p50']:>10.2f}{row['p99']:>10.2f}"
        print(f"{row['row']:16}{row['clients']:>8}{numbers}")
    for name in ("ratio_analysis", "ratio_served_again"):
        shown = ", ".join(f"{ratio:.2f} at {clients}" for clients, ratio in result[name].items())
        print(f"{name}: {shown} (aim {AIM:g} or less)")


# ---------------------------------------------------------------- what is asked for


def _settings(folder: Path) -> Settings:
    return load({}, data=folder, requests_per_minute=0)


def _weigh(app: App, run: str) -> Weight:
    """Count what SQLite is told while one run is analysed, once all runs have been taken in."""
    analyses = app.owner(WORKSPACE).analyses
    analyses.failures(limit=1)
    with statements(app) as said:
        report = analyses.analyze(run)
    writes = [one for one in said if one.startswith(("INSERT", "UPDATE", "DELETE"))]
    return Weight(
        commits=said.count("COMMIT"),
        written=sum(len(one) for one in writes),
        answered=len(report.model_dump_json()),
    )


# ---------------------------------------------------------------- the servers


@contextmanager
def _server(kind: str, folder: Path, weight: Weight | None = None) -> Generator[str]:
    """A server in a process of its own; gives its address."""
    command = [sys.executable, "-m", "benchmarks.api_load", "--serve", kind, "--folder"]
    process = subprocess.Popen(  # noqa: S603  (this very file)
        [*command, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        if weight is not None:
            facts = {name: getattr(weight, name) for name in Weight.__slots__}
            process.stdin.write(json.dumps(facts))
        process.stdin.close()
        address = process.stdout.readline().strip()
        assert address, f"the {kind} server did not start"
        yield address
    finally:
        process.terminate()
        process.wait(30)


def _serve_product(folder: Path) -> None:
    settings = _settings(folder)
    with open_app(settings) as app, log_to_stderr(settings):
        _listen(create_app(app))


def _serve_bare(folder: Path, weight: Weight) -> None:
    """One table, a connection a thread, and nothing but the commits."""
    path = folder / "bare.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE row (id INTEGER PRIMARY KEY, body TEXT)")
    rest = FastAPI()
    local = threading.local()
    body = "x" * (weight.written // weight.commits)
    answer = json.dumps({"report": "x" * weight.answered})

    def connected() -> sqlite3.Connection:
        if not hasattr(local, "connection"):
            local.connection = sqlite3.connect(path, isolation_level="IMMEDIATE", timeout=30)
            local.connection.execute("PRAGMA synchronous = FULL")
        return local.connection

    @rest.post("/commits")
    def commits() -> Response:  # pyright: ignore[reportUnusedFunction]  (FastAPI calls it)
        connection = connected()
        for _ in range(weight.commits):
            connection.execute("INSERT INTO row (body) VALUES (?)", (body,))
            connection.commit()
        return Response(answer, media_type="application/json")

    _listen(rest)


def _listen(rest: FastAPI) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        config = uvicorn.Config(rest, log_level="warning", access_log=False, lifespan="off")
        uvicorn.Server(config).run(sockets=[listener])


# ---------------------------------------------------------------- the clients


def _asked(load_: Load) -> dict[str, float]:
    """Ask from another process, so that asking takes no time from the server's."""
    facts = {name: getattr(load_, name) for name in Load.__slots__}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.api_load", "--ask"],
        input=json.dumps(facts),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


async def _ask(load_: Load) -> dict[str, float]:
    limits = httpx2.Limits(max_connections=load_.clients, max_keepalive_connections=load_.clients)
    headers = {"Authorization": f"Bearer {load_.key}"}
    left = iter(load_.paths)
    times: list[float] = []
    async with httpx2.AsyncClient(
        base_url=load_.url, headers=headers, limits=limits, timeout=60
    ) as client:

        async def one_client() -> None:
            for path in left:
                started = time.perf_counter()
                answer = await client.post(path)
                times.append((time.perf_counter() - started) * 1000)
                assert answer.status_code == 200, answer.text

        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(load_.clients):
                group.create_task(one_client())
        seconds = time.perf_counter() - started
    return {
        "per_second": len(times) / seconds,
        "p50": statistics.median(times),
        "p99": statistics.quantiles(times, n=100)[98],
    }


if __name__ == "__main__":
    main()
