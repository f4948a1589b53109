"""One request is carried out once, however often it comes; every change has a name in the audit."""

import pytest

from copilot.bootstrap import open_app
from copilot.demo import OUTREACH, URGENT_MAIL
from copilot.errors import Forbidden, NotFound, NotReversible
from copilot.settings import load
from copilot.types.principal import PrincipalKind, Role
from tests.copilot.test_service import Bench


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with open_app(load({}, data=tmp_path_factory.mktemp("requests"), undo_seconds=60)) as app:
        yield app


@pytest.fixture
def bench(app):
    return Bench(app)


def twice(bench, use):
    """What *use* gives, done twice as one request."""
    first = use(bench.as_a("person", "owner", request_key="once"))
    return first, use(bench.as_a("person", "owner", request_key="once"))


def test_one_request_starts_one_run(bench):
    first, second = twice(bench, lambda service: service.executions.start(URGENT_MAIL))
    assert first.id == second.id
    assert len(bench.service.executions.list().executions) == 1


def test_two_people_may_choose_the_same_key(bench):
    first = bench.as_a("person", "owner", request_key="k").executions.start(URGENT_MAIL)
    other = bench.app.copilot.serve(
        bench.service.principal.model_copy(update={"id": "bob"}), request_key="k"
    )
    assert other.executions.start(URGENT_MAIL).id != first.id


def test_one_request_resumes_once(bench):
    failed = bench.run()
    first, second = twice(bench, lambda service: service.executions.resume(failed.id))
    bench.service.executions.wait(failed.id, 20)
    _, third = twice(bench, lambda service: service.executions.resume(failed.id))
    assert (first.round, second.round, third.round) == (2, 2, 2)


def test_one_request_is_one_approval_one_change_and_one_undo(bench):
    fix_id = bench.first_fix(bench.analyze(bench.run()))
    shown = bench.service.fixes.preview(fix_id)
    seen = {"digest": shown.digest, "version": shown.base_version}
    approval, again = twice(bench, lambda service: service.fixes.approve(fix_id, **seen))
    assert approval == again
    change, again = twice(bench, lambda service: service.fixes.apply(approval.approval_id))
    assert change == again
    undone = bench.as_a("person", "owner", request_key="back").fixes.undo(change.change_id)
    again = bench.as_a("person", "owner", request_key="back").fixes.undo(change.change_id)
    assert undone == again
    assert bench.engine.workflow(bench.workspace, URGENT_MAIL).version == 3
    with pytest.raises(NotReversible):
        bench.service.fixes.undo(change.change_id)


def test_one_request_grants_once(bench):
    assert twice(bench, lambda service: service.account.grant(7)) == (7, 7)


def test_one_request_makes_one_key_whose_first_secret_was_never_seen(bench):
    def make(service):
        return service.account.create_key("ci", kind=PrincipalKind.MACHINE, role=Role.OPERATOR)

    first, second = twice(bench, make)
    assert first.key_id == second.key_id
    assert bench.app.access.authenticate(second.secret).role is Role.OPERATOR
    assert len(bench.service.account.keys()) == 1


def test_one_request_makes_one_workflow(bench):
    definition = bench.service.workflows.get(OUTREACH).definition
    first, second = twice(bench, lambda service: service.workflows.create(definition))
    assert first == second


def test_a_viewer_sees_and_changes_nothing(bench):
    failed = bench.run()
    fix_id = bench.first_fix(bench.analyze(failed))
    viewer = bench.as_a("person", "viewer")
    assert viewer.executions.get(failed.id).id == failed.id
    assert viewer.fixes.preview(fix_id).diff
    for use in (
        lambda: viewer.analyses.analyze(failed.id),
        lambda: viewer.executions.start(URGENT_MAIL),
        lambda: viewer.executions.resume(failed.id),
        lambda: viewer.workflows.pause(URGENT_MAIL),
        lambda: viewer.account.set_settings({"pattern_window": 20}),
        lambda: viewer.account.grant(1),
        viewer.account.keys,
        viewer.account.audit,
        viewer.nights.run,
    ):
        with pytest.raises(Forbidden):
            use()


def test_the_audit_names_who_did_what_newest_first(bench):
    bench.repair()
    bench.service.workflows.pause(URGENT_MAIL, reason="enough")
    entries = bench.service.account.audit(limit=3).items
    assert [(entry.actor, entry.action) for entry in entries] == [
        ("ann", "pause_workflow"),
        ("ann", "apply_fix"),
        ("ann", "approve_fix"),
    ]
    assert entries[0].details == {"reason": "enough"}


def test_receipts_tell_what_was_paid_for_what(bench):
    failed = bench.run()
    report = bench.analyze(failed)
    (receipt,) = bench.service.account.receipts().items
    assert (receipt.execution_id, receipt.analysis_id) == (failed.id, report.analysis_id)
    assert (receipt.credits, receipt.cost_usd) == (1, 0)


def test_receipts_come_page_by_page(bench):
    for _run in range(3):
        bench.analyze(bench.run(), request_key=f"r{_run}")
        bench.edit("Read the urgent mail", f"Read it {_run}")
    first = bench.service.account.receipts(limit=2)
    second = bench.service.account.receipts(limit=2, cursor=first.next_cursor)
    assert (len(first.items), len(second.items), second.next_cursor) == (2, 1, None)
    assert len({item.key for item in first.items + second.items}) == 3


def test_the_last_run_step_by_step_costs_nothing(bench):
    failed = bench.run()
    view = bench.service.analyses.debug(URGENT_MAIL)
    assert view.execution_id == failed.id
    assert [step.state for step in view.timeline] == ["good", "bad", "idle", "idle", "idle"]
    assert view.root_cause == "missing_resource"
    assert view.advice
    assert view.report is None
    assert bench.service.account.credits().spent == 0
    assert bench.analyze(failed) == bench.service.analyses.debug(URGENT_MAIL).report


def test_a_workflow_without_a_run_has_nothing_to_debug(bench):
    with pytest.raises(NotFound):
        bench.service.analyses.debug(URGENT_MAIL)


def test_the_kinds_of_failure_are_counted_by_kind(bench):
    for _night in range(5):
        bench.run(OUTREACH)
    (group,) = bench.service.analyses.patterns(OUTREACH)
    assert (group.pattern.is_pattern, group.pattern.failure_count) == (True, 5)
    assert len(group.executions) == 5


def test_a_changed_setting_takes_effect_in_the_next_analysis(bench):
    bench.service.account.set_settings({"pattern_threshold": 2, "pattern_window": 4})
    bench.run(OUTREACH)
    assert bench.analyze(bench.run(OUTREACH)).pattern_detected.is_pattern


def test_the_nightly_pass_analyses_each_kind_once_and_applies_nothing(bench):
    for _night in range(3):
        bench.run(OUTREACH)
    bench.run(URGENT_MAIL)
    digest = bench.service.nights.run()
    assert [(item.failures, item.not_analysed) for item in digest.items] == [(3, None), (1, None)]
    assert (digest.credits, bench.service.account.credits().spent) == (2, 2)
    assert bench.service.nights.latest() == digest
    assert bench.service.fixes.changes(OUTREACH) == ()
