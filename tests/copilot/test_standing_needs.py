"""A standing approval that can't act says so: when it is signed, in lists, and with each fix."""

import pytest
from sqlalchemy import update

from copilot.bootstrap import open_app
from copilot.learning import shortfall, success
from copilot.settings import load
from copilot.storage.outcomes import FixRate
from copilot.storage.standing_tables import STANDING_APPROVAL
from copilot.types import Verdict
from copilot.types.learning import Level
from tests.copilot.standing_bench import Held
from tests.copilot.test_service import Bench
from tests.copilot.test_standing_again import why_not

NONE_YET = (
    "0 of 5 fixes judged, and the next 16 would have to hold for the floor of 80 % (standing_floor)"
)


@pytest.mark.parametrize(
    ("verified", "regressed", "floor", "says"),
    [
        (0, 0, 0.8, NONE_YET),
        (
            3,
            0,
            0.8,
            "3 of 5 fixes judged, 3 of 3 held, and the next 13 would have to hold for the floor of 80 %"
            " (standing_floor)",
        ),
        (
            4,
            0,
            0.5,
            "4 of 5 fixes judged, 4 of 4 held, and the next one would have to hold for the floor of 50 %"
            " (standing_floor)",
        ),
        (
            3,
            2,
            0.5,
            "3 of 5 held (60 %), surely 23 %, and the next 6 would have to hold for the floor of 50 %"
            " (standing_floor)",
        ),
        (
            9,
            0,
            1.0,
            "9 of 9 held (100 %), surely 70 %, which is far too few for the floor of 100 %"
            " (standing_floor)",
        ),
        (16, 0, 0.8, None),
    ],
    ids=["none", "too few", "one too few", "too low", "never", "enough"],
)
def test_what_is_missing_comes_with_its_figures(verified, regressed, floor, says) -> None:
    rate = FixRate("timeout", "timeout", "offline", verified, regressed, 0)
    assert shortfall(success("timeout", [rate]), floor) == says


def test_the_number_that_is_named_is_enough_and_one_less_is_not() -> None:
    def at(verified):
        return shortfall(success("t", [FixRate("t", "t", "offline", verified, 2, 0)]), 0.5)

    assert "the next 6 would" in at(3)
    assert (at(8) is None, at(9)) == (False, None)


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with open_app(load({}, data=tmp_path_factory.mktemp("needs"))) as app:
        yield app


@pytest.fixture
def held(app):
    return Held(Bench(app))


def listed(held):
    (one,) = held.service.standing.list()
    return one.acts, one.missing


def test_one_that_acts_says_so_everywhere(held) -> None:
    made = held.sign()
    assert (made.acts, made.missing) == (True, ())
    assert listed(held) == (True, ())
    assert level_of(held).missing == ()


def level_of(held):
    return next(one for one in held.service.learning.levels() if one.fix_type == held.type)


def fresh(app):
    """Where nothing was ever fixed, one failure is explained, and an owner has signed."""
    held = Held(Bench(app), held=0)
    held.service.account.set_settings({"standing_floor": 0.8})
    held.service.learning.set_level(held.type, Level.APPROVE)
    return held, held.sign()


def test_one_that_can_not_act_yet_says_so_as_it_is_signed(app) -> None:
    held, made = fresh(app)
    raise_it = (
        "the autonomy of replace_value is 'approve': an owner can raise it "
        "(`ask-copilot autonomy replace_value standing`)"
    )
    assert (made.acts, made.missing) == (False, (raise_it, NONE_YET))
    assert listed(held) == (False, made.missing)
    report = held.bench.analyze(held.bench.run())
    assert why_not(report) == f"{raise_it}; {NONE_YET}"
    assert (held.changes(), report.suggested_fixes[0].auto_fix_available) == ((), True)


def test_without_a_signature_the_fix_says_nothing(app) -> None:
    held = Held(Bench(app), held=0)
    assert "by itself" not in held.bench.analyze(held.bench.run()).message
    assert all(one.not_applied_because is None for one in held.report.suggested_fixes)


def test_a_level_that_nobody_has_signed_for_says_so(held) -> None:
    (unsigned,) = level_of(held).missing
    assert unsigned.startswith("no standing approval covers the type")
    others = [one for one in held.service.learning.levels() if one.level is not Level.STANDING]
    assert {one.missing for one in others} == {()}


def lower_the_workspace(held):
    held.service.learning.set_level("all", Level.SUGGEST)


def raise_the_floor(held):
    held.service.account.set_settings({"standing_floor": 0.6})


def ask_for_two(held):
    held.service.account.set_settings({"second_person_for": held.type})


def suspend(held):
    with held.bench.app.store.database.write() as connection:
        mine = STANDING_APPROVAL.c.workspace_id == held.bench.workspace
        connection.execute(update(STANDING_APPROVAL).where(mine).values(created_by="person_gone"))


STOPS = {
    "workspace": (lower_the_workspace, "the autonomy of the workspace is 'suggest'"),
    "floor": (
        raise_the_floor,
        "5 of 5 held (100 %), surely 56 %, and the next one would have to hold",
    ),
    "two people": (ask_for_two, "replace_value takes two people"),
    "suspended": (suspend, "it is suspended: owner, who signed it, is not in this workspace"),
}


@pytest.mark.parametrize(("stop", "why"), STOPS.values(), ids=STOPS)
def test_each_thing_that_stops_it_is_named_in_the_list_and_with_the_level(held, stop, why) -> None:
    held.sign()
    stop(held)
    acts, (missing, *_) = listed(held)
    assert (acts, missing.startswith(why)) == (False, True), missing
    assert level_of(held).missing[0].startswith(why)


@pytest.mark.parametrize(
    ("stop", "why"),
    STOPS.values(),
    ids=STOPS,
)
def test_the_same_is_said_with_the_fix_that_was_not_applied(held, stop, why) -> None:
    held.sign()
    stop(held)
    report = held.bench.analyze(held.bench.run())
    assert why_not(report).startswith(why)
    assert held.changes() == ()


def test_a_day_that_is_full_says_so(held) -> None:
    held.sign(max_uses_per_day=1)
    done = held.bench.analyze(held.bench.run()).already_fixed
    assert done.standing_id is not None
    assert listed(held) == (False, ("1 of 1 used today (UTC)",))
    held.bench.edit("UrgentEmails", "OldEmails")  # and so it is another fix
    report = held.bench.analyze(held.bench.run())
    assert why_not(report).startswith("1 of 1 used today (UTC); ")
    assert [one.change_id for one in held.changes()] == [done.change_id]


@pytest.mark.parametrize("end", ["revoked", "used up"])
def test_one_that_is_over_says_only_that(held, end) -> None:
    made = held.sign(max_uses=1)
    if end == "revoked":
        assert held.service.standing.revoke(made.standing_id).missing == ("it was revoked",)
    else:
        held.bench.analyze(held.bench.run())
    raise_the_floor(held)
    assert listed(held)[1] == ("it was revoked" if end == "revoked" else "it is used up",)
    assert level_of(held).missing[-1].startswith("no standing approval covers the type")


def test_a_cause_that_is_not_confirmed_and_a_test_run_say_so(held) -> None:
    held.sign()
    unsure = held.report.model_copy(update={"verdict": Verdict.LIKELY})
    told = held.fixes().answered(held.run(), unsure, float("inf"))
    assert why_not(told) == "the cause is likely, not confirmed"
    run = held.run().model_copy(update={"test_mode": True})
    assert why_not(held.fixes().answered(run, held.report, float("inf"))) == "the run was a test"
    assert (held.tried, held.changes()) == ([], ())


def test_a_signature_for_another_workflow_says_nothing_here(held) -> None:
    held.sign(workflow_id="held-0")
    told = held.fixes().answered(held.run(), held.report, float("inf"))
    assert told == held.report
