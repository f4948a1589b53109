"""Suggestions over time: dismissed until they grow, applied, taken back, and judged."""

import pytest

from copilot.bootstrap import open_app
from copilot.settings import load
from copilot.types import OutcomeState
from tests.copilot.optimize_bench import ROUNDS, Priced, apply, ask, coded
from tests.copilot.workflow_bench import Bench


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    settings = load({}, data=tmp_path_factory.mktemp("life"), undo_seconds=60.0)
    with open_app(settings, model=Priced()) as app:
        yield app


@pytest.fixture
def bench(app):
    bench = Bench(app)
    bench.service.workflows.create(ROUNDS, workflow_id="w")
    return bench


def listing(count):
    return {"name": "Mails", "steps": [ask("a", f"Write to the {count} customers.")]}


def test_a_dismissed_suggestion_is_told_no_more(bench):
    optimizer = bench.service.optimizer
    (one,) = optimizer.suggestions("w").suggestions
    done = optimizer.dismiss("w", one.suggestion_id, reason="it is\nmeant so")
    assert (done.reason, done.kind) == ("it is meant so", "prompt")
    told = optimizer.suggestions("w")
    assert (told.suggestions, told.dismissed) == ((), 1)
    assert optimizer.optimize(ROUNDS, workflow_id="w").dismissed == 1
    assert optimizer.optimize(ROUNDS).dismissed == 0
    entry = bench.service.account.audit(limit=1).items[0]
    assert (entry.action, entry.details["reason"]) == ("dismiss_suggestion", "it is meant so")


def test_it_is_told_again_when_there_is_a_half_more_of_it(bench):
    bench.service.workflows.create(listing(40), workflow_id="mails")
    optimizer = bench.service.optimizer
    one = coded(optimizer.suggestions("mails"), "large_list")
    optimizer.dismiss("mails", one.suggestion_id)
    for version, (count, hidden) in enumerate([(59, 1), (60, 0)], start=1):
        bench.service.workflows.replace("mails", listing(count), expected_version=version)
        assert optimizer.suggestions("mails").dismissed == hidden


def test_the_same_suggestion_keeps_its_fix(bench):
    optimizer = bench.service.optimizer
    first, second = (optimizer.suggestions("w").suggestions[0] for _ in range(2))
    assert (first.fix_id, first.suggestion_id) == (second.fix_id, second.suggestion_id)


def test_an_applied_suggestion_is_undone_like_any_fix(bench):
    (one,) = bench.service.optimizer.suggestions("w").suggestions
    change = apply(bench.service, one.fix_id)
    bench.service.fixes.undo(change.change_id)
    assert bench.service.workflows.get("w").workflow.instructions == ""
    (again,) = bench.service.optimizer.suggestions("w").suggestions
    assert again.fix_id == one.fix_id


def test_an_applied_suggestion_is_judged_by_the_runs_after_it(app, bench):
    (one,) = bench.service.optimizer.suggestions("w").suggestions
    change = apply(bench.service, one.fix_id)
    assert bench.service.fixes.outcome(change.change_id).state is OutcomeState.NOT_EXERCISED
    for _ in range(3):
        bench.run()
    outcome = bench.service.fixes.outcome(change.change_id)
    assert (outcome.state, outcome.passes) == (OutcomeState.VERIFIED, 3)
    (rate,) = app.store.outcomes.rates(bench.workspace)
    assert (rate.fix_type, rate.produced_by, rate.verified) == (
        "update_instructions",
        "optimizer",
        1,
    )
