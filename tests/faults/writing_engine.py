"""An engine that does what it is told on its standard input, and says what came of it.

`python -m tests.faults.writing_engine FOLDER`; each line is a command and its argument, each answer a
line of JSON.
"""

import json
import sys
from pathlib import Path

import sqlalchemy as sa

from engine.engine import Engine
from engine.testing import actions, settings, tool, workflow

STEPS = 12
LENGTH = 50_000  # of each output


def main(folder):
    def large(name):
        with (folder / "log").open("a") as log:
            log.write(f"{name}\n")
        return name * LENGTH

    # What is noted before a step must not fail itself: the room for it is taken beforehand.
    (folder / "log").write_text("".join(f"{'-' * 20}\n" for _ in range(200)))
    with Engine(settings(folder), actions=actions(large=large)) as engine:
        steps = [tool(f"s{number}", "large", name=chr(97 + number)) for number in range(STEPS)]
        engine.put_workflow("acme", workflow(*steps), workflow_id="large")
        engine.put_workflow("acme", workflow(tool("a", value=1)), workflow_id="small")
        _say("up")
        for line in sys.stdin:
            command, _, argument = line.strip().partition(" ")
            _say(_answer(engine, command, argument))


def _say(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _answer(engine, command, argument):
    try:
        match command:
            case "submit":
                return {"id": engine.submit("acme", argument).id}
            case "wait":
                return {"status": engine.wait("acme", argument, 60).status.value}
            case "look":
                run = engine.execution("acme", argument)
                rows = engine.history("acme", argument)
                return {
                    "status": run.status.value,
                    "paths": [row.path for row in rows],
                    "lengths": [len(row.output) for row in rows],
                    "statuses": sorted({row.status.value for row in rows}),
                }
            case "check":
                with engine.database.connect() as connection:
                    return connection.exec_driver_sql("PRAGMA integrity_check").scalar()
    except sa.exc.OperationalError as error:
        return {"error": str(error.orig), "name": error.orig.sqlite_errorname}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
