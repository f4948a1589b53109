"""What durability costs, against bare inserts and against other engines with a durable store.

    python -m benchmarks.durable_runs [--json] [--repeat 5] [--only growth --only progress …]

Every engine here commits each step to the same disk with a sync (SQLite in write-ahead mode,
FULL). What is compared runs in turn, and a ratio is the median of the ratios of neighbours, so that
a busy machine slows both. Postgres is a server that is named, or one of our own from a wheel. The
rivals are those that `make bench` installs. What is not there is a row that says so.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from .durable import looking, rivals, throughput, workers
from .durable.figures import HEADING, Figure, Goal
from .durable.postgres import NoPostgres, Server, server

Measure: TypeAlias = Callable[["Setting"], Iterable[Figure]]


@dataclass(frozen=True, slots=True)
class Setting:
    """What is there to measure with; each part has a folder of its own in *folder*."""

    folder: Path
    postgres: Server | NoPostgres
    python: Path
    repeat: int

    def own(self, name: str) -> Path:
        own = self.folder / name
        own.mkdir()
        return own


#: What is measured together, with the goals it has figures for, in the order of the table.
PARTS: Sequence[tuple[Sequence[Goal], Measure]] = (
    (throughput.SQLITE, lambda s: throughput.on_sqlite(s.own("sqlite"), s.repeat)),
    (
        throughput.POSTGRES,
        lambda s: throughput.on_postgres(s.postgres, s.own("postgres"), s.repeat),
    ),
    ([throughput.EFFECT], lambda s: [throughput.effect(s.own("effect"), s.repeat)]),
    (
        [rival.goal for rival in rivals.RIVALS],
        lambda s: rivals.against_rivals(s.own("rivals"), s.python, s.repeat),
    ),
    ([throughput.GROWTH], lambda s: [throughput.growth(s.own("growth"), max(1, s.repeat // 2))]),
    ([workers.START], lambda s: [workers.start_here(s.own("start"), 20 * s.repeat)]),
    (
        (workers.START_ELSEWHERE, workers.TAKEN_OVER),
        lambda s: workers.over_workers(
            s.postgres, s.own("workers"), starts=20 * s.repeat, kills=4 * s.repeat
        ),
    ),
    (looking.WATCHED, lambda _: looking.watching()),
    ([looking.PROGRESS], lambda s: [looking.progress(s.own("progress"), s.repeat)]),
)
KEYS = [goal.key for goals, _ in PARTS for goal in goals]


def figures(options: argparse.Namespace) -> Generator[Figure]:
    """Every figure, as it is found; with `only`, the parts that have one of those."""
    with ExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory(dir=options.folder)))
        try:
            postgres = closing.enter_context(server(options.postgres))
        except NoPostgres as error:
            postgres = error
        setting = Setting(folder, postgres, options.rivals, options.repeat)
        for goals, measure in PARTS:
            if not options.only or {goal.key for goal in goals} & set(options.only):
                yield from measure(setting)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.durable_runs")
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--only", action="append", choices=KEYS, metavar="KEY")
    parser.add_argument("--folder", help="on the disk to measure, instead of the temporary folder")
    parser.add_argument("--postgres", help="the address of a server, instead of one of our own")
    parser.add_argument("--rivals", type=Path, default=rivals.PYTHON, metavar="PYTHON")
    options = parser.parse_args(arguments)
    if not options.as_json:
        print(HEADING, flush=True)
    found: dict[str, Figure] = {}
    for figure in figures(options):
        found[figure.goal.key] = figure
        if not options.as_json:
            print(figure.line(), flush=True)
    if options.as_json:
        print(json.dumps({key: figure.as_json() for key, figure in found.items()}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
