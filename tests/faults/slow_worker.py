"""A worker whose steps write down who does them, before they do; a job of its own tells its ticks.

`python -m tests.faults.slow_worker URL FOLDER OPTIONS`
"""

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path

from engine.dispatch.queue import QueueDispatcher
from engine.engine import Engine
from engine.storage.database import connect
from engine.testing import actions, settings


def main(url, folder, *, concurrency=50, cron=None, **options):
    def note(*words):
        line = f"{time.time()} {os.getpid()} " + " ".join(map(str, words)) + "\n"
        with (folder / "log").open("a") as log:
            log.write(line)

    async def slow(run, step, seconds):
        note(run, step)
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            (folder / "stopped").write_text(run)
            raise
        return {"pid": os.getpid()}

    chosen = settings(folder, url=url, concurrency=concurrency)
    queue = QueueDispatcher(connect(url), chosen, **options)
    engine = Engine(chosen, actions=actions(slow=slow), dispatcher=queue)
    if cron:
        engine.schedule("job", cron, lambda moment: note("tick", moment.isoformat()))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with engine:
        sys.stdout.write("up\n")
        sys.stdout.flush()
        while True:
            time.sleep(60)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), **json.loads(sys.argv[3]))
