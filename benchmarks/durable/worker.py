"""A worker to be killed: `python -m benchmarks.durable.worker URL FOLDER CONCURRENCY`.

Its runs write down when their first step has begun, and then wait to be cancelled or killed.
"""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from engine.actions import Action, ActionContext
from engine.engine import Engine
from engine.ports import EngineSettings
from engine.testing import actions

LOG = "begun"
_FOREVER = 3600.0


def holding(folder: Path) -> Mapping[str, Action]:
    """The action `hold`, which notes the run, the process and the time, and then stays."""
    log = folder / LOG

    async def hold(context: ActionContext) -> None:
        with log.open("a") as lines:  # one write, so that lines of several processes don't mix
            lines.write(f"{context.execution_id} {os.getpid()} {time.monotonic()}\n")
        await asyncio.sleep(_FOREVER)

    return actions(hold=hold)


def main(url: str, folder: Path, concurrency: int) -> None:
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    chosen = EngineSettings(url=url, files=folder / "files", concurrency=concurrency)
    with Engine(chosen, actions=holding(folder)):
        print("up", flush=True)
        stopped.wait()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
