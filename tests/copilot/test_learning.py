"""How well fixes hold is counted with its uncertainty, and only what is certain has consequences."""

import pytest

from copilot.fixes import parse
from copilot.learning import LEAST_JUDGED, Lessons, by, held_back, meets, success, wilson
from copilot.pipeline.learned import as_learned, ordered, prepared
from copilot.pipeline.report import Offer
from copilot.storage.outcomes import FixRate
from copilot.storage.past_fixes import fix_key
from copilot.types import Diagnosis, FixHint, Preview, RootCause, Verdict
from copilot.types.learning import Level

CAUSE = RootCause.MISSING_TEMPLATE


def rated(fix_type: str, verified: int, regressed: int = 0, **options: object) -> FixRate:
    facts = {"root_cause": CAUSE.value, "produced_by": "offline", "under_watch": 0} | options
    return FixRate(fix_type=fix_type, verified=verified, regressed=regressed, **facts)  # pyright: ignore[reportArgumentType]


def template(name: str) -> Offer:
    fix = parse({"type": "create_template", "name": name, "subject": "Hi", "body": "Hello"})
    return Offer(FixHint(type="create_template", description=name), fix=fix, fix_id=name)


def field(name: str) -> Offer:
    fix = parse({"type": "create_field", "name": name, "label": "Own"})
    shown = Preview(
        fix_id=name,
        fix_type="create_field",
        base_version=1,
        base_digest="",
        diff="+field",
        summary="",
        digest="",
    )
    return Offer(
        FixHint(type="create_field", description=name), fix=fix, fix_id=name, preview=shown
    )


WORDS = Offer(FixHint(type="manual", description="Ask somebody"))


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (0, 1, 0.0, 0.7935),
        (1, 1, 0.2065, 1.0),
        (5, 10, 0.2366, 0.7634),
        (8, 10, 0.4902, 0.9433),
        (95, 100, 0.8882, 0.9785),
        (0, 20, 0.0, 0.1611),
    ],
)
def test_the_interval_is_that_of_wilson(
    successes: int, trials: int, low: float, high: float
) -> None:
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)


def test_what_was_not_judged_has_no_rate() -> None:
    rate = success("timeout", [rated("timeout", 0, under_watch=3)])
    assert (rate.judged, rate.under_watch, rate.rate, rate.low, rate.high) == (
        0,
        3,
        None,
        None,
        None,
    )


def test_what_was_taken_back_before_it_was_judged_is_a_number_of_its_own() -> None:
    rates = [rated("timeout", 1, under_watch=3, taken_back=4), rated("timeout", 0, 1, taken_back=2)]
    rate = success("timeout", rates)
    assert (rate.judged, rate.under_watch, rate.taken_back) == (2, 3, 6)
    assert rate.rate == pytest.approx(0.5)


def test_rates_are_added_up_by_each_of_their_names() -> None:
    rates = [
        rated("timeout", 2, 1, entry="slow_query"),
        rated("timeout", 3, 0, entry="slow_api", model="m-1", produced_by="openai"),
        rated("create_field", 1, 0, entry="slow_api"),
    ]
    types = by(rates, lambda rate: rate.fix_type)
    assert [(one.name, one.verified, one.judged) for one in types] == [
        ("timeout", 5, 6),
        ("create_field", 1, 1),
    ]
    assert [one.name for one in by(rates, lambda rate: rate.entry)] == ["slow_api", "slow_query"]
    assert [one.name for one in by(rates, lambda rate: rate.model)] == ["m-1"]


@pytest.mark.parametrize(
    ("verified", "regressed", "floor", "is_held_back"),
    [
        (0, 5, 0.5, True),
        (0, 4, 0.5, False),
        (1, 4, 0.5, False),
        (1, 12, 0.5, True),
        (0, 50, 0.0, False),
        (50, 0, 1.0, False),
    ],
)
def test_a_type_is_held_back_only_where_even_the_best_is_below_the_floor(
    verified: int, regressed: int, floor: float, is_held_back: bool
) -> None:
    found = held_back([rated("timeout", verified, regressed)], floor)
    assert bool(found) is is_held_back
    if is_held_back:
        judged = verified + regressed
        words = f"{verified} of {judged} of this type held in this workspace"
        assert words in found["timeout"]


def test_enough_must_have_held_for_a_type_to_meet_a_floor() -> None:
    assert not meets(success("timeout", [rated("timeout", LEAST_JUDGED - 1)]), 0.1)
    assert not meets(success("timeout", [rated("timeout", 15)]), 0.8)
    assert meets(success("timeout", [rated("timeout", 16)]), 0.8)


def test_a_held_back_fix_stays_in_words_that_say_why() -> None:
    lessons = Lessons(held_back={"create_template": "Not offered as a fix: 0 of 5 held."})
    learned = as_learned(template("Welcome"), lessons)
    assert (learned.fix, learned.fix_id, learned.preview) == (None, None, None)
    assert learned.hint.description == "Welcome. Not offered as a fix: 0 of 5 held."
    assert as_learned(WORDS, lessons) is WORDS


def test_exactly_the_fix_that_failed_here_is_marked_and_no_other_of_its_type() -> None:
    spoiled = template("Welcome")
    assert spoiled.fix is not None
    lessons = Lessons(failed={fix_key(spoiled.fix.model_dump(mode="json")): 2})
    assert as_learned(spoiled, lessons).failed_before == 2
    assert as_learned(template("Other"), lessons).failed_before == 0


def names(offers: tuple[Offer, ...]) -> list[str]:
    return [one.hint.description for one in offers]


def test_a_fix_that_failed_here_comes_last_of_the_fixes_and_words_stay_in_place() -> None:
    spoiled = template("Welcome")
    assert spoiled.fix is not None
    lessons = Lessons(failed={fix_key(spoiled.fix.model_dump(mode="json")): 1})
    diagnosis = Diagnosis(root_cause=CAUSE, verdict=Verdict.CONFIRMED, explanation="")
    found = prepared([spoiled, field("email"), WORDS, field("name")], lessons, diagnosis)
    assert names(found) == ["email", "name", "Ask somebody", "Welcome"]


@pytest.mark.parametrize(
    ("verdict", "order"),
    [
        (Verdict.LIKELY, ["email", "Welcome"]),
        (Verdict.CONFIRMED, ["Welcome", "email"]),
    ],
    ids=["likely", "confirmed"],
)
def test_rates_order_fixes_but_for_the_one_that_the_evidence_singles_out(
    verdict: Verdict, order: list[str]
) -> None:
    lessons = Lessons(rates=[rated("create_template", 0, 9), rated("create_field", 9)])
    assert names(ordered([template("Welcome"), field("email")], lessons, CAUSE, verdict)) == order


@pytest.mark.parametrize("judged", [0, LEAST_JUDGED - 1], ids=str)
def test_few_outcomes_order_nothing(judged: int) -> None:
    lessons = Lessons(rates=[rated("create_field", judged)])
    offers = [template("Welcome"), field("email")]
    assert names(ordered(offers, lessons, CAUSE, Verdict.LIKELY)) == ["Welcome", "email"]


def test_what_holds_against_this_cause_counts_before_what_holds_against_others() -> None:
    lessons = Lessons(
        rates=[rated("timeout", 0, 9), rated("timeout", 30, 0, root_cause="network_error")]
    )
    assert lessons.standing("timeout", CAUSE.value) == 1
    assert lessons.standing("timeout", "network_error") == -1
    assert lessons.standing("timeout", "rate_limit") == -1, "too few there: all causes count"


@pytest.mark.parametrize(
    ("level", "is_shown", "has_fix"),
    [
        (Level.OBSERVE, False, False),
        (Level.EXPLAIN, False, False),
        (Level.SUGGEST, True, False),
        (Level.APPROVE, True, True),
        (Level.STANDING, True, True),
    ],
    ids=str,
)
def test_the_level_of_a_type_decides_what_is_seen_of_its_fixes(
    level: Level, is_shown: bool, has_fix: bool
) -> None:
    lessons = Lessons(levels={"create_field": level})
    diagnosis = Diagnosis(root_cause=CAUSE, verdict=Verdict.LIKELY, explanation="")
    found = prepared([field("email")], lessons, diagnosis)
    assert bool(found) is is_shown
    if is_shown:
        assert (found[0].fix is not None) is has_fix
        assert found[0].preview is not None, "the diff can be read at every level that shows it"
