"""Five of the last ten failed runs with the same failure are a pattern."""

from dataclasses import replace
from datetime import timedelta

import pytest

from copilot.pipeline.detect import ADVICE, detect
from copilot.storage.failures import Sighting
from copilot.storage.store import Store
from copilot.types import RootCause
from tests.copilot.storage_builders import START, a_failure

MISSING = RootCause.MISSING_TEMPLATE


def seen(
    number: int,
    *,
    root: str = "n1:template",
    name: str = "xyz",
    kind: str = "name",
    test_mode: bool = False,
) -> Sighting:
    return Sighting(
        execution_id=f"run-{number}",
        signature=root,
        root=root,
        label="Template not found",
        entities=((kind, name),),
        occurred_at=START + timedelta(minutes=number),
        test_mode=test_mode,
    )


def same(*numbers: int) -> list[Sighting]:
    return [seen(number) for number in numbers]


def others(*numbers: int) -> list[Sighting]:
    return [seen(number, root="n1:timeout") for number in numbers]


def test_five_of_the_same_are_a_pattern_with_its_name_warning_and_advice() -> None:
    pattern = detect(seen(9), same(8, 7, 6, 5), root_cause=MISSING, captures={"template": "xyz"})
    assert pattern.is_pattern
    assert (pattern.failure_count, pattern.window) == (5, 5)
    assert pattern.error_message == "Template not found"
    assert pattern.first_occurred == START + timedelta(minutes=5)
    assert pattern.last_occurred == START + timedelta(minutes=9)
    assert pattern.shared_entities == ("xyz",)
    assert pattern.recommendation == "Pause this agent until template is created"
    assert pattern.warning == "This agent has failed 5 times with the same error."


def test_four_of_the_same_are_none_and_promise_nothing() -> None:
    pattern = detect(seen(9), same(8, 7, 6), root_cause=MISSING, captures={"template": "xyz"})
    assert not pattern.is_pattern
    assert pattern.failure_count == 4
    assert (pattern.recommendation, pattern.warning, pattern.shared_entities) == (None, None, ())


def test_only_the_last_ten_failed_runs_are_looked_at() -> None:
    recent = [*others(19, 18, 17, 16, 15, 14), *same(13, 12, 11, 10)]
    assert detect(seen(20), recent, root_cause=MISSING).failure_count == 4
    assert detect(seen(20), recent, root_cause=MISSING, window=11).is_pattern


def test_the_current_run_counts_once_wherever_it_stands_in_the_window() -> None:
    recent = same(12, 11, 10, 9)
    assert detect(seen(12), recent, root_cause=MISSING).failure_count == 4
    assert detect(seen(3), recent, root_cause=MISSING).failure_count == 5


def test_runs_in_test_mode_never_count() -> None:
    tests = [seen(number, test_mode=True) for number in (8, 7)]
    assert detect(seen(9), [*tests, *same(6, 5, 4)], root_cause=MISSING).failure_count == 4
    current = seen(9, test_mode=True)
    assert detect(current, same(8, 7, 6, 5), root_cause=MISSING).failure_count == 4
    alone = detect(current, [], root_cause=MISSING)
    assert (alone.failure_count, alone.first_occurred) == (0, None)


def test_another_name_in_the_same_group_is_no_shared_name() -> None:
    recent = [seen(8), seen(7), seen(6, name="abc"), seen(5)]
    pattern = detect(seen(9), recent, root_cause=MISSING, captures={"template": "xyz"})
    assert pattern.is_pattern
    assert pattern.shared_entities == ()
    assert pattern.recommendation == (
        "Pause this agent until the missing templates are created; seen most: 'xyz' (4), 'abc' (1)"
    )


def test_the_advice_names_nothing_the_diagnosis_did_not_name() -> None:
    pattern = detect(seen(9), same(8, 7, 6, 5), root_cause=MISSING)
    assert pattern.recommendation == "Pause this agent until the missing templates are created"


def test_equal_durations_are_no_shared_name() -> None:
    recent = [seen(number, kind="duration", name="30 s") for number in (8, 7, 6, 5)]
    current = seen(9, kind="duration", name="30 s")
    assert detect(current, recent, root_cause=RootCause.TIMEOUT).shared_entities == ()


@pytest.mark.parametrize("root_cause", RootCause)
def test_every_root_cause_has_advice_that_reads_well_after_a_colon(root_cause: RootCause) -> None:
    with_name, without = ADVICE[root_cause]
    names_it_elsewhere = root_cause is MISSING
    assert with_name.count("{name}") == (0 if names_it_elsewhere else 1)
    assert "{" not in without
    assert not with_name.endswith(".")
    assert not without.endswith(".")


def test_the_advice_is_about_what_is_missing_and_not_about_the_file_it_was_looked_for_in() -> None:
    def at(number: int) -> Sighting:
        return replace(seen(number), entities=(("path", "a.xlsx"), ("name", "Sheet 9")))

    pattern = detect(
        at(9),
        [at(number) for number in (8, 7, 6, 5)],
        root_cause=RootCause.MISSING_RESOURCE,
        captures={"file": "a.xlsx", "range": "Sheet 9"},
    )
    assert pattern.recommendation == "Pause this agent until 'Sheet 9' exists"


def test_a_file_that_is_there_is_not_waited_for_where_the_runs_lack_different_ranges() -> None:
    def at(number: int, name: str) -> Sighting:
        return replace(seen(number), entities=(("path", "a.xlsx"), ("name", name)))

    pattern = detect(
        at(9, "Open"),
        [at(number, "Urgent") for number in (8, 7, 6, 5)],
        root_cause=RootCause.MISSING_RESOURCE,
        captures={"file": "a.xlsx", "range": "Open"},
    )
    assert pattern.recommendation == (
        "Pause this agent until the resources it names exist; seen most: 'Urgent' (4), 'Open' (1)"
    )


def test_a_file_that_is_missing_itself_is_waited_for() -> None:
    current, *recent = (replace(seen(n), entities=(("path", "a.xlsx"),)) for n in (9, 8, 7, 6, 5))
    missing = RootCause.MISSING_RESOURCE
    pattern = detect(current, recent, root_cause=missing, captures={"file": "a.xlsx"})
    assert pattern.recommendation == "Pause this agent until 'a.xlsx' exists"


def test_merged_groups_make_one_pattern(store: Store) -> None:
    for number in range(6):
        name = f"n1:{'a' if number % 2 else 'b'}"
        at = START + timedelta(minutes=number)
        store.failures.record(a_failure(f"run-{number}", signature=name, at=at))
    current = a_failure("run-5", signature="n1:a")

    def count() -> int:
        now = Sighting.of(current, store.failures.root_of("acme", current.signature))
        recent = store.failures.recent_failures("acme", "outreach")
        return detect(now, recent, root_cause=MISSING).failure_count

    assert count() == 3
    store.failures.merge("acme", "n1:a", "n1:b", reason="nightly")
    assert count() == 6
