"""Once somebody has edited what a fix touched, no run speaks for or against the fix."""

import pytest

from copilot.bootstrap import open_app
from copilot.demo import OUTREACH, URGENT_MAIL, workflow_text
from copilot.errors import EditedMeanwhile
from copilot.pipeline.apply.reversal import is_as_left
from copilot.settings import load
from copilot.types import OutcomeState
from copilot.types.suggestion import SuggestionKind
from engine.actions import parameter_models
from engine.definition import load_workflow
from engine.workspace import ResourceKind
from tests.copilot.lost_range import lose_the_range
from tests.copilot.storage_builders import a_snapshot
from tests.copilot.test_service import Bench

UNDONE = ("range: UrgentEmails", "range: UrgentEmails")  # the definition as it was before the fix
FIXED = "range: DefinedRange"


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with open_app(load({}, data=tmp_path_factory.mktemp("edits"))) as app:
        yield app


@pytest.fixture
def bench(app):
    return Bench(app)


def outcome(bench, change):
    return bench.service.fixes.outcome(change.change_id)


def learned(bench):
    return bench.service.learning.summary().fix_types


def judged_or_not(bench):
    """Of the one kind of fix there is: judged, under watch, undecided, as its outcome has it."""
    (one,) = learned(bench)
    return one.judged, one.under_watch, one.undecided


def test_an_edit_of_the_place_that_fails_again_is_not_counted_against_the_fix(bench):
    change = bench.repair()
    bench.run()
    assert bench.edit(*UNDONE) == 3
    assert bench.run().status.is_failure
    found = outcome(bench, change)
    assert (found.state, found.passes, found.needed) == (OutcomeState.UNDECIDED, 1, 3)
    assert found.explanation == (
        "What this fix touched was edited since, in version 3: whether it held can't be told."
    )
    assert (found.rollback_proposed, found.rollback) == (False, None)
    assert judged_or_not(bench) == (0, 0, 1)
    with pytest.raises(EditedMeanwhile):
        bench.service.fixes.revert(change.change_id)


def test_a_success_after_an_edit_of_the_place_does_not_verify_the_fix(bench):
    change = bench.repair()
    bench.edit("range: UrgentEmails", "sheet: Urgent")
    for _ in range(3):
        assert not bench.run().status.is_failure
    found = outcome(bench, change)
    assert (found.state, found.passes) == (OutcomeState.UNDECIDED, 0)
    assert judged_or_not(bench) == (0, 0, 1)


def test_an_edit_is_told_before_any_run_has_ended_with_it(bench):
    change = bench.repair()
    told = "What it touched was edited since: the next run ends its watch, undecided."
    assert told not in outcome(bench, change).explanation
    bench.edit("name: Urgent mail digest\n", "name: Mail\n")  # as it was before the fix
    found = outcome(bench, change)
    assert found.state is OutcomeState.NOT_EXERCISED
    assert found.explanation.endswith(told)
    bench.run()
    assert told not in outcome(bench, change).explanation


def test_the_digest_of_the_night_tells_that_it_is_undecided(bench):
    change = bench.repair()
    bench.edit(*UNDONE)
    bench.run()
    (news,) = bench.service.nights.run().fixes
    assert (news.change_id, news.state) == (change.change_id, "undecided")


def test_the_version_told_is_the_one_since_which_it_is_edited(bench):
    change = bench.repair()
    assert bench.edit("range: UrgentEmails", "sheet: Urgent") == 3
    assert bench.edit("name: Urgent mail digest\n", "name: Mail\n") == 4
    bench.run()
    assert "in version 3:" in outcome(bench, change).explanation


def test_an_edit_elsewhere_leaves_the_watch_open(bench):
    change = bench.repair()
    assert bench.edit("range: UrgentEmails", f"{FIXED}\n    retry:\n      max_retries: 2") == 3
    for _ in range(3):
        bench.run()
    assert outcome(bench, change).state is OutcomeState.VERIFIED


def test_an_edit_elsewhere_does_not_hide_that_the_failure_is_back(bench):
    change = bench.repair()
    bench.edit("range: UrgentEmails", f"{FIXED}\n    timeout_seconds: 50")
    lose_the_range(bench.app.settings.files / bench.workspace)
    bench.run()
    assert outcome(bench, change).state is OutcomeState.REGRESSED


def test_what_runs_said_before_the_edit_stays_said(bench):
    change = bench.repair()
    lose_the_range(bench.app.settings.files / bench.workspace)
    bench.run()
    bench.edit(*UNDONE)
    bench.run()
    assert outcome(bench, change).state is OutcomeState.REGRESSED, "its own run came first"
    (rate,) = learned(bench)
    assert (rate.regressed, rate.verified) == (1, 0)


def test_a_verified_fix_stays_verified_when_its_place_is_edited_and_fails(bench):
    change = bench.repair()
    for _ in range(3):
        bench.run()
    assert outcome(bench, change).state is OutcomeState.VERIFIED
    bench.edit(*UNDONE)
    bench.run()
    found = outcome(bench, change)
    assert (found.state, found.rollback_proposed) == (OutcomeState.VERIFIED, False)
    assert found.explanation.endswith(
        " What this fix touched was edited since, in version 3, so later runs say nothing of it."
    )
    (rate,) = learned(bench)
    assert (rate.verified, rate.regressed) == (1, 0)


def test_a_verified_fix_is_told_to_be_edited_also_where_all_goes_well(bench):
    change = bench.repair()
    for _ in range(3):
        bench.run()
    bench.edit("range: UrgentEmails", "sheet: Urgent")
    assert not bench.run().status.is_failure
    found = outcome(bench, change)
    assert (found.state, found.passes) == (OutcomeState.VERIFIED, 3)
    assert " was edited since, in version 3, so later runs " in found.explanation
    assert bench.app.store.outcomes.open_watches(bench.workspace, URGENT_MAIL) == ()


def test_an_edit_that_is_put_back_before_a_run_is_none(bench):
    change = bench.repair()
    bench.edit(*UNDONE)
    bench.edit("range: UrgentEmails", FIXED)
    bench.run()
    assert (outcome(bench, change).state, outcome(bench, change).passes) == (
        OutcomeState.WATCHING,
        1,
    )


def test_a_run_of_the_version_before_the_fix_says_nothing_whatever_was_edited(bench):
    failed = bench.run()
    fix_id = bench.first_fix(bench.analyze(failed))
    change = bench.service.fixes.apply(bench.approve(fix_id).approval_id)
    bench.edit(*UNDONE)
    assert outcome(bench, change).state is OutcomeState.NOT_EXERCISED
    bench.run(test_mode=True)
    assert outcome(bench, change).state is OutcomeState.NOT_EXERCISED


def test_a_failure_of_old_is_not_called_fixed_once_the_place_was_edited(bench):
    old = bench.run()
    change = bench.repair()
    assert bench.analyze(old).already_fixed.change_id == change.change_id
    bench.edit("range: UrgentEmails", "sheet: Urgent")
    bench.run()
    assert bench.analyze(old).already_fixed is None


@pytest.fixture
def template(bench):
    """The change that has made the missing template."""
    report = bench.analyze(bench.run(OUTREACH))
    fix_id = next(one.fix_id for one in report.suggested_fixes if one.type == "create_template")
    change = bench.service.fixes.apply(bench.approve(fix_id).approval_id)
    kept = bench.engine.resources(bench.workspace).resources.templates["Outbound v3"]
    return change, kept


def put(bench, content):
    bench.engine.put_resource(bench.workspace, ResourceKind.TEMPLATE, "Outbound v3", content)


def test_an_edit_of_the_template_that_a_fix_has_made_ends_its_watch(bench, template):
    change, kept = template
    bench.run(OUTREACH)
    put(bench, kept.model_copy(update={"body": "Hello {name}"}))
    bench.run(OUTREACH)
    found = outcome(bench, change)
    assert (found.state, found.passes) == (OutcomeState.UNDECIDED, 1), "the first run had it"
    assert found.explanation == (
        "What this fix touched was edited since: whether it held can't be told."
    )


def test_a_template_that_was_edited_after_a_run_was_in_that_run_as_the_fix_left_it(bench, template):
    change, kept = template
    for _ in range(3):
        bench.run(OUTREACH)
    put(bench, kept.model_copy(update={"body": "Hello {name}"}))
    assert outcome(bench, change).state is OutcomeState.VERIFIED


def test_a_template_that_a_fix_has_made_can_be_taken_back(bench, template):
    change, _ = template
    bench.service.fixes.revert(change.change_id)
    assert "Outbound v3" not in bench.engine.resources(bench.workspace).resources.templates


def test_a_template_that_the_workflow_names_no_more_is_edited_in_that_version(bench, template):
    change, _ = template
    stored = bench.engine.workflow(bench.workspace, OUTREACH).workflow
    text = workflow_text(OUTREACH).replace("Outbound v3", "Urgent reply")
    edited = load_workflow(text, source="edit", actions=parameter_models())
    assert edited != stored
    bench.engine.put_workflow(bench.workspace, edited, workflow_id=OUTREACH)
    bench.run(OUTREACH)
    assert "in version 3:" in outcome(bench, change).explanation


def test_a_field_that_only_instructions_speak_of_is_watched_and_taken_back(bench):
    bench.edit("Leave out mail that has been answered.", "Order by the field 'leadScore'.")
    fields = {"type": "create_field", "name": "leadScore", "label": "Score", "holds": "number"}
    fix_id = bench.app.store.suggestions.keep(
        bench.workspace, URGENT_MAIL, SuggestionKind.BUDGET, fields
    )
    change = bench.service.fixes.apply(bench.approve(fix_id).approval_id)
    bench.run()
    assert "edited" not in outcome(bench, change).explanation
    bench.service.fixes.revert(change.change_id)
    assert bench.engine.resources(bench.workspace).resources.custom_fields == {}


def two_parts(one, two):
    steps = [{"id": "one", "retries": one}, {"id": "two", "retries": two}]
    return a_snapshot().model_copy(update={"definition": {"name": "W", "steps": steps}})


@pytest.mark.parametrize(
    ("now", "as_left"),
    [((3, 4), True), ((3, 5), False), ((1, 4), False), ((5, 5), False), ((1, 2), False)],
    ids=["untouched", "the second", "the first, back", "both", "both, back"],
)
def test_a_fix_of_two_parts_is_as_it_was_left_only_with_both(now, as_left):
    assert is_as_left(two_parts(1, 2), two_parts(3, 4), two_parts(*now)) is as_left
