"""A fix tried on the input that its step failed on, in the real engine, when somebody asks for it."""

import pytest
import sqlalchemy as sa

from copilot.bootstrap import open_app
from copilot.errors import Forbidden
from copilot.settings import load
from copilot.storage.columns import Base
from copilot.types import DryRun
from copilot.types.principal import Principal, PrincipalKind, Role
from engine.storage.tables import METADATA
from tests.copilot.workflow_bench import Bench, tool

SHEET = "name,status\nAda,open\nBen,done\n"
BY_THE_CLOCK = {"engine_worker", "job_tick", "workflow_schedule"}


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with open_app(load({}, data=tmp_path_factory.mktemp("dry"), undo_seconds=60.0)) as app:
        yield app


@pytest.fixture
def bench(app):
    bench = Bench(app)
    bench.files(rows_csv=SHEET)
    return bench


def flow(bench, field="Status"):
    bench.put(
        tool("read", "read_sheet", file="rows.csv"),
        tool("keep", "filter_rows", rows="{{ read }}", where=[{"field": field, "value": "open"}]),
        tool("store", "write_file", path="out.json", content="{{ keep }}"),
    )
    return bench.run()


def fix_of(bench, run):
    report = bench.report(run)
    return next(fix.fix_id for fix in report.suggested_fixes if fix.type == "replace_value")


def stored(app):
    with app.engine.database.connect() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(sa.select(table))))
            for metadata in (METADATA, Base.metadata)
            for table in metadata.sorted_tables
            if table.name not in BY_THE_CLOCK
        }


def test_the_fix_is_tried_on_the_failed_input_and_stores_nothing(bench, app):
    fix_id = fix_of(bench, run := flow(bench))
    before = stored(app)
    shown = bench.service.fixes.preview(fix_id, dry_run=True)
    assert shown.dry_run == DryRun(state="passed", explanation="Tried on the failed input: passes.")
    assert shown.execution_id == run.id
    assert stored(app) == before
    assert not (app.settings.files / bench.workspace / "out.json").exists()


def test_reading_a_preview_tries_nothing(bench):
    fix_id = fix_of(bench, flow(bench))
    shown = bench.service.fixes.preview(fix_id)
    assert shown.dry_run is None
    assert shown.plain == (
        "In step 'keep': where > 0 > field becomes 'status' instead of 'Status'.",
    )
    assert [side.part for side in shown.sides] == ["workflow.yaml"]
    assert shown.cost_effect.after.most_tokens == 0
    assert shown.cost_effect.after.most_cost_usd == 0
    asked = bench.service.fixes.preview(fix_id, dry_run=True)
    assert (asked.digest, asked.diff) == (shown.digest, shown.diff)


def test_what_was_tried_can_be_approved_by_the_digest_without_it(bench):
    fix_id = fix_of(bench, flow(bench))
    shown = bench.service.fixes.preview(fix_id, dry_run=True)
    approval = bench.service.fixes.approve(fix_id, digest=shown.digest, version=shown.base_version)
    assert bench.service.fixes.apply(approval.approval_id).version == 2


def test_a_step_that_acts_outside_is_not_tried(bench):
    bench.put(
        tool("read", "read_sheet", file="rows.csv"),
        tool("keep", "write_file", path="out.json", content="{{ read[0].Name }}"),
    )
    report = bench.report()
    fixes = [fix.fix_id for fix in report.suggested_fixes if fix.fix_id]
    assert fixes
    told = [bench.service.fixes.preview(fix_id, dry_run=True).dry_run for fix_id in fixes]
    assert {one.state for one in told} == {"not_possible"}
    assert "Not tried: step 'keep' acts outside (write_file)." in [one.explanation for one in told]


def test_what_came_of_it_is_told_to_standing_approvals(bench, app):
    run = flow(bench)
    fix_id = fix_of(bench, run)
    parts = app.copilot._parts
    assert parts.dry_run(bench.workspace, fix_id, run.id, 60.0) == "passed"


def test_it_is_tried_on_what_the_run_in_question_has_failed_on(bench, app):
    run = flow(bench)
    fix_id = fix_of(bench, run)
    bench.files(rows_csv="name,Phase\nAda,open\n")
    other = bench.run()
    dry_run = app.copilot._parts.dry_run
    assert dry_run(bench.workspace, fix_id, other.id, 60.0) == "failed"
    assert dry_run(bench.workspace, fix_id, run.id, 60.0) == "passed"


def test_looking_is_for_everybody_and_trying_for_those_who_may_run(bench, app):
    fix_id = fix_of(bench, flow(bench))
    viewer = app.copilot.serve(
        Principal(
            id="v",
            name="Vi",
            workspace_id=bench.workspace,
            kind=PrincipalKind.PERSON,
            role=Role.VIEWER,
        )
    )
    assert viewer.fixes.preview(fix_id).fix_id == fix_id
    with pytest.raises(Forbidden):
        viewer.fixes.preview(fix_id, dry_run=True)
