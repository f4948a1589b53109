"""The nightly job looks after every workspace, whatever happens in one of them, and says so."""

import logging
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from copilot.jobs import NightlyJob
from copilot.policy import Policy
from copilot.types.nightly import Digest

NOW = datetime(2026, 3, 1, 3, tzinfo=UTC)


class Passes:
    """Stands for `Nightly`: remembers where it was, and breaks in one workspace."""

    def __init__(self, broken=None, state="finished"):
        self.done = []
        self._broken = broken
        self._state = state

    def run(self, workspace_id):
        if workspace_id == self._broken:
            raise RuntimeError(workspace_id)
        self.done.append(workspace_id)
        return Digest(
            pass_id=f"night_{workspace_id}",
            workspace_id=workspace_id,
            state=self._state,
            started_at=NOW,
            finished_at=NOW,
            failures=5,
            groups=2,
            analysed=1,
            items=(),
            credits=3,
            credit_cap=9,
            cost_usd=Decimal(0),
            spend_cap_usd=None,
        )


@pytest.fixture
def job(store):
    def made(passes, **policies):
        return NightlyJob(
            passes,
            policy=lambda workspace_id: policies.get(workspace_id, Policy()),
            workspaces=lambda: ("a", "b", "c"),
            audit=store.audit,
        )

    return made


def noted(store, workspace_id):
    return [
        (entry.actor, entry.actor_kind, entry.action, entry.subject, entry.details)
        for entry in store.audit.page(workspace_id).items
    ]


def test_every_workspace_that_wants_it_gets_its_pass(job):
    passes = Passes()
    job(passes, b=Policy(nightly_enabled=False))(NOW)
    assert passes.done == ["a", "c"]


def test_one_that_breaks_keeps_no_other_from_it_and_its_words_stay_out_of_the_log(job, caplog):
    passes = Passes(broken="a")
    job(passes)(NOW)
    assert passes.done == ["b", "c"]
    assert "RuntimeError" in caplog.text
    assert "a\n" not in caplog.text.replace("RuntimeError\n", "")


def test_a_policy_that_cannot_be_read_keeps_no_other_workspace_from_its_pass(job, store):
    passes = Passes()
    broken = NightlyJob(
        passes,
        policy=lambda workspace_id: {"b": Policy(), "c": Policy()}[workspace_id],
        workspaces=lambda: ("a", "b", "c"),
        audit=store.audit,
    )
    broken(NOW)
    assert passes.done == ["b", "c"]


def test_each_pass_leaves_an_entry_of_a_machine_and_one_line_in_the_log(job, store, caplog):
    with caplog.at_level(logging.INFO, logger="copilot"):
        job(Passes(broken="b"))(NOW)
    facts = {"credits": 3, "analysed": 1}
    assert noted(store, "a") == [("nightly", "machine", "run_nightly", "night_a", facts)]
    assert noted(store, "b") == []
    assert [record.getMessage() for record in caplog.records if record.levelname == "INFO"] == [
        f"Nightly pass night_{name}: 5 failed runs, 2 kinds, 1 analysed, 3 credits."
        for name in ("a", "c")
    ]


def test_a_pass_that_somebody_else_is_carrying_out_is_theirs_to_note(job, store, caplog):
    with caplog.at_level(logging.INFO, logger="copilot"):
        job(Passes(state="running"))(NOW)
    assert noted(store, "a") == []
    assert caplog.records == []
