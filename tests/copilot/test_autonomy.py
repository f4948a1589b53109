"""How far fixes go by themselves: each level, who may raise it, and when nobody has to look."""

import asyncio
import dataclasses
import time

import pytest
from sqlalchemy import update

from copilot.autonomy import ALL, Autonomy
from copilot.bootstrap import open_app
from copilot.errors import ApprovalRefused, Forbidden, InvalidInput, UnknownName
from copilot.learning import effective
from copilot.pipeline.learned import ONLY_COUNTED
from copilot.settings import load
from copilot.sources.engine import EngineSource
from copilot.storage.standing_tables import STANDING_APPROVAL
from copilot.types import Verdict
from copilot.types.learning import Level
from copilot.types.principal import Principal, PrincipalKind, Role
from engine.run.trial_walk import HarmlessSteps
from tests.copilot.standing_bench import Trusted
from tests.copilot.test_service import Bench


def somebody(role, kind=PrincipalKind.PERSON):
    return Principal(id="ann", name="Ann", workspace_id="acme", kind=kind, role=role)


@pytest.fixture
def autonomy(store):
    return Autonomy(store.autonomy, rates=store.outcomes.rates, floor=lambda _: 0.8)


def noted(store):
    return [
        (one.actor_name, one.action, one.subject, one.details)
        for one in store.audit.page("acme").items
    ]


@pytest.mark.parametrize(
    ("workspace", "own", "counts"),
    [
        (Level.APPROVE, None, Level.APPROVE),
        (Level.APPROVE, Level.EXPLAIN, Level.EXPLAIN),
        (Level.APPROVE, Level.STANDING, Level.STANDING),
        (Level.SUGGEST, Level.APPROVE, Level.SUGGEST),
        (Level.SUGGEST, Level.STANDING, Level.SUGGEST),
        (Level.OBSERVE, Level.APPROVE, Level.OBSERVE),
    ],
)
def test_a_type_goes_no_further_than_its_workspace(workspace, own, counts):
    assert effective(workspace, own) is counts


def test_people_approve_until_somebody_decides_otherwise(autonomy):
    assert {one.effective for one in autonomy.shown("acme")} == {Level.APPROVE}
    assert all(one.is_default for one in autonomy.shown("acme"))


def test_lowering_and_raising_are_noted_with_both_levels(autonomy, store):
    autonomy.set(somebody(Role.OPERATOR), "timeout", Level.SUGGEST)
    autonomy.set(somebody(Role.OWNER), "timeout", Level.STANDING)
    autonomy.set(somebody(Role.OWNER), "timeout", Level.STANDING)
    assert noted(store) == [
        ("Ann", "promote_fixes", "timeout", {"from": "suggest", "to": "standing"}),
        ("Ann", "demote_fixes", "timeout", {"from": "approve", "to": "suggest"}),
    ]


@pytest.mark.parametrize(
    "who",
    [
        somebody(Role.OPERATOR),
        somebody(Role.APPROVER),
        somebody(Role.OWNER, PrincipalKind.MACHINE),
    ],
    ids=["operator", "approver", "owner's machine"],
)
def test_raising_takes_an_owner_in_person(autonomy, store, who):
    with pytest.raises(Forbidden, match="timeout takes an owner"):
        autonomy.set(who, "timeout", Level.STANDING)
    autonomy.set(who, "timeout", Level.OBSERVE)
    with pytest.raises(Forbidden):
        autonomy.set(who, "timeout", Level.EXPLAIN)
    assert [one[1] for one in noted(store)] == ["demote_fixes"]


def test_raising_a_type_to_where_it_counts_is_raising_though_its_workspace_is_lower(autonomy):
    autonomy.set(somebody(Role.OWNER), ALL, Level.OBSERVE)
    with pytest.raises(Forbidden):
        autonomy.set(somebody(Role.APPROVER), ALL, Level.EXPLAIN)
    with pytest.raises(Forbidden):
        autonomy.set(somebody(Role.APPROVER), "timeout", Level.APPROVE)


def test_standing_is_for_single_types(autonomy):
    with pytest.raises(InvalidInput, match="all types at once"):
        autonomy.set(somebody(Role.OWNER), ALL, Level.STANDING)
    with pytest.raises(UnknownName, match="timeout"):
        autonomy.set(somebody(Role.OWNER), "timeuot", Level.APPROVE)


def test_levels_of_another_workspace_say_nothing(autonomy):
    autonomy.set(somebody(Role.OWNER), ALL, Level.OBSERVE)
    assert autonomy.level_of("rival", "timeout") is Level.APPROVE


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with open_app(load({}, data=tmp_path_factory.mktemp("autonomy"))) as app:
        yield app


@pytest.fixture
def bench(app):
    return Bench(app)


def test_at_observe_a_failure_is_counted_and_nothing_is_told(bench):
    bench.service.learning.set_level(ALL, Level.OBSERVE)
    report = bench.analyze(bench.run())
    assert report.explanation == ONLY_COUNTED
    assert (report.suggested_fixes, report.evidence, report.collect) == ((), (), ())
    assert "How to fix" not in report.message
    assert report.receipt.credits == 0
    assert len(bench.service.analyses.failures().items) == 1
    assert bench.service.account.credits().spent == 0


def test_at_explain_it_is_told_why_and_not_what_to_do(bench):
    usual = bench.analyze(bench.run())
    bench.service.learning.set_level(ALL, Level.EXPLAIN)
    report = bench.analyze(bench.run())
    assert report.explanation == usual.explanation
    assert (report.suggested_fixes, report.can_auto_fix) == ((), False)
    assert all(fix.description not in report.message for fix in usual.suggested_fixes)
    assert {one.type for one in report.actions} <= {"pause_workflow"}


def test_at_suggest_the_diff_is_shown_and_nothing_can_be_approved(bench):
    usual = bench.analyze(bench.run())
    fix_id = bench.first_fix(usual)
    approval = bench.approve(fix_id)
    bench.service.learning.set_level(ALL, Level.SUGGEST)
    report = bench.analyze(bench.run())
    assert [fix.preview for fix in report.suggested_fixes] == [
        fix.preview for fix in usual.suggested_fixes
    ]
    assert not [fix for fix in report.suggested_fixes if fix.fix_id or fix.auto_fix_available]
    with pytest.raises(ApprovalRefused, match="'suggest'"):
        bench.approve(fix_id)
    with pytest.raises(ApprovalRefused, match="'suggest'"):
        bench.service.fixes.apply(approval.approval_id)


def test_what_was_told_at_another_level_is_not_told_again(bench):
    first = bench.analyze(bench.run())
    bench.service.learning.set_level(ALL, Level.EXPLAIN)
    assert bench.analyze(bench.run()).suggested_fixes == ()
    bench.service.learning.set_level(ALL, Level.APPROVE)
    assert bench.analyze(bench.run()).suggested_fixes == first.suggested_fixes


@pytest.fixture
def trusted(bench):
    return Trusted(bench)


def test_a_trusted_fix_is_applied_once_in_the_name_of_who_signed(trusted):
    change = trusted.look()
    assert (change.fix_type, change.state) == (trusted.type, "applied")
    trusted.look()
    assert [one.change_id for one in trusted.changes()] == [change.change_id]
    (standing,) = trusted.service.standing.list()
    assert standing.uses == 1
    entry = trusted.service.account.audit(limit=1).items[0]
    assert entry.action == "apply_fix"
    assert standing.standing_id in entry.actor_name
    assert not trusted.bench.run().status.is_failure


@pytest.mark.parametrize("answer", ["failed", "not_possible"])
def test_without_a_passed_dry_run_people_decide(trusted, answer):
    assert trusted.look(answer) is None
    assert trusted.tried
    assert trusted.changes() == ()


def test_a_dry_run_that_is_not_done_in_time_leaves_an_ordinary_offer_that_says_so(trusted):
    why = "there was no time left to try it in this analysis"
    (late, *_) = trusted.told(0.6, answer="passed", takes=60.0)
    assert late == why
    assert len(trusted.tried) == 1
    assert {*trusted.told(0.0)} == {why}
    assert len(trusted.tried) == 1, "where no time is left nothing is tried"
    assert trusted.changes() == ()


def test_a_fix_that_was_tried_in_vain_says_so(trusted):
    (failed, *_) = trusted.told(60.0, answer="failed")
    assert failed == "tried on the failed input, it still fails"
    (untried, *_) = trusted.told(60.0, answer="not_possible")
    assert untried == "it could not be tried on the failed input"
    assert "by itself" not in "".join(trusted.told(60.0))
    assert len(trusted.changes()) == 1


def test_a_slow_step_does_not_make_an_analysis_any_longer(trusted, monkeypatch):
    async def hang(*_args, **_more):
        await asyncio.sleep(120)

    monkeypatch.setattr(HarmlessSteps, "carry_out", hang)
    trials = trusted.bench.engine._trials
    monkeypatch.setattr(trusted.bench.engine, "_trials", dataclasses.replace(trials, seconds=120.0))
    failed = trusted.bench.run()
    run = EngineSource(trusted.bench.engine).run(trusted.bench.workspace, failed.id)
    began = time.monotonic()
    report = trusted.bench.app.copilot._parts.analyzer.analyze(run, until=began + 3)
    assert time.monotonic() - began < 60
    assert trusted.changes() == ()
    fix = next(fix for fix in report.suggested_fixes if fix.type == trusted.type)
    assert fix.auto_fix_available
    assert "there was no time left to try it" in fix.not_applied_because


def test_without_a_signature_nothing_is_tried(trusted):
    (standing,) = trusted.service.standing.list()
    trusted.service.standing.revoke(standing.standing_id)
    assert trusted.look() is None
    assert trusted.tried == []


def test_a_signature_of_whoever_is_no_owner_any_more_applies_nothing_and_is_noted(trusted):
    with trusted.bench.app.store.database.write() as connection:
        connection.execute(update(STANDING_APPROVAL).values(created_by="person_gone"))
    assert trusted.look() is None
    assert trusted.changes() == ()
    entry = trusted.service.account.audit(limit=1).items[0]
    assert entry.action == "refuse_standing"
    assert "is not in this workspace any more" in entry.details["reason"]


def test_each_condition_alone_keeps_a_fix_from_being_applied(trusted):
    fixes = trusted.report.suggested_fixes
    unsure = trusted.report.model_copy(update={"verdict": Verdict.LIKELY})
    spoiled = trusted.report.model_copy(
        update={"suggested_fixes": tuple(f.model_copy(update={"failed_before": 1}) for f in fixes)}
    )
    for report in (unsure, spoiled):
        assert trusted.look(report=report) is None
    trusted.service.account.set_settings({"standing_floor": 0.6})
    assert trusted.look() is None
    trusted.service.account.set_settings({"standing_floor": 0.5})
    trusted.service.learning.set_level(trusted.type, Level.APPROVE)
    assert trusted.look() is None
    trusted.service.learning.set_level(trusted.type, Level.STANDING)
    (standing,) = trusted.service.standing.list()
    trusted.service.standing.revoke(standing.standing_id)
    assert trusted.tried == [], "nothing was even tried"
    assert trusted.look() is None
    assert trusted.changes() == ()


def test_it_is_applied_as_soon_as_the_failure_is_explained(trusted):
    """With the dry run of the product, and again only told, not applied, for a run before it."""
    report = trusted.bench.analyze(trusted.bench.run())
    (change,) = trusted.changes()
    (standing,) = trusted.service.standing.list()
    told = report.already_fixed
    assert (told.change_id, told.standing_id) == (change.change_id, standing.standing_id)
    assert told.words.startswith("This was fixed by itself, in version 2: ")
    assert f"the standing approval {standing.standing_id}, signed by owner." in told.words
    assert report.message.startswith(told.words)
    assert trusted.type not in {fix.type for fix in (*report.suggested_fixes, *report.actions)}
    assert "How to fix" not in report.message
    given = trusted.service.analyses.report(report.analysis_id)
    assert (given.already_fixed, given.suggested_fixes) == (told, report.suggested_fixes)
    assert (change.fix_type, change.state) == (trusted.type, "applied")
    assert not trusted.bench.run().status.is_failure
    assert trusted.bench.analyze(trusted.failed).already_fixed.change_id == change.change_id
    assert len(trusted.changes()) == 1
    trusted.service.fixes.revert(change.change_id)
    taken_back = trusted.service.analyses.report(report.analysis_id)
    assert taken_back.already_fixed is None
    assert trusted.type in {fix.type for fix in taken_back.suggested_fixes}
