"""How a rival is asked: a line when it is ready, then one measurement for each line it reads."""

import json
import sys
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path

PAYLOAD = {"text": "x" * 100}


def given() -> tuple[Path, int]:
    """The folder to write to, and the number of steps of a run."""
    folder, steps = sys.argv[1:3]
    return Path(folder), int(steps)


async def take_turns(
    package: str, run: Callable[[int], Awaitable[None]], *, steps: int, warm: int = 20
) -> None:
    """Until there is nothing more to read. A first run of *warm* steps is not timed."""
    await run(warm)
    _say({"version": version(package)})
    while sys.stdin.readline():
        started = time.perf_counter()
        await run(steps)
        _say({"seconds": time.perf_counter() - started})


def _say(words: dict[str, object]) -> None:
    assert sys.__stdout__ is not None
    print(json.dumps(words), file=sys.__stdout__, flush=True)
