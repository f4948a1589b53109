"""A suggested fix that a standing approval covers is applied without anybody asked, and no other."""

from datetime import UTC, datetime, timedelta

import pytest

from copilot.bootstrap import open_app
from copilot.demo import URGENT_MAIL, install_example
from copilot.errors import Forbidden, InvalidInput, NotFound, UnknownName
from copilot.fixes import parse
from copilot.service.standing import StandingApprovals
from copilot.settings import load
from copilot.types import ChangeState, DryRun, Verdict
from copilot.types.principal import Principal, Role
from copilot.types.standing import StandingTerms


def tried(state):
    return DryRun(state=state, explanation="The step was tried.")


CONFIRMED = {"verdict": Verdict.CONFIRMED, "dry_run": tried("passed")}


class Bench:
    """The example, failed and analysed: its fix replaces the name of a range."""

    def __init__(self, app):
        self.app, self.owner = app, app.owner()
        install_example(app)
        self.parts = app.copilot._parts
        self.hook = StandingApprovals(self.parts)
        started = self.owner.executions.start(URGENT_MAIL)
        self.owner.executions.wait(started.id, 60)
        report = self.owner.analyses.analyze(started.id)
        (self.fix_id,) = [
            fix.fix_id for fix in report.suggested_fixes if fix.type == "replace_value"
        ][:1]

    def sign(self, fix_type="replace_value", **given):
        until = datetime.now(UTC) + timedelta(days=30)
        terms = {"fix_type": fix_type, "max_uses": 5, "expires_at": until} | given
        return self.owner.standing.create(StandingTerms(**terms))

    def as_a(self, role, kind="person"):
        who = Principal(id="ann", name="Ann", workspace_id="default", kind=kind, role=role)
        return self.app.copilot.serve(who)

    def use(self, **given):
        return self.hook.use("default", self.fix_id, **(CONFIRMED | given))


@pytest.fixture
def bench(tmp_path):
    with open_app(load({}, data=tmp_path)) as app:
        yield Bench(app)


def test_a_covered_fix_is_approved_applied_and_listed(bench) -> None:
    standing = bench.sign()
    approval = bench.use()
    shown = bench.owner.fixes.preview(bench.fix_id)
    assert (approval.digest, approval.standing_id) == (shown.digest, standing.standing_id)
    change = bench.owner.fixes.apply(approval.approval_id)
    assert (change.state, change.actor) == (ChangeState.APPLIED, bench.owner.principal.id)
    (listed,) = bench.owner.standing.uses(standing.standing_id)
    assert (listed.change_id, listed.change_state) == (change.change_id, ChangeState.APPLIED)
    bench.owner.fixes.undo(change.change_id)
    assert bench.use() is None  # what was taken back is for a person to decide


def test_without_a_signature_nothing_is_approved(bench) -> None:
    assert bench.use() is None
    bench.sign("create_template")
    assert bench.use() is None


@pytest.mark.parametrize(
    ("terms", "facts", "covered"),
    [
        ({}, {"verdict": Verdict.LIKELY}, False),
        ({}, {"verdict": Verdict.INCONCLUSIVE}, False),
        ({}, {"dry_run": None}, False),
        ({}, {"dry_run": tried("not_possible")}, False),
        ({}, {"dry_run": tried("failed")}, False),
        ({"workflow_id": URGENT_MAIL}, {}, True),
        ({"workflow_id": "outreach-campaign"}, {}, False),
    ],
    ids=[
        "only likely",
        "inconclusive",
        "not tried",
        "can not be tried",
        "tried and failed",
        "its workflow",
        "another workflow",
    ],
)
def test_the_terms_decide(bench, terms, facts, covered) -> None:
    if terms.get("workflow_id") == "outreach-campaign":
        definition = {"name": "Other", "steps": [{"id": "a", "type": "agent", "prompt": "Hi"}]}
        bench.owner.workflows.create(definition, workflow_id="outreach-campaign")
    bench.sign(**terms)
    assert (bench.use(**facts) is not None) is covered


def test_a_type_that_takes_two_people_is_neither_signed_nor_used(bench) -> None:
    bench.sign()
    approval = bench.use()
    bench.owner.account.set_settings({"second_person_for": "replace_value"})
    assert bench.use() is None
    with pytest.raises(InvalidInput, match="takes two people"):
        bench.sign()
    with pytest.raises(Exception, match="two people have to approve it by now"):
        bench.owner.fixes.apply(approval.approval_id)


def test_a_diff_that_does_not_fit_any_more_is_not_covered(bench) -> None:
    bench.sign()
    stored = bench.owner.workflows.get(URGENT_MAIL)
    definition = {"name": "Other", "steps": [{"id": "a", "type": "agent", "prompt": "Hi"}]}
    bench.owner.workflows.replace(URGENT_MAIL, definition, expected_version=stored.version)
    assert bench.use() is None


def test_an_editors_type_does_not_cover_a_fix_that_needs_an_owner(bench, monkeypatch) -> None:
    bench.sign()
    stored = parse(bench.parts.store.analyses.fix("default", bench.fix_id).fix)
    monkeypatch.setattr(type(stored), "approver", "owner")
    assert bench.use() is None


@pytest.mark.parametrize(
    ("role", "kind"), [("owner", "machine"), ("approver", "person")], ids=["machine", "approver"]
)
def test_only_an_owner_in_person_signs(bench, role, kind) -> None:
    until = datetime.now(UTC) + timedelta(days=1)
    terms = StandingTerms(fix_type="replace_value", max_uses=1, expires_at=until)
    with pytest.raises(Forbidden):
        bench.as_a(Role(role), kind).standing.create(terms)
    assert bench.owner.standing.list() == ()


def test_whoever_approves_may_end_it_and_no_machine(bench) -> None:
    standing = bench.sign()
    with pytest.raises(Forbidden):
        bench.as_a(Role.OWNER, "machine").standing.revoke(standing.standing_id)
    bench.as_a(Role.APPROVER).standing.revoke(standing.standing_id)
    assert bench.use() is None


@pytest.mark.parametrize("days", [-1, 0, 90.01])
def test_an_end_that_is_too_far_away_or_over_is_refused(bench, days) -> None:
    with pytest.raises(InvalidInput, match="at most 90 days away"):
        bench.sign(expires_at=datetime.now(UTC) + timedelta(days=days))


def test_what_there_is_none_of_is_refused(bench) -> None:
    with pytest.raises(UnknownName, match="replace_value"):
        bench.sign("replace_valu")
    with pytest.raises(InvalidInput, match="pause_workflow is an action, not a change"):
        bench.sign("pause_workflow")
    with pytest.raises(NotFound):
        bench.sign(workflow_id="nope")
    assert bench.sign("suggest_template").fix_type == "create_template"
