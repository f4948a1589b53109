"""What `test_cancelled_runs` says, on Postgres, and runs that another process carries out."""

import time
from contextlib import closing

from engine.engine import Engine
from engine.execution import ExecutionStatus
from engine.testing import ScriptedModel, actions, calling, settings, workflow
from tests.engine import test_cancelled_runs as scene
from tests.postgres import on_postgres, same_tests

postgres = on_postgres()
globals().update(same_tests(scene))


def wait_until(ready):
    until = time.monotonic() + 20
    while not ready():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_worker_elsewhere_stops_and_tells_what_was_used(tmp_path):
    desk = scene.Desk(tmp_path)
    model = ScriptedModel([calling("hang", cost="0.02")])
    known = actions(hang=desk.hang)
    asking = Engine(settings(tmp_path), actions=known)
    asking.start(dispatch=False)
    with closing(asking), Engine(settings(tmp_path), actions=known, model=model):
        asking.put_workflow("acme", workflow(scene.asking()), workflow_id="w")
        run = asking.submit("acme", "w")
        wait_until(lambda: desk.reached)
        assert asking.cancel("acme", run.id).status is ExecutionStatus.CANCELLED
        wait_until(lambda: asking.history("acme", run.id))
        (step,) = asking.history("acme", run.id)
    assert (step.error.code, step.turns, step.tokens_used) == ("step_stopped", 1, 15)
