"""What is told of a repeated failure beside its state: rhythm, impact, where else, and causes."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from copilot.pipeline.detect import find_elsewhere, rhythm_of, sum_up
from copilot.service.causes import ASKED, break_down, percentages
from copilot.storage.causes import CountedKind
from copilot.storage.run_facts import Ending, FailedRun, Place
from copilot.storage.store import Store
from copilot.types import RootCause
from tests.copilot.pattern_builders import History
from tests.copilot.storage_builders import START, a_failure, a_finished_analysis

SIGNATURES = {"F": "a", "x": "b", "s": None}


def endings(letters: str) -> list[Ending]:
    return [Ending(f"r{place}", SIGNATURES[letter]) for place, letter in enumerate(letters)]


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ("FsFsFsFs", "fails about every second run: intermittent"),
        ("sFssFssFss", "fails about every third run: intermittent"),
        ("FFFsFsFFsF", "fails in 7 of the last 10 runs: intermittent"),
        ("sFxsFxsF", "fails about every second run: intermittent"),
        ("FFFF", "fails every time: in all of the last 4 runs"),
        ("FFFFs", "the last run succeeded; 3 in a row make it resolved"),
        ("FFFFss", "the last 2 runs succeeded; 3 in a row make it resolved"),
        ("FFFFsss", "has recovered: the last 3 runs succeeded"),
        ("FsFsFsFsss", "has recovered: the last 3 runs succeeded"),
        ("ssssF", None),
    ],
)
def test_the_rhythm_in_words(runs: str, words: str | None) -> None:
    found = rhythm_of(endings(runs), "a", needed=3)
    assert found is not None
    assert found.words == words
    assert found.flapping is (runs.count("sF") + runs.count("Fs") >= 4 or "x" in runs)


@pytest.mark.parametrize("runs", ["", "sss", "xxsx", "Fssssssssss"])
def test_without_it_in_the_last_runs_there_is_no_rhythm(runs: str) -> None:
    assert rhythm_of(endings(runs), "a", needed=3) is None


def test_the_last_runs_are_kept_however_they_come(store: Store) -> None:
    history = History(store)
    history.add("FsFsFs")
    history.add("s" * 30, at_once=True)
    history.add("Fs", at_once=True)
    found = store.run_facts.endings("acme", "outreach")
    assert len(found) == 20
    assert [one.signature for one in found[-3:]] == [None, "n1:template", None]


def test_a_resumed_run_that_succeeds_is_no_failure_any_more(store: Store) -> None:
    history = History(store)
    history.add("FF")
    run, _ = history.run("s")
    history.take_in([(run.model_copy(update={"execution_id": "outreach-1"}), ())])
    assert [one.execution_id for one in store.run_facts.endings("acme", "outreach")] == [
        "outreach-2",
        "outreach-1",
    ]


def a_run(number: int, **facts: object) -> FailedRun:
    known = {"trigger": None, "started_by": None, "tokens": None, "credits": None}
    return FailedRun(
        execution_id=f"r{number}",
        workflow_id="outreach",
        signature="a",
        occurred_at=START + timedelta(minutes=number),
        **({**known, "cost_usd": None} | facts),  # type: ignore[arg-type]
    )


def test_what_is_not_known_is_null_and_never_nothing() -> None:
    found = sum_up([a_run(1), a_run(2)], failures=2, since=None)
    assert found is not None
    assert (found.tokens, found.credits, found.cost_usd, found.people) == (None, None, None, None)
    assert found.cost_known == 0
    assert sum_up([], failures=5, since=START) is None


def test_what_is_known_is_summed_with_how_much_of_it_is_known() -> None:
    runs = [
        a_run(1, trigger="schedule", started_by="ann", tokens=0, cost_usd=Decimal("0.10")),
        a_run(2, trigger="schedule", started_by="bob", tokens=7, cost_usd=Decimal("0.25")),
        a_run(3, trigger="manual", started_by="ann", credits=1.5),
    ]
    found = sum_up(runs, failures=9, since=START)
    assert found is not None
    assert (found.runs, found.summed, found.since) == (9, 3, START)
    assert [(one.trigger, one.runs) for one in found.triggers] == [("schedule", 2), ("manual", 1)]
    assert (found.people, found.tokens, found.credits) == (2, 7, 1.5)
    assert (found.cost_usd, found.cost_known) == (Decimal("0.35"), 2)


def test_the_impact_is_of_the_runs_before_the_threshold_too(store: Store) -> None:
    history = History(store)
    history.add("FFFFFFs")
    runs = store.run_facts.of_group("acme", "outreach", ["n1:template"])
    found = sum_up(runs, failures=6, since=None)
    assert found is not None
    assert (found.runs, found.tokens, found.cost_usd) == (6, 600, None)
    assert {one.trigger: one.runs for one in found.triggers} == {"schedule": 4, "manual": 2}
    assert found.since == START + timedelta(minutes=1)


def place(workflow_id: str, minute: int, *facts: tuple[str, str]) -> Place:
    return Place(
        workflow_id,
        datetime(2026, 3, 1, 2, 10, tzinfo=UTC) + timedelta(minutes=minute),
        frozenset(facts),
    )


GMAIL = ("integration", "gmail")


def test_workflows_that_fail_together_tell_what_they_share() -> None:
    places = [
        place("crm", 50, GMAIL, ("name", "gmail"), ("str", "crm@x")),
        place("digest", 30, GMAIL, ("str", "digest@x")),
        place("crm", 20, GMAIL),
        place("outreach", 0, GMAIL),
    ]
    found = find_elsewhere(places, "outreach")
    assert found is not None
    assert found.workflows == ("crm", "digest", "outreach")
    assert [(one.kind, one.value) for one in found.shared] == [GMAIL]
    assert found.words == (
        "3 workflows fail with it since 02:10 UTC; they share the integration 'gmail'"
    )


def test_what_they_do_not_share_is_not_told() -> None:
    found = find_elsewhere([place("b", 5, ("str", "y")), place("a", 0, ("str", "x"))], "a")
    assert found is not None
    assert (found.shared, found.words) == ((), "2 workflows fail with it since 02:10 UTC")


@pytest.mark.parametrize(
    "places",
    [
        [place("a", 0)],
        [place("b", 0)],
        [place("b", 90), place("a", 0)],
        [],
    ],
    ids=["alone", "not here", "an hour apart", "nothing"],
)
def test_apart_they_are_no_event(places: list[Place]) -> None:
    assert find_elsewhere(places, "a") is None


def test_places_come_from_the_workspace_alone_with_the_names_beside_the_error(
    store: Store,
) -> None:
    for workspace_id, workflow_id in (("acme", "a"), ("acme", "b"), ("rival", "c")):
        History(store, workspace_id=workspace_id, workflow_id=workflow_id).add("FF")
    found = find_elsewhere(store.run_facts.places("acme", ["n1:template"]), "a")
    assert found is not None
    assert found.workflows == ("a", "b")
    assert found.words.endswith("they share the template 'xyz'")


def kind(failures: int, cause: RootCause | None = None) -> CountedKind:
    return CountedKind("outreach", f"n1:{failures}", failures, failures, cause)


def broken_down(*kinds: CountedKind, says: RootCause = RootCause.TIMEOUT):
    until = START + timedelta(days=1)
    return break_down(kinds, ask=lambda _: says, workflow_id=None, since=START, until=until)


def test_shares_and_counts_of_the_causes_with_the_rules_for_the_rest() -> None:
    found = broken_down(
        kind(8, RootCause.BUDGET_EXCEEDED), kind(7, RootCause.MISSING_TEMPLATE), kind(4), kind(1)
    )
    assert [(one.root_cause, one.failures, one.percent) for one in found.causes] == [
        (RootCause.BUDGET_EXCEEDED, 8, 40),
        (RootCause.MISSING_TEMPLATE, 7, 35),
        (RootCause.TIMEOUT, 5, 25),
    ]
    assert (found.failures, found.analysed, found.by_rules, found.not_analysed) == (20, 15, 5, 0)


def test_kinds_beyond_those_that_are_asked_are_counted_as_not_analysed() -> None:
    found = broken_down(*(kind(1) for _ in range(ASKED + 3)))
    assert (found.by_rules, found.not_analysed) == (ASKED, 3)
    assert [(one.root_cause, one.failures) for one in found.causes] == [
        (RootCause.TIMEOUT, ASKED),
        (None, 3),
    ]


@pytest.mark.parametrize(
    "counts", [[1, 1, 1], [40, 35, 20, 5, 5], [1000, 1], [1] * 7, [99, 99, 1, 1, 1]]
)
def test_percents_are_whole_and_sum_up_to_100(counts: list[int]) -> None:
    causes = list(RootCause)[: len(counts)]
    found = percentages(dict(zip(causes, counts, strict=True)))
    assert sum(found.values()) == 100
    total = sum(counts)
    for cause, count in zip(causes, counts, strict=True):
        assert abs(found[cause] - count * 100 / total) < 1


def test_nothing_failed_is_an_empty_breakdown() -> None:
    found = broken_down()
    assert (found.failures, found.causes) == (0, ())


def test_kinds_are_counted_in_the_time_with_the_cause_that_was_found(store: Store) -> None:
    for number in range(4):
        at = START + timedelta(minutes=number)
        store.failures.record(a_failure(f"r{number}", at=at))
    store.failures.record(a_failure("b1", signature="n1:b", workflow_id="other", at=START))
    store.failures.record(a_failure("test", at=START, test_mode=True))
    store.failures.record(a_failure("theirs", at=START, workspace_id="rival"))
    analysed = a_failure("r1", at=START + timedelta(minutes=1))
    store.analyses.answer(a_finished_analysis(analysed), price=1)

    def kinds(workflow_id: str | None, minutes: int) -> list[tuple[str, int, RootCause | None]]:
        until = START + timedelta(minutes=minutes)
        found = store.causes.kinds("acme", workflow_id, since=START, until=until)
        return [(one.signature, one.failures, one.root_cause) for one in found]

    assert kinds(None, 60) == [
        ("n1:template", 4, RootCause.MISSING_TEMPLATE),
        ("n1:b", 1, None),
    ]
    assert kinds("other", 60) == [("n1:b", 1, None)]
    assert kinds("outreach", 1) == [("n1:template", 1, None)]
    assert kinds("outreach", 0) == []
