"""How many versions are read for a run: no more the older a workflow gets, or the more it had."""

import pytest

from copilot.intake import Intake
from copilot.pipeline.apply import Applier, Edits
from copilot.pipeline.preview import unified_diff
from copilot.policy import Policy
from copilot.testing import MemoryTarget
from copilot.types import OutcomeState, RunStatus, StepStatus
from tests.copilot.storage_builders import (
    a_failure,
    a_finished_analysis,
    a_run,
    a_snapshot,
    adding_a_template,
)
from tests.copilot.test_intake import Runs, failed
from tests.copilot.test_watch import outcome


def rewording(base):
    """A fix that touches nothing but the workflow itself."""
    shown, changed = adding_a_template(base)
    changed = changed.model_copy(update={"resources": base.resources})
    diff = unified_diff(base, changed)
    digest = f"{shown.fix_id}:{base.digest}:{diff}"
    return shown.model_copy(update={"diff": diff, "digest": digest}), changed


class Past:
    """The versions of a workflow, and how many of them were read; nobody edits a template."""

    def __init__(self, target):
        self.target = target
        self.read = []

    def at(self, workspace_id, workflow_id, version, *, also=()):
        self.read.append(version)
        return self.target.versions(workspace_id, workflow_id)[version - 1]

    def touched(self, workspace_id, *, after, before):
        return ()


class Scene:
    """An applied fix, whose workflow people edit and run."""

    def __init__(self, store, clock, propose):
        self.store = store
        self.target = MemoryTarget(a_snapshot())
        self.past = Past(self.target)
        self.runs = Runs()
        edits = Edits(store.changes, versions=self.past, history=self.past)
        self.intake = Intake(store, self.runs, edits=edits)
        store.ledger.reserve("acme", "key-1", price=1)
        store.analyses.finish(a_finished_analysis(a_failure()))
        applier = Applier(
            store.approvals,
            store.changes,
            self.target,
            diff=unified_diff,
            policy=lambda _: Policy(),
            clock=clock,
        )
        fresh, _ = propose(self.target.snapshot("acme", "outreach"))
        who = {"workspace_id": "acme", "actor": "ana", "actor_kind": "person"}
        seen = {"seen_digest": fresh.digest, "seen_version": 1}
        approved = applier.approve(fresh, **who, **seen).approval_id
        where = {"workspace_id": "acme", "workflow_id": "outreach"}
        self.change = applier.apply(approved, **where, propose=propose)

    @property
    def version(self):
        return self.target.snapshot("acme", "outreach").version

    def edit(self, times=1, **definition):
        for _ in range(times):
            changes = definition or {"name": f"Outreach {self.version}"}
            base = self.target.snapshot("acme", "outreach")
            self.target.edit("acme", "outreach", definition=base.definition | changes)

    def edit_the_place(self):
        self.edit(instructions="Send something else.")

    def read_for(self, *runs):
        """How many snapshots are read while these runs are taken in."""
        self.past.read.clear()
        self.runs.runs.extend(runs)
        assert self.intake.catch_up("acme") == len(runs)
        return len(self.past.read)

    def run(self, number, **how):
        return a_run(f"later-{number}", version=self.version, **how)

    def verify(self):
        self.read_for(*(self.run(f"first-{number}") for number in range(3)))
        assert outcome(self.store, self.change).state is OutcomeState.VERIFIED


@pytest.fixture(params=[rewording, adding_a_template], ids=["a text", "a template"])
def scene(store, clock, request):
    return Scene(store, clock, request.param)


def other_failure(number, version):
    return failed(number, "Disk is full", version=version)


def test_the_nth_run_of_a_verified_fix_costs_as_little_as_the_first(scene):
    scene.verify()
    costs = []
    for number in range(30):
        scene.edit()
        costs.append(scene.read_for(scene.run(number)))
        assert scene.read_for(scene.run(f"again-{number}")) == 0
    assert len(set(costs)) == 1
    assert costs[0] <= 2


def test_an_edit_of_a_verified_fix_is_noted_once_and_nothing_is_read_afterwards(scene):
    scene.verify()
    scene.edit_the_place()
    assert scene.read_for(scene.run(1)) > 0
    found = outcome(scene.store, scene.change)
    assert (found.state, found.passes) == (OutcomeState.VERIFIED, 3)
    assert found.explanation.endswith(
        "What this fix touched was edited since, in version 3, so later runs say nothing of it."
    )
    for number in range(2, 30):
        scene.edit()
        assert scene.read_for(scene.run(number), other_failure(number, scene.version)) == 0
    assert outcome(scene.store, scene.change) == found


@pytest.mark.parametrize("verified", [True, False])
def test_runs_of_one_batch_share_what_was_read(scene, verified):
    if verified:
        scene.verify()
    scene.edit_the_place()
    scene.edit(40)
    runs = [a_run(f"later-{number}", version=3 + number % 41) for number in range(150)]
    assert scene.read_for(*runs) <= 41 + 2
    assert "in version 3" in outcome(scene.store, scene.change).explanation


def test_runs_on_one_version_of_a_fix_under_watch_share_what_was_read(scene):
    scene.edit()
    runs = [scene.run(n, step=None, status=RunStatus.FAILED) for n in range(100)]
    assert scene.read_for(*runs) <= 2


def test_runs_that_say_nothing_of_an_edited_text_do_not_read_its_past_again(store, clock):
    scene = Scene(store, clock, rewording)
    scene.edit_the_place()
    scene.edit(40)
    silent = {"step": None, "status": RunStatus.CANCELLED}
    assert scene.read_for(scene.run(1, **silent)) == 42
    assert scene.read_for(scene.run(2, **silent)) == 0
    scene.edit()
    assert scene.read_for(scene.run(3, **silent)) == 1
    scene.read_for(scene.run(4))
    assert outcome(store, scene.change).state is OutcomeState.UNDECIDED


def test_what_another_has_read_is_not_needed(scene):
    """After a restart nothing is known, and the same comes out."""
    scene.verify()
    scene.edit()
    edits = Edits(scene.store.changes, versions=scene.past, history=scene.past)
    scene.intake = Intake(scene.store, scene.runs, edits=edits)
    assert scene.read_for(scene.run(1)) <= 2
    scene.edit_the_place()
    assert scene.read_for(scene.run(2, step=StepStatus.FAILED, status=RunStatus.FAILED)) > 0
    assert "in version 4" in outcome(scene.store, scene.change).explanation
