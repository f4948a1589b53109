"""One nightly pass over many failed runs, against the bare reading of the same rows.

    python -m benchmarks.nightly [--failures 10000] [--json]

The database is made of real rows: each workflow runs once in the engine and fails, and the rows it
left are written again with other ids, times and error texts (half of the kinds name one of five
things, the others a number that is never the same). Then a fresh process makes one pass, from
taking in all runs to the finished digest with the rules' analyses. The bare reading is done by
that same process on the same file: the same runs and their steps as rows through SQLAlchemy, every
column except the steps' outputs (which the pass does not read either), two statements for each 200
runs; the best of three. The engine's own reading, rows made into runs and steps, is timed apart to
show where the time goes. Memory is the high-water mark of the process during the pass, less what
it was before, with the packages loaded and the database open.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

import knowledge_base
from copilot.intake import BATCH, Intake
from copilot.nightly import Nightly
from copilot.pipeline.analyze import Analyzer
from copilot.policy import Policy
from copilot.sources.engine import EngineSource
from copilot.storage.store import Store
from copilot.targets.engine import EngineTarget
from copilot.types import Report
from engine.definition import parse_workflow
from engine.engine import Engine
from engine.execution import ErrorInfo, Execution, ExecutionStatus
from engine.ports import EngineSettings
from engine.storage.tables import COUNTER, EXECUTION, STEP_RUN

T = TypeVar("T")

AIM = 3.0
WORKSPACE = "default"
WORKFLOWS = 8
#: Kinds of failure of each workflow.
KINDS = 5
START = datetime(2026, 1, 1, tzinfo=UTC)

#: Error texts of one kind each; `{n}` differs from run to run.
ERRORS = (
    ("template_not_found", "Template 'Newsletter {n}' not found"),
    ("rate_limited", "429 Too Many Requests: rate limit of 60 requests reached, retry in {n} s"),
    ("network_failed", "Connection to crm-{n}.example.com:443 timed out after {n} ms"),
    ("auth_failed", "401 Unauthorized: token ending in {n:04x} has expired"),
    ("invalid_data", "Row {n}: 'user{n}@' is not a valid e-mail address"),
    ("upstream_failed", "502 Bad Gateway from https://api.example.com/v1/orders/{n}"),
    ("permission_denied", "The caller has no permission to read sheet 'Q{n} plan'"),
    ("context_length", "This model's maximum context length is 8192 tokens, you sent {n}"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--failures", type=int, default=10_000)
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.add_argument("--build", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.build is not None:
        build(options.build, options.failures)
        return
    if options.measure is not None:
        print(json.dumps(measure(options.measure)))
        return
    with tempfile.TemporaryDirectory() as folder:
        # each in a process of its own: a child's high-water mark starts at that of its parent
        _run_apart("--build", folder, "--failures", str(options.failures))
        result = json.loads(_run_apart("--measure", folder))
    print(json.dumps(result) if options.as_json else _table(result))


def _run_apart(*arguments: str) -> str:
    command = [sys.executable, "-m", "benchmarks.nightly", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return done.stdout


def build(folder: Path, failures: int) -> None:
    """A database with *failures* failed runs of several workflows."""
    with Engine(_settings(folder)) as engine:
        prototypes = [_failed_run(engine, number) for number in range(WORKFLOWS)]
        with engine.database.begin() as connection:
            runs = [_run(connection, one) for one in prototypes]
            counted = connection.scalar(sa.select(COUNTER.c.value)) or 0
            more = failures - len(runs)
            for start in range(0, more, 1000):
                numbers = range(start, min(start + 1000, more))
                copies = [_copy(runs[number % WORKFLOWS], number, counted) for number in numbers]
                connection.execute(sa.insert(EXECUTION), [run for run, _ in copies])
                connection.execute(sa.insert(STEP_RUN), [row for _, rows in copies for row in rows])
            connection.execute(sa.update(COUNTER).values(value=counted + more))


def measure(folder: Path) -> dict[str, float]:
    """Seconds, MB and the ratio; of one pass in this process."""
    knowledge = knowledge_base.load()
    with closing(Engine.open(_settings(folder), dispatch=False)) as engine:
        store = Store.open(engine.database)
        shares = {"taking_in": 0.0, "analysing": 0.0}
        nightly = _nightly(engine, store, knowledge, shares)
        before = _peak()
        seconds, digest = _timed(lambda: nightly.run(WORKSPACE))
        peak = _peak() - before
        taken = Intake(store, EngineSource(engine)).catch_up(WORKSPACE)
        assert taken == 0, "the pass has taken in every run"
        reading = min(_timed(lambda: _read_runs(EngineSource(engine)))[0] for _ in range(3))
        bare = min(_timed(lambda: _read_bare(engine.database))[0] for _ in range(3))
    return {
        "failures": digest.failures,
        "kinds": digest.groups,
        "analysed": digest.analysed,
        "credits": digest.credits,
        "seconds": seconds,
        "failures_per_second": digest.failures / seconds,
        "taking_in_seconds": shares["taking_in"],
        "analysing_seconds": shares["analysing"],
        "engine_reading_seconds": reading,
        "bare_seconds": bare,
        "ratio": seconds / bare,
        "ratio_without_engine_reading": (seconds - reading) / bare,
        "peak_mb": peak,
    }


def _settings(folder: Path) -> EngineSettings:
    return EngineSettings(url=f"sqlite:///{folder / 'bench.sqlite'}", files=folder / "files")


def _nightly(
    engine: Engine,
    store: Store,
    knowledge: knowledge_base.KnowledgeBase,
    shares: dict[str, float],
) -> Nightly:
    """Wired as in the product; *shares* gets the seconds of its two parts."""
    source, target = EngineSource(engine), EngineTarget(engine)
    intake = Intake(store, source)
    analyzer = Analyzer(
        store,
        knowledge=lambda _workspace_id: knowledge,
        workspaces=source,
        target=target,
        checker=target,
    )

    def catch_up(workspace_id: str) -> int:
        seconds, taken = _timed(lambda: intake.catch_up(workspace_id))
        shares["taking_in"] += seconds
        return taken

    def analyze(workspace_id: str, execution_id: str, key: str) -> Report:
        run = source.run(workspace_id, execution_id)
        seconds, report = _timed(lambda: analyzer.analyze(run, idempotency_key=key))
        shares["analysing"] += seconds
        return report

    return Nightly(store, catch_up=catch_up, analyze=analyze, policy=lambda _workspace_id: Policy())


def _failed_run(engine: Engine, number: int) -> Execution:
    """A run whose third step of four finds no template."""
    render = {
        "action": "render_template",
        "with": {"body": "Hello {name}", "values": {"name": "A"}},
    }
    missing = {"action": "render_template", "with": {"template": "Newsletter"}}
    steps = [render, render, missing, render]
    workflow = parse_workflow(
        {
            "name": f"Bench {number}",
            "steps": [{"id": f"step{at}", **step} for at, step in enumerate(steps, start=1)],
        },
        source="bench",
    )
    stored = engine.put_workflow(WORKSPACE, workflow, workflow_id=f"bench-{number}")
    started = engine.submit(WORKSPACE, stored.workflow_id)
    ended = engine.wait(WORKSPACE, started.id, 60)
    assert ended.status is ExecutionStatus.FAILED, ended
    return ended


Rows = tuple[dict[str, Any], list[dict[str, Any]]]


def _run(connection: sa.Connection, execution: Execution) -> Rows:
    """The rows that a run left."""
    runs = sa.select(EXECUTION).where(EXECUTION.c.id == execution.id)
    steps = sa.select(STEP_RUN).where(STEP_RUN.c.execution_id == execution.id)
    run = connection.execute(runs).mappings().one()
    return dict(run), [dict(row) for row in connection.execute(steps).mappings()]


def _copy(rows: Rows, number: int, counted: int) -> Rows:
    """The same run once more, later, with an error text of its own."""
    run, steps = rows
    moment = START + timedelta(seconds=number)
    at, workflow = divmod(number, WORKFLOWS)
    kind = (at + workflow) % KINDS
    code, text = ERRORS[(kind + workflow) % len(ERRORS)]
    seen = at % 5 if kind % 2 else number
    error = ErrorInfo(message=text.format(n=seen), type="StepError", code=code).model_dump_json()
    execution_id = f"bench-run-{number}"
    times = dict.fromkeys(
        ("created_at", "started_at", "round_started_at", "completed_at", "updated_at"), moment
    )
    failed = {"error": error, "completed_at": moment}
    return (
        {**run, **times, "id": execution_id, "end_cursor": counted + number + 1, "error": error},
        [
            {**row, "execution_id": execution_id, **(failed if row["error"] else {})}
            for row in steps
        ],
    )


def _read_bare(database: sa.Engine) -> int:
    """The same runs and steps as rows, and nothing made of them."""
    columns = [column for column in STEP_RUN.c if column is not STEP_RUN.c.output]
    cursor = 0
    read = 0
    while True:
        wanted = (
            sa.select(EXECUTION)
            .where(EXECUTION.c.workspace_id == WORKSPACE, EXECUTION.c.end_cursor > cursor)
            .order_by(EXECUTION.c.end_cursor)
            .limit(BATCH)
        )
        with database.connect() as connection:
            runs = connection.execute(wanted).all()
            names = [run.id for run in runs]
            steps = sa.select(*columns).where(
                STEP_RUN.c.execution_id.in_(names), STEP_RUN.c.superseded_in.is_(None)
            )
            read += len(runs) + len(connection.execute(steps).all())
        if len(runs) < BATCH:
            return read
        cursor = runs[-1].end_cursor


def _read_runs(source: EngineSource) -> int:
    """The same as the runs that are taken in, and nothing done with them."""
    cursor = 0
    read = 0
    while batch := source.ended_after(WORKSPACE, cursor, limit=BATCH):
        cursor = batch[-1].cursor
        read += len(batch)
    return read


def _timed(call: Callable[[], T]) -> tuple[float, T]:
    started = time.perf_counter()
    result = call()
    return time.perf_counter() - started, result


def _peak() -> float:
    """The most memory this process has had, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1024 * 1024 if sys.platform == "darwin" else 1024)


def _table(result: dict[str, float]) -> str:
    rows: Sequence[tuple[str, str]] = (
        ("failed runs", f"{result['failures']:.0f}"),
        ("kinds, analysed", f"{result['kinds']:.0f}, {result['analysed']:.0f}"),
        ("one pass", f"{result['seconds']:.2f} s"),
        ("failures a second", f"{result['failures_per_second']:.0f}"),
        ("  taking the runs in", f"{result['taking_in_seconds']:.2f} s"),
        ("  of that, the engine's reading", f"{result['engine_reading_seconds']:.2f} s"),
        ("  analysing the kinds", f"{result['analysing_seconds']:.2f} s"),
        ("bare reading of the rows", f"{result['bare_seconds']:.2f} s"),
        (f"ratio (aim {AIM:g} or less)", f"{result['ratio']:.2f}"),
        ("ratio without the engine's reading", f"{result['ratio_without_engine_reading']:.2f}"),
        ("memory above baseline", f"{result['peak_mb']:.1f} MB"),
    )
    return "\n".join(f"{name:36}{value:>14}" for name, value in rows)


if __name__ == "__main__":
    main()
