"""One offline analysis, stored and charged, against the bare commits it needs.

    python -m benchmarks.analyze [--analyses 200] [--json]

Both are timed in turn in the same process on the same SQLite file (WAL, FULL), as the owner at the
command line asks. Every analysis is of another failed run with another missing template, so that
none is served from what is stored; that has a row of its own.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from copilot.bootstrap import App, open_app
from copilot.settings import load
from engine.definition import parse_workflow

AIM = 3.0
WORKSPACE = "default"
WORKFLOW = {
    "name": "Bench",
    "inputs": {"template": {"required": True}},
    "steps": [
        {
            "id": "step1",
            "action": "render_template",
            "with": {"template": "{{ inputs.template }}", "values": {"name": "Ada"}},
        }
    ],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--analyses", type=int, default=200)
    parser.add_argument("--json", action="store_true", dest="as_json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = load({}, data=Path(folder))
        with open_app(settings) as app:
            runs = list(failed_runs(app, options.analyses * 11 // 10 + 1))
        with open_app(settings, dispatch=False) as app:
            result = measure(app, runs)
    if options.as_json:
        print(json.dumps(result))
        return
    print(
        f"{options.analyses} offline analyses, each of {result['commits']:g} commits "
        f"and {result['statements']:g} statements"
    )
    print(f"{'':24}{'p50 ms':>10}{'p99 ms':>10}")
    for name in ("analysis", "served_again", "bare_commits"):
        print(f"{name:24}{result[f'{name}_p50']:>10.3f}{result[f'{name}_p99']:>10.3f}")
    print(
        f"{f'ratio (aim {AIM:g} or less)':24}{result['ratio_p50']:>10.2f}{result['ratio_p99']:>10.2f}"
    )


def measure(app: App, runs: Sequence[str]) -> dict[str, float]:
    """Times in milliseconds; the first runs warm up and are left out."""
    warm = len(runs) // 11
    analyses = app.owner(WORKSPACE).analyses
    analyses.failures(limit=1)  # takes all runs in
    with app.engine.database.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE bench_row (id INTEGER PRIMARY KEY, body TEXT)")
    with statements(app) as said:
        analyses.analyze(runs[0])
    commits = said.count("COMMIT")
    times: dict[str, list[float]] = {"analysis": [], "served_again": [], "bare_commits": []}
    for number, execution_id in enumerate(runs[1:]):
        analyze = partial(analyses.analyze, execution_id)
        bare = partial(_bare_commits, app.engine.database, commits)
        for name, call in zip(times, (analyze, analyze, bare), strict=True):
            taken = _timed(call)
            if number >= warm:
                times[name].append(taken)
    result = {"commits": float(commits), "statements": float(len(said))}
    for name, taken in times.items():
        result[f"{name}_p50"] = statistics.median(taken)
        result[f"{name}_p99"] = statistics.quantiles(taken, n=100)[98]
    for rank in ("p50", "p99"):
        result[f"ratio_{rank}"] = result[f"analysis_{rank}"] / result[f"bare_commits_{rank}"]
    return result


def failed_runs(app: App, count: int) -> Iterator[str]:
    """Runs that have failed, each for want of another template."""
    stored = app.engine.put_workflow(WORKSPACE, parse_workflow(WORKFLOW, source="bench"))
    started = [
        app.engine.submit(
            WORKSPACE, stored.workflow_id, inputs={"template": f"Newsletter {number}"}
        ).id
        for number in range(count)
    ]
    for execution_id in started:
        ended = app.engine.wait(WORKSPACE, execution_id, 120)
        assert ended.status.is_failure, ended
        yield execution_id


@contextmanager
def statements(app: App) -> Generator[list[str]]:
    """What SQLite is told inside the block, on connections taken inside it."""
    said: list[str] = []

    def listen(connection: Any, *_: Any) -> None:
        connection.set_trace_callback(said.append)

    def silence(connection: Any, *_: Any) -> None:
        connection.set_trace_callback(None)

    database = app.engine.database
    event.listen(database, "checkout", listen)
    event.listen(database, "checkin", silence)
    try:
        yield said
    finally:
        event.remove(database, "checkout", listen)
        event.remove(database, "checkin", silence)


def _bare_commits(database: sa.Engine, count: int) -> None:
    with database.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        for _ in range(count):
            raw.execute("INSERT INTO bench_row (body) VALUES (?)", ("x" * 500,))
            raw.commit()


def _timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    main()
