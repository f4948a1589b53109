"""What is applied by itself is what the evidence has singled out, and once in its place."""

import openpyxl
import pytest
from openpyxl.workbook.defined_name import DefinedName

from copilot.bootstrap import open_app
from copilot.demo import OUTREACH, workflow_text
from copilot.service.standing_places import (
    ANOTHER_FIRST,
    FIRST_FAILED,
    NOT_HELD,
    TAKEN_OUT,
    meet,
    places,
)
from copilot.settings import load
from copilot.types.learning import Level
from engine.actions import parameter_models
from engine.definition import load_workflow
from tests.copilot.standing_bench import Held
from tests.copilot.storage_builders import a_snapshot
from tests.copilot.test_service import Bench
from tests.copilot.test_standing_again import why_not

FOREVER = float("inf")


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with open_app(load({}, data=tmp_path_factory.mktemp("places"))) as app:
        yield app


@pytest.fixture
def held(app):
    held = Held(Bench(app))
    held.sign()
    return held


@pytest.fixture
def well_held(app):
    """So many that two which did not hold leave the type above the floor."""
    held = Held(Bench(app), held=9)
    held.sign()
    return held


def without_a_template(held):
    """A run that names a template unlike any that is there, and what is said of it."""
    text = workflow_text(OUTREACH).replace("Outbound v3", "Invoice reminder")
    named = load_workflow(text, source="named", actions=parameter_models())
    held.bench.engine.put_workflow(held.bench.workspace, named, workflow_id=OUTREACH)
    held.failed = held.bench.run(OUTREACH)
    return held.bench.analyze(held.failed)


def reasons(report):
    return [
        one.not_applied_because for one in report.suggested_fixes if one.type == "replace_value"
    ]


def test_a_guess_behind_another_fix_is_left_to_people_however_often_it_is_asked(held) -> None:
    report = without_a_template(held)
    first, *others = [one for one in report.suggested_fixes if one.preview]
    assert (first.type, {one.type for one in others}) == ("create_template", {"replace_value"})
    assert reasons(report) == [ANOTHER_FIRST] * len(others)
    assert reasons(without_a_template(held)) == [ANOTHER_FIRST] * len(others)
    assert held.service.fixes.changes(OUTREACH) == ()


def told_of(held, fixes, report):
    """What is said of *fixes*, the changes of *report* in the order they are given."""
    changed = report.model_copy(update={"suggested_fixes": tuple(fixes)})
    return reasons(held.fixes().answered(held.run(), changed, FOREVER))


def test_of_several_fixes_for_one_place_a_person_chooses(held) -> None:
    report = without_a_template(held)
    guesses = [one for one in report.suggested_fixes if one.type == "replace_value"]
    said = told_of(held, guesses, report)
    several = f"{len(guesses)} fixes are possible for this place: a person chooses"
    assert (len(guesses) > 1, said[0], set(said[1:])) == (True, several, {ANOTHER_FIRST})
    assert (held.tried, held.service.fixes.changes(OUTREACH)) == ([], ())


def test_one_that_may_only_be_read_is_one_of_the_fixes_for_a_place(held) -> None:
    report = without_a_template(held)
    guess, other, *_ = [one for one in report.suggested_fixes if one.type == "replace_value"]
    readable = other.model_copy(update={"fix_id": None, "type": "map_input"})
    assert told_of(held, [guess, readable], report) == [
        "2 fixes are possible for this place: a person chooses"
    ]


def test_a_fix_that_came_after_one_that_failed_is_not_what_the_evidence_singled_out(held) -> None:
    report = without_a_template(held)
    created = next(one for one in report.suggested_fixes if one.type == "create_template")
    failed = created.model_copy(update={"failed_before": 1})
    guess = next(one for one in report.suggested_fixes if one.type == "replace_value")
    assert told_of(held, [guess, failed], report) == [FIRST_FAILED]


def by_itself(held):
    return held.bench.analyze(held.bench.run()).already_fixed.change_id


def by_a_person(held):
    return held.service.fixes.apply(
        held.bench.approve(held.bench.first_fix(held.report)).approval_id
    ).change_id


@pytest.mark.parametrize("apply", [by_itself, by_a_person], ids=["by itself", "by a person"])
def test_where_a_fix_was_edited_none_is_applied_by_itself(held, apply) -> None:
    change_id = apply(held)
    held.bench.edit("UrgentEmails", "OldEmails")  # and so another fix would be needed
    report = held.bench.analyze(held.bench.run())
    assert why_not(report) == TAKEN_OUT
    held.service.nights.run()
    assert [one.change_id for one in held.changes()] == [change_id]


def test_where_a_fix_was_taken_back_no_other_is_applied_by_itself(held) -> None:
    change_id = by_a_person(held)
    held.service.fixes.revert(change_id)
    held.bench.edit("UrgentEmails", "OldEmails")
    assert why_not(held.bench.analyze(held.bench.run())) == TAKEN_OUT


def test_a_fix_of_another_place_hinders_nothing(held) -> None:
    without_a_template(held)
    fix_id = held.bench.first_fix(held.bench.analyze(held.failed))
    made = held.service.fixes.apply(held.bench.approve(fix_id).approval_id)
    held.service.fixes.revert(made.change_id)
    assert by_itself(held)


def rename(held, old, new):
    """The named range of the workbook is called otherwise from now on."""
    path = held.bench.app.settings.files / held.bench.workspace / "inbox.xlsx"
    book = openpyxl.load_workbook(path)
    area = book.defined_names.pop(old).attr_text
    book.defined_names[new] = DefinedName(new, attr_text=area)
    book.save(path)


def raise_again(held):
    """The type may go by itself again, which it does not by itself after a fix came to nothing."""
    held.bench.analyze(held.bench.run())
    held.service.learning.set_level(held.type, Level.STANDING)


def test_a_later_fix_that_builds_on_one_that_held_is_applied_and_so_is_the_next(well_held) -> None:
    made = [by_itself(well_held)]
    for old, new in (("DefinedRange", "Renamed"), ("Renamed", "RenamedAgain")):
        assert not well_held.bench.run().status.is_failure
        rename(well_held, old, new)
        raise_again(well_held)
        made.append(by_itself(well_held))
    assert [one.change_id for one in well_held.changes()] == made[::-1]
    assert not well_held.bench.run().status.is_failure
    well_held.bench.edit("UrgentEmails", "OldEmails")
    raise_again(well_held)
    assert why_not(well_held.bench.analyze(well_held.bench.run())) == TAKEN_OUT


def test_a_later_fix_is_left_to_people_where_the_earlier_one_never_held(well_held) -> None:
    by_itself(well_held)
    rename(well_held, "DefinedRange", "Renamed")
    raise_again(well_held)
    assert why_not(well_held.bench.analyze(well_held.bench.run())) == NOT_HELD
    assert len(well_held.changes()) == 1


def test_a_step_is_one_place_wherever_it_stands() -> None:
    def of(*steps):
        return a_snapshot().evolve(definition={"name": "x", "steps": list(steps)})

    def step(own, value):
        return {"id": own, "type": "tool", "action": "a", "with": {"range": value}}

    alone = places(of(step("b", 1)), of(step("b", 2)))
    behind = places(of(step("a", 1), step("b", 1)), of(step("a", 1), step("b", 3)))
    assert alone == behind == {("definition", "steps", "b", "with", "range")}
    added = places(of(step("b", 1)), of(step("a", 1), step("b", 1)))
    assert added == {("definition", "steps", "a")}
    assert (meet(added, alone), meet(alone, {("definition", "steps")})) == (False, True)
