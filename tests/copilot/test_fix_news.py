"""The digest tells once how a fix stands, and again when it stands otherwise."""

import pytest

from copilot.bootstrap import open_app
from copilot.settings import load
from copilot.types import OutcomeState
from tests.copilot.test_service import Bench
from tests.copilot.test_watch_edits import UNDONE, outcome


@pytest.fixture
def bench(tmp_path):
    with open_app(load({}, data=tmp_path)) as app:
        yield Bench(app)


@pytest.fixture
def held(bench):
    """A fix that is verified, and told."""
    change = bench.repair()
    for _ in range(outcome(bench, change).needed):
        bench.run()
    assert news(bench) == [(change.change_id, "verified")]
    return change


def news(bench):
    return [(fix.change_id, fix.state) for fix in bench.service.nights.run().fixes]


def test_an_edit_of_a_place_whose_fix_held_is_no_news_of_the_fix(bench, held):
    bench.edit(*UNDONE)
    bench.run()
    found = outcome(bench, held)
    assert found.state is OutcomeState.VERIFIED
    assert "edited since, in version 3" in found.explanation
    assert news(bench) == []


def test_runs_that_pass_later_are_no_news(bench, held):
    bench.run()
    assert news(bench) == []


def test_an_edit_before_it_was_judged_is_news_once(bench):
    change = bench.repair()
    bench.run()
    assert news(bench) == [(change.change_id, "applied")]
    bench.edit(*UNDONE)
    bench.run()
    assert news(bench) == [(change.change_id, "undecided")]
    bench.run()
    assert news(bench) == []
