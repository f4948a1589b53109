"""The first failed step is the cause; later ones are its consequences."""

from datetime import UTC, datetime, timedelta

import pytest

from copilot.errors import NotAnalysable
from copilot.pipeline.locate import locate
from copilot.types import ErrorRecord, RunRecord, RunStatus, StepRecord, StepStatus

START = datetime(2026, 2, 4, 10, 30, tzinfo=UTC)


def step(number: int, status: StepStatus, *, ended: int | None = None) -> StepRecord:
    return StepRecord(
        number=number,
        path=f"/step{number}",
        action="read_sheet",
        status=status,
        error=ErrorRecord(message=f"error {number}") if status is StepStatus.FAILED else None,
        finished_at=None if ended is None else START + timedelta(seconds=ended),
    )


def run(*steps: StepRecord, status: RunStatus = RunStatus.FAILED, error: str | None = None):
    return RunRecord(
        source="test",
        workspace_id="acme",
        execution_id="e1",
        workflow_id="w1",
        workflow_name="w",
        status=status,
        steps=steps,
        error=ErrorRecord(message=error) if error else None,
        finished_at=START,
    )


def test_nine_failed_steps_are_one_cause():
    steps = [step(1, StepStatus.SUCCEEDED), *(step(n, StepStatus.FAILED) for n in range(2, 11))]
    found = locate(run(*steps))
    assert found.step is not None
    assert (found.step.number, found.later_failures) == (2, 8)


def test_the_order_of_ending_decides_when_it_is_known():
    found = locate(run(step(1, StepStatus.FAILED, ended=9), step(2, StepStatus.FAILED, ended=3)))
    assert found.step is not None
    assert found.step.number == 2


def test_the_order_of_ending_is_not_guessed():
    found = locate(run(step(1, StepStatus.FAILED), step(2, StepStatus.FAILED, ended=3)))
    assert found.step is not None
    assert found.step.number == 1


def test_a_run_that_failed_outside_every_step_is_read_from_its_own_error():
    found = locate(run(step(1, StepStatus.SUCCEEDED), error="Run timed out"))
    assert found.step is None
    assert found.error.message == "Run timed out"


def test_a_crash_without_words_says_so():
    assert "process ended" in locate(run(status=RunStatus.CRASHED)).error.message


@pytest.mark.parametrize(
    "status",
    [RunStatus.RUNNING, RunStatus.SUCCEEDED, RunStatus.PAUSED, RunStatus.CANCELLED],
)
def test_only_failures_are_analysed(status):
    with pytest.raises(NotAnalysable, match=status.value):
        locate(run(status=status))


def inside(path: str, number: int = 1, *, code: str | None = None, ended: int | None = None):
    """A failed step at *path*."""
    failed = step(number, StepStatus.FAILED, ended=ended)
    error = ErrorRecord(message=f"at {path}", code=code)
    return failed.model_copy(update={"path": path, "error": error})


def located(*steps: StepRecord, named: str | None = None):
    record = run(*steps, error="the run")
    if named is not None:
        error = ErrorRecord(message="the run", details={"failed_path": named})
        record = record.model_copy(update={"error": error})
    found = locate(record)
    return found.step.path, found.later_failures


def test_the_step_inside_is_named_and_not_those_around_it():
    assert located(inside("/a"), inside("/a/b/c"), inside("/a/b/c/4/d")) == ("/a/b/c/4/d", 0)
    assert located(inside("/a/b/c/4/d"), inside("/a/b/c"), inside("/a")) == ("/a/b/c/4/d", 0)


def test_a_step_that_fails_itself_around_others_is_the_cause():
    ended = step(1, StepStatus.SUCCEEDED).model_copy(update={"path": "/fan/a/one"})
    assert located(inside("/fan"), ended) == ("/fan", 0)


def test_a_path_that_only_begins_alike_is_another_step():
    assert located(inside("/a", 1), inside("/ab/c/d", 2)) == ("/a", 1)


def test_what_was_stopped_is_no_cause_but_a_consequence():
    stopped = inside("/fan/a/slow", code="step_stopped", ended=1)
    assert located(inside("/fan"), stopped, inside("/fan/b/bad", ended=2)) == ("/fan/b/bad", 1)
    assert located(stopped) == ("/fan/a/slow", 0)


def test_branches_beside_each_other_fail_by_themselves():
    steps = [inside("/fan"), inside("/fan/a/one", ended=2), inside("/fan/b/two", ended=1)]
    assert located(*steps) == ("/fan/b/two", 0)


def test_the_step_that_the_run_names_comes_first():
    steps = [inside("/fan/a/one", ended=1), inside("/fan/b/two", ended=2)]
    assert located(*steps, named="/fan/b/two") == ("/fan/b/two", 0)
    assert located(*steps, named="/fan/c/three") == ("/fan/a/one", 0)


def test_ten_thousand_failed_steps_are_looked_at_in_no_time():
    steps = [inside(f"/all/{number}/take", ended=number) for number in range(1, 10_001)]
    assert located(*steps) == ("/all/1/take", 0)


def test_a_run_that_goes_on_by_itself_can_be_explained():
    waiting = run(inside("/a"), status=RunStatus.PAUSED)
    with pytest.raises(NotAnalysable):
        locate(waiting)
    assert locate(waiting.model_copy(update={"auto_resume_at": START})).step.path == "/a"
