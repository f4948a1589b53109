"""What a pass applied by itself, under a standing approval, is told by the digest of that pass."""

import shlex

import pytest

from copilot.bootstrap import open_app
from copilot.demo import URGENT_MAIL
from copilot.digest import as_letter, as_markdown, as_text, with_findings
from copilot.policy import Policy
from copilot.settings import load
from copilot.surfaces.cli.nights import nightly as command
from copilot.types import ChangeState, SuggestedFix
from copilot.types.learning import Level
from copilot.types.nightly import Digest
from copilot.types.notice import CHOSEN
from tests.copilot.standing_bench import Held
from tests.copilot.test_service import Bench


class Unexplained(Held):
    """A workspace where the pass is the first that looks at the failure."""

    def explain(self):
        pass


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with open_app(load({}, data=tmp_path_factory.mktemp("night"))) as app:
        yield app


@pytest.fixture
def held(app):
    """A failure that was explained, and told by a pass, before somebody signed."""
    held = Held(Bench(app))
    held.service.nights.run()
    held.standing = held.sign()
    return held


@pytest.fixture
def digest(held):
    """Of the pass after the same has failed again."""
    held.failed = held.bench.run()
    return held.service.nights.run()


def applied(held):
    (change,) = [one for one in held.changes() if one.state is ChangeState.APPLIED]
    return change


def test_the_pass_that_applies_a_fix_names_it(held, digest):
    change = applied(held)
    (fix,) = digest.applied
    (item,) = digest.items
    assert (fix.workflow_id, fix.change_id) == (URGENT_MAIL, change.change_id)
    assert (fix.fix_type, fix.version) == (held.type, change.version)
    assert fix.standing_id == held.standing.standing_id
    assert item.already_fixed.change_id == change.change_id
    assert held.service.nights.latest() == digest == Digest.model_validate(digest.model_dump())


def test_what_is_fixed_is_not_proposed_and_nothing_beside_it(held, digest):
    (item,) = digest.items
    assert (item.fixes, item.proposal) == ((), None)
    for told in (as_text(digest), as_markdown(digest)):
        assert "Proposed" not in told
        assert "fix apply" not in told
        assert "ask-copilot report" not in told


def test_what_can_be_applied_beside_it_is_left_to_the_report(held, digest):
    (item,) = digest.items
    report = held.bench.analyze(held.failed)
    beside = SuggestedFix(fix_id="fix_1", type="create_template", description="One", action="Go")
    offered = report.model_copy(update={"suggested_fixes": (beside,)})
    told = with_findings(item, offered)
    assert (told.already_fixed, told.fixes, told.proposal) == (report_fix(report), (), None)
    open_still = with_findings(item, offered.model_copy(update={"already_fixed": None}))
    assert (open_still.fixes, open_still.proposal) == (("fix_1",), "One")


def report_fix(report):
    return report.already_fixed.model_copy(update={"diff": None})


def test_people_read_what_was_applied_under_what_and_how_it_is_taken_back(held, digest):
    change = applied(held)
    told = as_text(digest)
    assert "1 fix applied by itself" in told.splitlines()[0]
    heading, listed = told.split("\n\n")[1:3]
    what, back = listed.splitlines()
    assert heading == "Applied by itself, under a standing approval"
    assert what == f"1. {URGENT_MAIL}: {digest.applied[0].words}"
    assert f"in version {change.version}" in what
    assert "range becomes 'DefinedRange' instead of 'UrgentEmails'" in what
    assert held.standing.standing_id in what
    assert back.strip() == f"Take it back: ask-copilot revert {change.change_id}"
    assert f"Fixed by itself in version {change.version} ({change.change_id})." in told
    assert f"ask-copilot resume --mode partial {shlex.quote(held.failed.id)}" in told


def test_the_letter_names_it_in_its_subject_and_in_both_forms(held, digest):
    letter = as_letter(digest)
    assert letter.subject.endswith("; 1 fix applied by itself")
    for form in (letter.text, letter.html):
        assert f"ask-copilot revert {applied(held).change_id}" in form
        assert held.standing.standing_id in form


def test_the_next_pass_has_it_among_the_fixes_and_not_as_its_own(held, digest):
    old = held.bench.run(URGENT_MAIL)
    assert not old.status.is_failure
    later = held.service.nights.run()
    assert later.applied == ()
    assert [one.change_id for one in later.fixes if one.workflow_id == URGENT_MAIL] == [
        digest.applied[0].change_id
    ]


def test_what_was_applied_by_itself_before_the_pass_is_told_and_not_as_its_own(held):
    failed, late = held.bench.run(), held.bench.run()
    held.bench.analyze(failed)
    change = applied(held)
    assert late.status.is_failure
    digest = held.service.nights.run()
    (item,) = digest.items
    assert digest.applied == ()
    assert (item.already_fixed.change_id, item.proposal) == (change.change_id, None)
    assert item.already_fixed.words in as_text(digest)
    assert "Applied by itself" not in as_text(digest)


def test_a_pass_that_was_killed_after_it_applied_a_fix_names_it_when_it_goes_on(app):
    held = Unexplained(Bench(app))
    held.service.nights.run()
    held.sign()
    held.failed = held.bench.run()
    nightly = held.bench.app.copilot._parts.nightly
    settle, nightly._nights.settle = nightly._nights.settle, killed
    try:
        with pytest.raises(KeyboardInterrupt):
            held.service.nights.run()
    finally:
        nightly._nights.settle = settle
    change = applied(held)
    digest = held.service.nights.run()
    assert [one.change_id for one in digest.applied] == [change.change_id]
    assert [item.proposal for item in digest.items] == [None]
    assert digest.credits == 1


def killed(*_):
    raise KeyboardInterrupt


def test_a_pass_that_applies_nothing_says_nothing_of_it(app):
    held = Held(Bench(app))
    digest = held.service.nights.run()
    assert digest.applied == ()
    assert "by itself" not in as_text(digest)
    assert any(item.proposal for item in digest.items)


def test_a_known_failure_costs_nothing_after_its_type_may_go_by_itself(app):
    bench = Bench(app)
    first = bench.analyze(bench.run())
    kind = next(fix.type for fix in first.suggested_fixes if fix.fix_id)
    bench.service.learning.set_level(kind, Level.STANDING)
    again = bench.analyze(bench.run())
    assert (again.served_from, again.receipt.credits) == (first.analysis_id, 0)


def test_a_level_that_hides_a_fix_has_the_failure_looked_at_anew(app):
    bench = Bench(app)
    first = bench.analyze(bench.run())
    kind = next(fix.type for fix in first.suggested_fixes if fix.fix_id)
    bench.service.learning.set_level(kind, Level.SUGGEST)
    again = bench.analyze(bench.run())
    assert again.served_from is None
    assert not [fix for fix in again.suggested_fixes if fix.type == kind and fix.fix_id]


def test_the_help_says_when_something_is_applied():
    told = " ".join((command.help or "").split())
    assert "Nothing is applied, but for what a standing approval covers" in told
    assert "whose level is `standing`" in told


def test_the_setting_of_what_is_told_names_every_event():
    words = Policy.model_fields["notify_on"].description or ""
    assert [event for event in CHOSEN if event not in words] == []
