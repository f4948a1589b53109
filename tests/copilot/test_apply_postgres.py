"""Applying on Postgres, where many begin at once: one approval makes one change and one entry."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from copilot.errors import CopilotError
from copilot.storage.store import Store
from copilot.testing import ManualClock
from copilot.types import ChangeState
from engine.storage.database import connect
from tests.copilot.applying_builders import ABANDONED, APPLIED, Desk
from tests.postgres import new_database


@pytest.fixture
def desk():
    with new_database() as url:
        database = connect(url)
        clock = ManualClock()
        yield Desk(Store.open(database, clock=clock), clock)
        database.dispose()


def test_one_approval_used_from_many_threads_applies_once_and_is_noted_once(desk) -> None:
    def attempt(number: int) -> str:
        try:
            return desk.apply(change_id=f"change-{number}").state
        except CopilotError as error:
            return error.code

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(attempt, range(8)))
    assert answers.count("applied") == 1
    assert set(answers) <= {"applied", "approval_refused", "stale_base"}
    assert desk.target.applications == 1
    ((_, action, change_id),) = desk.told()
    change = desk.store.changes.get("acme", change_id).change
    assert (action, change.state) == ("apply_fix", ChangeState.APPLIED)


def test_a_crash_is_tidied_up_noted_and_applied_after_all(desk) -> None:
    desk.crash("before_apply")
    assert desk.reconcile(minutes=2).state is ChangeState.APPROVED
    change = desk.apply()
    assert desk.store.changes.get("acme", "change-1").change == change
    assert desk.told() == [APPLIED, ABANDONED, APPLIED]
