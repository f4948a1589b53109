"""What a step costs: against bare inserts, with an intent first, and in a long run."""

from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path

from . import raw
from .figures import Figure, Goal, median_ms, missing, of_pairs
from .postgres import NoPostgres, Server
from .raw import Raw
from .scene import RUNS, STEPS, STEPS_EACH, Scene, opened

SQLITE = (
    Goal(key="sqlite_sequence", what=f"{STEPS} steps in sequence, SQLite, to raw inserts", aim=2.5),
    Goal(
        key="sqlite_crowd",
        what=f"{RUNS} runs x {STEPS_EACH} steps, SQLite, to raw inserts",
        aim=0.5,
    ),
)
POSTGRES = (
    Goal(
        key="postgres_sequence",
        what=f"{STEPS} steps in sequence, Postgres, to raw inserts",
        aim=3.5,
    ),
    Goal(
        key="postgres_crowd",
        what=f"{RUNS} runs x {STEPS_EACH} steps, Postgres, to raw inserts",
        aim=1.5,
    ),
)
EFFECT = Goal(
    key="effect", what="a step that commits its intent first, to one that does not", aim=2.2
)
LONG_RUN = 10_000
GROWTH = Goal(key="growth", what=f"a step of {LONG_RUN:,}, to a step of {STEPS:,}", aim=1.3)


def on_sqlite(folder: Path, repeat: int) -> Generator[Figure]:
    """A file of the engine beside a bare one."""
    bare = raw.RawSqlite(folder)
    with opened(folder) as scene:
        yield from against_raw(SQLITE, scene, bare, repeat)
    bare.close()


def on_postgres(server: Server | NoPostgres, folder: Path, repeat: int) -> Generator[Figure]:
    """The same two on a server, if there is one."""
    if isinstance(server, NoPostgres):
        yield from (missing(goal, str(server)) for goal in POSTGRES)
        return
    with ExitStack() as closing:
        url, _ = closing.enter_context(server.database())
        _, plain = closing.enter_context(server.database())
        scene = closing.enter_context(opened(folder, url=url))
        bare = raw.RawPostgres(plain)
        closing.callback(bare.close)
        yield from against_raw(POSTGRES, scene, bare, repeat)


def against_raw(
    goals: tuple[Goal, Goal], scene: Scene, bare: Raw, repeat: int
) -> Generator[Figure]:
    """One run of many steps, then many runs of a few."""
    workloads: tuple[Callable[[], float], ...] = (scene.sequence, scene.crowd)
    for goal, workload in zip(goals, workloads, strict=True):
        workload()
        bare.seconds(STEPS)
        before = scene.commits
        pairs = [(workload(), bare.seconds(STEPS)) for _ in range(repeat)]
        yield of_pairs(
            goal,
            pairs,
            engine_ms=median_ms([ours for ours, _ in pairs], STEPS),
            raw_ms=median_ms([bare for _, bare in pairs], STEPS),
            commits_a_step=round((scene.commits - before) / (repeat * STEPS), 3),
        )


def effect(folder: Path, repeat: int) -> Figure:
    """What can't be repeated is committed twice: before it is done, and after."""
    with opened(folder) as scene:
        scene.sequence(action="effect")
        scene.sequence()
        pairs = [(scene.sequence(action="effect"), scene.sequence()) for _ in range(repeat)]
    return of_pairs(
        EFFECT,
        pairs,
        with_intent_ms=median_ms([one for one, _ in pairs], STEPS),
        without_ms=median_ms([one for _, one in pairs], STEPS),
    )


def growth(folder: Path, repeat: int) -> Figure:
    """The long run lies between two short ones, so that a machine that slows down slows both."""
    pairs: list[tuple[float, float]] = []
    with opened(folder) as scene:
        scene.rounds(STEPS)
        for _ in range(repeat):
            before = scene.rounds(STEPS)
            long = scene.rounds(LONG_RUN) / LONG_RUN
            pairs.append((long, (before + scene.rounds(STEPS)) / 2 / STEPS))
    return of_pairs(
        GROWTH,
        pairs,
        long_ms=median_ms([one for one, _ in pairs]),
        short_ms=median_ms([one for _, one in pairs]),
    )
