"""kill -9 between each two steps of an action: what is left is finished exactly once."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from copilot.fixes import parse_action
from copilot.pipeline.apply import Applier
from copilot.pipeline.preview import preview_action, unified_diff
from copilot.policy import Policy
from copilot.storage.store import Store
from copilot.targets.engine import EngineTarget
from copilot.types import ChangeState
from engine.dispatch.inline import InlineDispatcher
from engine.engine import Engine
from engine.errors import QuotaExhausted
from engine.storage.tables import APPLIED_CHANGE
from engine.testing import actions, settings, tool, workflow

ROOT = Path(__file__).resolve().parents[2]
OF = {"workspace_id": "acme", "workflow_id": "w"}
CHANGE, REVERSAL = "change-1", "change-2"
NOW = timedelta(0)

KILLED = """
import os, signal, sys
from pathlib import Path
import copilot.pipeline.apply.carrier as carrier
import engine.storage.deeds as deeds
from copilot.storage.changes import Changes
from tests.faults.test_action_kill import Scene, opened

folder, kind, way, moment = Path(sys.argv[1]), *sys.argv[2:5]

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

def dying_after(function):
    def call(*args, **kwargs):
        function(*args, **kwargs)
        die()
    return call

with opened(folder) as scene:
    if way == "revert":
        scene.apply(kind)
    if moment == "begun":
        carrier.Carrier.carry_out = die
    elif moment == "inside the deed":
        deeds._remember = dying_after(deeds._remember)
    elif moment == "done":
        Changes.mark_applied = die
    elif moment == "marked":
        Changes.mark_applied = dying_after(Changes.mark_applied)
    scene.apply(kind) if way == "apply" else scene.revert()
"""


def spent(value=None):
    resets_at = datetime.now(UTC) + timedelta(hours=5)
    raise QuotaExhausted("used up", resets_at=resets_at.isoformat())


class Scene:
    def __init__(self, engine):
        self.engine, self.target = engine, EngineTarget(engine)
        self.store = Store.open(engine.database)
        self.applier = Applier(
            self.store.approvals,
            self.store.changes,
            self.target,
            diff=unified_diff,
            policy=lambda _workspace_id: Policy(),
            deeds=self.target,
        )

    @property
    def run_id(self):
        (run,) = self.engine.workspace("acme").executions.list().executions
        return run.id

    def propose(self, kind):
        more = {"reason": "It fails"} if kind == "pause_workflow" else {"execution_id": self.run_id}
        action = parse_action({"type": kind, **more})

        def propose(base):
            standing = self.target.standing("acme", "w", execution_id=action.execution)
            return preview_action(action, fix_id="fix-1", base=base, standing=standing)

        return propose

    def apply(self, kind):
        """Approved and applied; the same approval and the same change each time."""
        if self.store.approvals.find("acme", "approval-1") is None:
            fresh, _ = self.propose(kind)(self.target.snapshot("acme", "w"))
            self.applier.approve(
                fresh,
                workspace_id="acme",
                seen_digest=fresh.digest,
                seen_version=fresh.base_version,
                actor="ana",
                actor_kind="person",
                approval_id="approval-1",
            )
        propose = self.propose(kind)
        return self.applier.apply("approval-1", **OF, propose=propose, change_id=CHANGE)

    def revert(self):
        return self.applier.revert(CHANGE, workspace_id="acme", actor="ana", reversal_id=REVERSAL)

    def state(self, change_id=CHANGE):
        found = self.store.changes.find("acme", change_id)
        return None if found is None else found.change.state

    def is_in_place(self, kind):
        standing = self.target.standing("acme", "w", execution_id=self.run_id)
        return (standing.paused if kind == "pause_workflow" else standing.run.timer) is not None

    def deeds(self):
        with self.engine.database.connect() as connection:
            query = sa.select(APPLIED_CHANGE.c.change_id).order_by(APPLIED_CHANGE.c.change_id)
            return list(connection.execute(query).scalars())


@contextmanager
def opened(folder):
    queue = InlineDispatcher()
    with Engine(settings(folder), dispatcher=queue, actions=actions(invite=spent)) as engine:
        yield Scene(engine)


def killed(folder, *moment):
    with opened(folder) as scene:
        made = workflow(tool("first", "invite"), on_quota="fail")
        scene.engine.put_workflow("acme", made, workflow_id="w")
        scene.engine.submit("acme", "w")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), *moment],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


every_kind = pytest.mark.parametrize("kind", ["pause_workflow", "resume_after_quota"])


@every_kind
@pytest.mark.parametrize(
    ("moment", "in_place", "left"),
    [
        ("begun", False, ChangeState.APPROVED),
        ("inside the deed", False, ChangeState.APPROVED),
        ("done", True, ChangeState.APPLIED),
        ("marked", True, ChangeState.APPLIED),
    ],
)
def test_an_action_that_is_killed_is_done_once(tmp_path, kind, moment, in_place, left):
    killed(tmp_path, kind, "apply", moment)
    with opened(tmp_path) as scene:
        assert scene.is_in_place(kind) == in_place
        scene.applier.reconcile(older_than=NOW)
        assert scene.state() is left
        for _ in range(2):
            assert scene.apply(kind).state is ChangeState.APPLIED
        assert scene.is_in_place(kind)
        assert scene.deeds() == [CHANGE]
        assert scene.applier.reconcile(older_than=NOW) == ()
        assert scene.revert().change.state is ChangeState.APPLIED
        assert not scene.is_in_place(kind)


@every_kind
@pytest.mark.parametrize(
    ("moment", "in_place", "left"),
    [
        ("begun", True, ChangeState.APPLIED),
        ("inside the deed", True, ChangeState.APPLIED),
        ("done", False, ChangeState.REVERTED),
        ("marked", False, ChangeState.REVERTED),
    ],
)
def test_taking_it_back_that_is_killed_is_done_once(tmp_path, kind, moment, in_place, left):
    killed(tmp_path, kind, "revert", moment)
    with opened(tmp_path) as scene:
        assert scene.is_in_place(kind) == in_place
        scene.applier.reconcile(older_than=NOW)
        assert scene.state() is left
        if in_place:
            assert scene.revert().change.state is ChangeState.APPLIED
        else:
            assert scene.revert().change.change_id == REVERSAL
        assert not scene.is_in_place(kind)
        assert len(scene.deeds()) == 2
        assert scene.applier.reconcile(older_than=NOW) == ()
