"""Passes over failures that a test makes up, with analyses that are really stored and charged."""

from datetime import timedelta
from decimal import Decimal

import pytest

from copilot.nightly import Nightly
from copilot.policy import Policy
from tests.copilot.storage_builders import START, a_failure, a_finished_analysis
from tests.copilot.test_watch import change as change


class Answers:
    """Analyses that are stored and charged; `raises` and `costs` are by execution id."""

    def __init__(self, store):
        self.store = store
        self.asked = []
        self.raises = {}
        self.costs = {}
        self.price = 1

    def __call__(self, workspace_id, execution_id, key):
        self.asked.append(execution_id)
        if execution_id in self.raises:
            raise self.raises[execution_id]
        known = self.store.analyses.by_key(workspace_id, key)
        if known is None:
            self.store.ledger.reserve(workspace_id, key, price=self.price)
            known = self.store.analyses.finish(self._analysis(workspace_id, execution_id, key))
        cost = self.costs.get(execution_id, Decimal(0))
        receipt = known.receipt.model_copy(update={"cost_usd": cost})
        return known.model_copy(update={"receipt": receipt})

    def _analysis(self, workspace_id, execution_id, key):
        failure = a_failure(execution_id, workspace_id=workspace_id)
        return a_finished_analysis(
            failure,
            key=key,
            analysis_id=f"analysis-of-{execution_id}",
            fix_ids=(),
            credits=self.price,
        )


@pytest.fixture
def answers(store):
    return Answers(store)


@pytest.fixture
def policy():
    return {}


@pytest.fixture
def nightly(store, answers, clock, policy):
    return Nightly(
        store,
        catch_up=lambda _workspace: 0,
        analyze=answers,
        policy=lambda _workspace: Policy(**policy),
        clock=clock,
    )


def fail(store, name, count=1, *, start=0, **options):
    """*count* failures of the kind *name*, `name-0` first; *start* is in minutes."""
    for number in range(count):
        at = START + timedelta(minutes=start + number)
        failure = a_failure(f"{name}-{number}", signature=f"n1:{name}", at=at, **options)
        store.failures.record(failure)


def seen(digest):
    return [(item.workflow_id, item.signature, item.failures) for item in digest.items]


def left_out(digest):
    return [item.not_analysed for item in digest.items]
