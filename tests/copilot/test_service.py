"""The use cases on a real engine and a real database: who pays, who may, what is stale, what held."""

import dataclasses
import itertools

import pytest

from copilot.bootstrap import open_app
from copilot.demo import OUTREACH, URGENT_MAIL, install_example, workflow_text
from copilot.errors import (
    ApprovalRefused,
    Forbidden,
    InsufficientCredits,
    InvalidFix,
    NotFound,
    StaleBase,
)
from copilot.settings import load
from copilot.types import ErrorRecord, OutcomeState, RunRecord, RunStatus
from copilot.types.principal import Principal, Role
from engine.actions import parameter_models
from engine.definition import load_workflow
from tests.copilot.lost_range import lose_the_range

NAMES = (f"w{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with open_app(load({}, data=tmp_path_factory.mktemp("service"))) as app:
        yield app


class Bench:
    """One workspace of the shared application, with the example in it."""

    def __init__(self, app):
        self.workspace = next(NAMES)
        settings = app.settings.model_copy(update={"workspace": self.workspace})
        self.engine, self.app = app.engine, dataclasses.replace(app, settings=settings)
        self.service = self.as_a("person", "owner")
        install_example(self.app)

    def as_a(self, kind, role, **options):
        """The service for somebody with this role, perhaps for one request."""
        who = Principal(id="ann", name="Ann", workspace_id=self.workspace, kind=kind, role=role)
        return self.app.copilot.serve(who, **options)

    def run(self, workflow=URGENT_MAIL, **options):
        started = self.engine.submit(self.workspace, workflow, **options)
        return self.engine.wait(self.workspace, started.id, 60)

    def analyze(self, run, **options):
        return self.as_a("person", "owner", **options).analyses.analyze(run.id)

    def first_fix(self, report):
        return next(fix.fix_id for fix in report.suggested_fixes if fix.fix_id)

    def approve(self, fix_id):
        shown = self.service.fixes.preview(fix_id)
        return self.service.fixes.approve(fix_id, digest=shown.digest, version=shown.base_version)

    def repair(self):
        """Fail, analyse and fix; gives the change."""
        fix_id = self.first_fix(self.analyze(self.run()))
        return self.service.fixes.apply(self.approve(fix_id).approval_id)

    def edit(self, old, new):
        """A person changes the workflow by hand; gives the version."""
        text = workflow_text(URGENT_MAIL).replace(old, new)
        edited = load_workflow(text, source="edit", actions=parameter_models())
        return self.engine.put_workflow(self.workspace, edited, workflow_id=URGENT_MAIL).version


@pytest.fixture
def bench(app):
    return Bench(app)


def test_the_same_answer_again_is_free_and_says_so(bench):
    failed = bench.run()
    first, second = bench.analyze(failed), bench.analyze(failed)
    assert (first.receipt.credits, second.receipt.credits) == (1, 0)
    assert second.receipt.reason == "known already"
    assert second.suggested_fixes == first.suggested_fixes


def test_another_run_with_the_same_failure_gets_the_report_with_its_own_facts(bench):
    first, second = bench.run(), bench.run()
    known = bench.analyze(first)
    again = bench.analyze(second)
    assert again.execution_id == second.id
    assert again.receipt.credits == 0
    assert again.failed_step.timestamp > known.failed_step.timestamp
    assert again.pattern_detected.failure_count == 2


def test_once_the_workflow_changed_the_answer_is_made_anew(bench):
    failed = bench.run()
    bench.analyze(failed)
    bench.edit("Read the urgent mail", "Read what is urgent")
    assert bench.analyze(failed).receipt.credits == 1


def test_one_request_key_is_one_charge(bench):
    failed = bench.run()
    first = bench.analyze(failed, request_key="k")
    bench.edit("Read the urgent mail", "Read what is urgent")
    assert bench.analyze(failed, request_key="k") == first
    assert bench.service.account.credits().spent == 1


def test_without_credits_nothing_is_stored_and_nothing_is_charged(bench):
    bench.service.account.grant(0)
    failed = bench.run()
    with pytest.raises(InsufficientCredits) as refused:
        bench.analyze(failed)
    assert refused.value.args == (0, 1)
    books = bench.service.account.credits()
    assert (books.spent, books.reserved, books.balance) == (0, 0, 0)


def test_an_answer_that_says_nothing_costs_nothing(bench):
    run = RunRecord(
        source="jsonl",
        workspace_id=bench.workspace,
        execution_id="r1",
        workflow_id="w",
        workflow_name="w",
        status=RunStatus.FAILED,
        error=ErrorRecord(message="Something went wrong"),
    )
    report = bench.service.analyses.analyze_foreign(run)
    assert report.root_cause == "unknown"
    assert report.suggested_fixes == ()
    assert report.receipt.credits == 0
    assert bench.service.account.credits().spent == 0


def test_another_workspaces_run_fix_and_change_do_not_exist(app, bench):
    failed = bench.run()
    fix_id = bench.first_fix(bench.analyze(failed))
    approval = bench.approve(fix_id)
    stranger = Bench(app)
    with pytest.raises(NotFound):
        stranger.analyze(failed)
    with pytest.raises(NotFound):
        stranger.service.fixes.preview(fix_id)
    with pytest.raises(NotFound):
        stranger.service.fixes.apply(approval.approval_id)
    change = bench.service.fixes.apply(approval.approval_id)
    with pytest.raises(NotFound):
        stranger.service.fixes.outcome(change.change_id)
    with pytest.raises(NotFound):
        stranger.service.fixes.undo(change.change_id)


@pytest.mark.parametrize("role", list(Role))
def test_a_machine_never_approves_applies_or_takes_back(bench, role):
    fix_id = bench.first_fix(bench.analyze(bench.run()))
    shown = bench.service.fixes.preview(fix_id)
    machine = bench.as_a("machine", role)
    with pytest.raises(Forbidden):
        machine.fixes.approve(fix_id, digest=shown.digest, version=1)
    approval = bench.approve(fix_id)
    with pytest.raises(Forbidden):
        machine.fixes.apply(approval.approval_id)
    change = bench.service.fixes.apply(approval.approval_id)
    for take_back in (machine.fixes.undo, machine.fixes.revert):
        with pytest.raises(Forbidden):
            take_back(change.change_id)
    assert bench.engine.workflow(bench.workspace, URGENT_MAIL).version == 2


def test_an_edit_after_the_approval_is_not_overwritten(bench):
    approval = bench.approve(bench.first_fix(bench.analyze(bench.run())))
    bench.edit("Read the urgent mail", "Read what is urgent")
    with pytest.raises(StaleBase) as stale:
        bench.service.fixes.apply(approval.approval_id)
    seen, current, fresh = stale.value.args
    assert (seen, current) == (1, 2)
    assert "+    range: DefinedRange" in fresh
    assert bench.engine.workflow(bench.workspace, URGENT_MAIL).version == 2


def test_a_fix_for_a_step_that_is_gone_is_refused(bench):
    fix_id = bench.first_fix(bench.analyze(bench.run()))
    bench.edit("range: UrgentEmails", "sheet: Urgent")
    with pytest.raises(InvalidFix):
        bench.service.fixes.preview(fix_id)


def test_a_fix_that_is_in_place_says_so_to_everybody_who_wants_it_again(bench):
    fix_id = bench.first_fix(bench.analyze(bench.run()))
    shown = bench.service.fixes.preview(fix_id)
    first, second = bench.approve(fix_id), bench.approve(fix_id)
    change = bench.service.fixes.apply(first.approval_id)
    in_place = rf"in place already, by {change.change_id}, since version 2"
    with pytest.raises(ApprovalRefused, match=in_place):
        bench.service.fixes.apply(second.approval_id)
    with pytest.raises(ApprovalRefused, match=in_place):
        bench.service.fixes.approve(fix_id, digest=shown.digest, version=shown.base_version)
    with pytest.raises(ApprovalRefused, match=in_place):
        bench.service.fixes.preview(fix_id)
    bench.service.fixes.revert(change.change_id)
    assert bench.service.fixes.apply(bench.approve(fix_id).approval_id).version == 4


def test_a_version_that_was_not_looked_at_is_not_approved(bench):
    fix_id = bench.first_fix(bench.analyze(bench.run()))
    shown = bench.service.fixes.preview(fix_id)
    with pytest.raises(StaleBase) as stale:
        bench.service.fixes.approve(fix_id, digest=shown.digest, version=7)
    assert stale.value.args == (7, 1, shown.diff)


def test_new_rows_reach_the_result_after_a_full_resume(bench):
    from openpyxl import load_workbook

    failed = bench.run()
    bench.service.fixes.apply(bench.approve(bench.first_fix(bench.analyze(failed))).approval_id)
    path = bench.app.settings.files / bench.workspace / "inbox.xlsx"
    workbook = load_workbook(path)
    workbook["Inbox"].append([421, None, "New", "new@example.com", "Just in", "low", "open"])
    workbook.save(path)
    bench.engine.resume(bench.workspace, failed.id, mode="full")
    assert bench.engine.wait(bench.workspace, failed.id, 60).status.value == "succeeded"
    inbox = bench.engine.steps(bench.workspace, failed.id)[0]
    assert inbox.item_count == 421
    assert inbox.output[-1]["name"] == "New"


def test_a_fix_holds_when_its_step_passed_three_times(bench):
    change = bench.repair()
    outcome = bench.service.fixes.outcome(change.change_id)
    assert outcome.state is OutcomeState.NOT_EXERCISED
    for passes in (1, 2):
        bench.run()
        outcome = bench.service.fixes.outcome(change.change_id)
        assert (outcome.state, outcome.passes) == (OutcomeState.WATCHING, passes)
    bench.run(test_mode=True)
    assert bench.service.fixes.outcome(change.change_id).passes == 2
    bench.run()
    outcome = bench.service.fixes.outcome(change.change_id)
    assert (outcome.state, outcome.passes) == (OutcomeState.VERIFIED, 3)


def test_when_the_failure_returns_the_fix_has_regressed(bench):
    change = bench.repair()
    bench.run()
    lose_the_range(bench.app.settings.files / bench.workspace)
    bench.run()
    outcome = bench.service.fixes.outcome(change.change_id)
    assert outcome.state is OutcomeState.REGRESSED
    assert outcome.rollback_proposed


def test_a_pattern_is_five_of_the_last_ten_and_test_runs_do_not_count(bench):
    for _night in range(4):
        bench.run(OUTREACH)
    bench.run(OUTREACH, test_mode=True)
    last = bench.run(OUTREACH, test_mode=True)
    assert not bench.analyze(last).pattern_detected.is_pattern
    fifth = bench.run(OUTREACH)
    pattern = bench.analyze(fifth).pattern_detected
    assert (pattern.is_pattern, pattern.failure_count) == (True, 5)


def test_the_context_shows_templates_by_use_and_every_integration(bench):
    for name, connected in {"gmail": True, "linkedin": False}.items():
        bench.engine.put_resource(
            bench.workspace, "integration", name, {"type": name, "connected": connected}
        )
    report = bench.analyze(bench.run(OUTREACH))
    assert report.available_templates == ("Outbound v2", "Urgent reply")
    assert report.integration_status == {"gmail": "connected", "linkedin": "disconnected"}


def test_eight_requests_at_once_for_one_answer_are_one_charge(bench):
    from concurrent.futures import ThreadPoolExecutor

    failed = bench.run()
    bench.service.analyses.failures()
    with ThreadPoolExecutor(8) as pool:
        reports = list(pool.map(lambda _: bench.analyze(failed), range(8)))
    assert bench.service.account.credits().spent == 1
    assert len({report.analysis_id for report in reports}) == 1


def test_a_fix_that_was_taken_back_is_said_to_be(bench):
    change = bench.repair()
    bench.service.fixes.revert(change.change_id)
    outcome = bench.service.fixes.outcome(change.change_id)
    assert outcome.state is OutcomeState.TAKEN_BACK
    assert "reverted" in outcome.explanation


def test_after_a_revert_the_same_answer_is_free_and_its_fix_fits_again(bench):
    first = bench.analyze(bench.run())
    change = bench.service.fixes.apply(bench.approve(bench.first_fix(first)).approval_id)
    bench.service.fixes.revert(change.change_id)
    again = bench.analyze(bench.run())
    assert (again.analysis_id, again.receipt.credits) == (first.analysis_id, 0)
    fix_id = bench.first_fix(again)
    shown = bench.service.fixes.preview(fix_id)
    assert (shown.base_version, shown.diff) == (3, again.suggested_fixes[0].preview)
    repeated = bench.service.fixes.apply(bench.approve(fix_id).approval_id)
    assert (repeated.base_version, repeated.version) == (3, 4)
    assert bench.run().status.value == "succeeded"
    assert bench.service.fixes.outcome(repeated.change_id).state is OutcomeState.WATCHING


def test_a_run_of_an_older_version_is_not_taken_for_one_of_the_current(bench):
    old = bench.run()
    first = bench.analyze(old)
    change = bench.service.fixes.apply(bench.approve(bench.first_fix(first)).approval_id)
    while_fixed = bench.analyze(old)
    bench.service.fixes.revert(change.change_id)
    assert while_fixed.analysis_id != first.analysis_id
    assert bench.analyze(old).analysis_id not in {first.analysis_id, while_fixed.analysis_id}
    assert bench.analyze(bench.run()).analysis_id == first.analysis_id
