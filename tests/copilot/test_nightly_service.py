"""A night on a real engine: runs of other systems, runs resumed since, and who is said to have asked."""

import dataclasses
import itertools
from datetime import UTC, datetime

import pytest

from copilot.bootstrap import open_app
from copilot.demo import OUTREACH, URGENT_MAIL, install_example
from copilot.digest import as_text
from copilot.settings import load
from copilot.types import ErrorRecord, RunRecord, RunStatus

NAMES = (f"w{number}" for number in itertools.count())
NOW = datetime(2026, 3, 1, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    with open_app(load({}, data=tmp_path_factory.mktemp("night"))) as app:
        yield app


@pytest.fixture
def app(whole):
    settings = whole.settings.model_copy(update={"workspace": next(NAMES)})
    app = dataclasses.replace(whole, settings=settings)
    install_example(app)
    return app


def failed(app, workflow_id):
    workspace = app.settings.workspace
    started = app.engine.submit(workspace, workflow_id)
    run = app.engine.wait(workspace, started.id, 60)
    assert run.status.value == "failed"
    return run


def foreign(app, execution_id, message="Template 'Outbound v3' not found"):
    return RunRecord(
        source="jsonl",
        workspace_id=app.settings.workspace,
        execution_id=execution_id,
        workflow_id="their-agent",
        workflow_name="Their agent",
        status=RunStatus.FAILED,
        error=ErrorRecord(message=message),
    )


def test_what_came_from_another_system_keeps_the_analysis_it_came_with(app):
    owner = app.owner()
    reports = [owner.analyses.analyze_foreign(foreign(app, f"x{number}")) for number in range(3)]
    spent = owner.account.credits().spent
    digest = owner.nights.run(credit_cap=0)
    (item,) = digest.items
    assert item.analysis_id in {report.analysis_id for report in reports}
    assert (item.failures, item.headline, item.not_analysed) == (3, reports[0].headline, None)
    assert (digest.credits, owner.account.credits().spent) == (0, spent)
    told = as_text(digest)
    assert f"ask-copilot report {item.analysis_id}" in told
    assert "ask-copilot analyze" not in told
    assert owner.analyses.report(item.analysis_id).root_cause == item.root_cause


def repaired(app, run):
    """The fix of *run* is applied, and it has succeeded."""
    owner = app.owner()
    fix = next(fix for fix in owner.analyses.analyze(run.id).suggested_fixes if fix.fix_id)
    shown = owner.fixes.preview(fix.fix_id)
    approval = owner.fixes.approve(fix.fix_id, digest=shown.digest, version=shown.base_version)
    owner.fixes.apply(approval.approval_id)
    owner.executions.resume(run.id)
    assert owner.executions.wait(run.id, 60).status.value == "succeeded"


def test_the_newest_run_that_nobody_resumed_is_analysed(app):
    older, newer = failed(app, URGENT_MAIL), failed(app, URGENT_MAIL)
    repaired(app, newer)
    (item,) = app.owner().nights.run().items
    assert (item.execution_id, item.failures) == (older.id, 2)
    assert app.owner().analyses.report(item.analysis_id).execution_id == older.id


def test_a_kind_whose_only_run_was_resumed_is_told_as_that_for_nothing(app):
    repaired(app, failed(app, URGENT_MAIL))
    digest = app.owner().nights.run()
    (item,) = digest.items
    assert (item.not_analysed, item.analysis_id) == ("not_a_failed_execution", None)
    assert digest.credits == 0
    assert "Not analysed: resumed since: nothing is failed any more." in as_text(digest)
    assert "ask-copilot" not in as_text(digest)


def test_a_proposal_says_what_it_would_change(app):
    failed(app, URGENT_MAIL)
    (item,) = app.owner().nights.run().items
    report = app.owner().analyses.report(item.analysis_id)
    offered = next(fix for fix in report.suggested_fixes if fix.fix_id)
    assert (item.fixes[0], item.proposal) == (offered.fix_id, offered.description)


def test_a_scheduled_pass_is_in_the_audit_and_its_receipts_name_it(app):
    failed(app, OUTREACH)
    app.night(NOW)
    owner = app.owner()
    digest = owner.nights.latest()
    (entry,) = [one for one in owner.account.audit().items if one.action == "run_nightly"]
    assert (entry.actor, entry.actor_kind.value) == ("nightly", "machine")
    assert (entry.subject, entry.details["credits"]) == (digest.pass_id, digest.credits)
    assert digest.credits == 1
    assert [one.asked_by for one in owner.account.receipts().items] == ["nightly"]
