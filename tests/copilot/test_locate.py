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
