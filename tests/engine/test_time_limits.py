"""What limits the time of a run, and of one that goes on with another version."""

import pytest
import sqlalchemy as sa

from engine.storage.tables import EXECUTION
from engine.testing import actions, inline_engine, tool, workflow

DEFAULT = 3600.0


def broken():
    raise ValueError("No.")


@pytest.fixture
def engine(tmp_path):
    with inline_engine(tmp_path, actions=actions(fail=broken)) as engine:
        yield engine


def store(engine, seconds):
    engine.put_workflow(
        "acme", workflow(tool("a", "fail"), timeout_seconds=seconds), workflow_id="w"
    )


def seconds_of(engine, run):
    wanted = sa.select(EXECUTION.c.timeout_seconds).where(EXECUTION.c.id == run.id)
    with engine.database.connect() as connection:
        return connection.scalar(wanted)


def start(engine, **how):
    return engine.submit("acme", "w", **how)


def after_resumes(engine, run, *limits):
    """The limit on each version that the run is resumed with; a version has these seconds."""
    found = []
    for seconds in limits:
        store(engine, seconds)
        engine.resume("acme", run.id)
        found.append(seconds_of(engine, run))
    return found


def forget_whose_limit_it_is(engine):
    """As runs were kept before that was stored."""
    with engine.database.begin() as connection:
        connection.execute(sa.update(EXECUTION).values(own_timeout=None))


@pytest.mark.parametrize(
    ("own", "of_workflow", "seconds"),
    [(5, 10, 5), (None, 10, 10), (5, None, 5), (None, None, 3600)],
)
def test_a_run_has_its_own_limit_else_its_workflows_else_the_engines(
    engine, own, of_workflow, seconds
):
    store(engine, of_workflow)
    assert seconds_of(engine, start(engine, timeout_seconds=own)) == seconds


def test_a_resumed_run_has_the_limit_of_the_version_it_goes_on_with(engine):
    store(engine, 10)
    assert after_resumes(engine, start(engine), None, 60, 20) == [DEFAULT, 60, 20]


def test_a_run_without_any_limit_has_that_of_the_version_it_goes_on_with(engine):
    store(engine, None)
    assert after_resumes(engine, start(engine), 60, None) == [60, DEFAULT]


@pytest.mark.parametrize("own", [10, 5], ids=["as its workflow's", "another"])
def test_a_limit_of_the_runs_own_stays(engine, own):
    store(engine, 10)
    assert after_resumes(engine, start(engine, timeout_seconds=own), 60, None) == [own, own]


@pytest.mark.parametrize(
    ("own", "of_workflow", "seconds"),
    [(None, 10, [60, DEFAULT]), (None, None, [60, DEFAULT]), (5, 10, [5, 5]), (5, None, [5, 5])],
)
def test_an_earlier_run_tells_by_its_limit_whose_it_is(engine, own, of_workflow, seconds):
    store(engine, of_workflow)
    run = start(engine, timeout_seconds=own)
    forget_whose_limit_it_is(engine)
    assert after_resumes(engine, run, 60, None) == seconds
