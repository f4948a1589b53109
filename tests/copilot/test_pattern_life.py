"""The life of a repeated failure, by the runs that end: each state, each turn, and what survives."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, Select, event, insert

from copilot.pipeline.detect import Thresholds, dismiss, reopen
from copilot.pipeline.detect.life import rising
from copilot.storage.failures import Sighting
from copilot.storage.patterns import StoredPattern
from copilot.storage.run_facts import LAST_OF_GROUP, RUNS_OF_GROUP
from copilot.storage.store import Store
from copilot.storage.tables import CHANGE, OUTCOME
from copilot.types import OutcomeState
from copilot.types.group import RuleKind
from copilot.types.pattern import PatternState
from copilot.types.principal import Principal, Role
from tests.copilot.pattern_builders import History
from tests.copilot.storage_builders import START

NEW, REPEATING, WORSENING = PatternState.NEW, PatternState.REPEATING, PatternState.WORSENING
DISMISSED, RESOLVED = PatternState.DISMISSED, PatternState.RESOLVED
REGRESSED = PatternState.REGRESSED


@pytest.fixture
def history(store: Store) -> History:
    return History(store)


def put_away(history: History, *, version: int | None = 1, reason: str = "known") -> None:
    history.store.patterns.change(
        "acme",
        "outreach",
        history.signature,
        lambda one, now: dismiss(
            one, by="p1", by_name="Ada", reason=reason, version=version, at=now
        ),
    )


@pytest.mark.parametrize(
    ("runs", "state"),
    [
        ("FFFF", None),
        ("FFFFF", NEW),
        ("FsFsFsFsF", NEW),
        ("FxFxFxFxF", NEW),
        ("FFFFxxxxxxxF", None),
        ("FFFFFF", REPEATING),
        ("xxxxxFFFFFF", WORSENING),
        ("xxxxxFFFFFFFFFF", REPEATING),
        ("FFFFFss", NEW),
        ("FFFFFsss", RESOLVED),
        ("FFFFFssFsss", RESOLVED),
        ("FFFFFssxs", RESOLVED),
        ("FFFFFxxxxxxxxx", NEW),
        ("FFFFFxxxxxxxxxx", RESOLVED),
        ("FFFFFsssF", REGRESSED),
        ("FFFFFsssFF", REGRESSED),
        ("FFFFFsssFsss", RESOLVED),
    ],
)
@pytest.mark.parametrize("at_once", [False, True], ids=["one by one", "at once"])
def test_the_runs_decide_where_it_stands(
    history: History, runs: str, state: PatternState | None, at_once: bool
) -> None:
    history.add(runs, at_once=at_once)
    assert history.state() is state


def test_every_turn_is_kept_with_its_time_and_reason(history: History) -> None:
    history.add("FFFFFFsssF")
    found = history.pattern()
    assert found is not None
    life = history.store.patterns.life("acme", found)
    assert [(turn.state, turn.at, turn.reason) for turn in reversed(life.turns)] == [
        (NEW, START + timedelta(minutes=5), "5 of the last 5 failed runs failed so"),
        (REPEATING, START + timedelta(minutes=6), "it was seen again"),
        (RESOLVED, START + timedelta(minutes=9), "3 runs have succeeded since it was last seen"),
        (REGRESSED, START + timedelta(minutes=10), "it came back after it was resolved"),
    ]
    assert (life.since, life.failures, life.passed) == (START + timedelta(minutes=10), 7, 0)


def test_it_is_the_same_after_a_restart(history: History, engine: Engine) -> None:
    history.add("FFFFFF")
    history.store = Store.open(engine)
    history.add("sss")
    assert history.turns() == ["new", "repeating", "resolved"]


def test_a_run_that_is_delivered_again_changes_nothing(history: History) -> None:
    batch = [history.run("F") for _ in range(6)]
    for _ in range(3):
        history.take_in(batch)
    found = history.pattern()
    assert found is not None
    assert (found.failures, history.turns()) == (6, ["new", "repeating"])


def test_a_run_that_failed_again_after_a_resume_is_one_run(history: History) -> None:
    history.add("FFFFF")
    again, failures = history.run("F")
    run = again.model_copy(update={"execution_id": "outreach-5"})
    history.take_in([(run, (failures[0].model_copy(update={"execution_id": "outreach-5"}),))])
    found = history.pattern()
    assert found is not None
    assert found.failures == 5


def test_runs_in_test_mode_turn_nothing(history: History) -> None:
    history.add("FFFFF", test_mode=True)
    assert history.state() is None
    history.add("FFFFF")
    history.add("sss", test_mode=True)
    assert history.state() is NEW


def test_the_thresholds_are_the_ones_that_are_given(history: History) -> None:
    history.thresholds = Thresholds(threshold=2, window=3, passes=1)
    history.add("FF")
    assert history.state() is NEW
    history.add("s")
    assert history.state() is RESOLVED


def test_another_workspace_and_another_workflow_have_their_own(store: Store) -> None:
    mine = History(store)
    mine.add("FFFFF")
    for theirs in (History(store, workspace_id="rival"), History(store, workflow_id="other")):
        theirs.add("FFFF")
        assert theirs.state() is None
    assert mine.state() is NEW


def test_dismissed_it_is_quiet_until_it_has_grown_by_a_half_again(history: History) -> None:
    history.add("FFFFFF")
    put_away(history)
    history.add("FF")
    assert history.state() is DISMISSED
    history.add("F")
    assert history.state() is REPEATING
    assert history.reason() == (
        "not dismissed any more: 9 runs have failed so, 6 when it was dismissed"
    )


def test_dismissed_it_is_told_when_a_new_version_still_has_it(history: History) -> None:
    history.add("FFFFFF")
    put_away(history, version=2)
    history.version = 2
    history.add("F")
    assert history.state() is DISMISSED
    history.version = 3
    history.add("F")
    assert history.state() is REPEATING
    assert history.reason() == "not dismissed any more: version 3 of the workflow still has it"


def test_another_error_is_another_pattern_whatever_is_dismissed(history: History) -> None:
    history.add("FFFFF")
    put_away(history)
    history.add("xxxxx")
    known = history.store.patterns.of_workflow("acme", "outreach", {"n1:template", "n1:x"})
    assert {root: one.state for root, one in known.items()} == {
        "n1:template": DISMISSED,
        "n1:x": NEW,
    }


def test_what_was_dismissed_and_resolved_comes_back_dismissed(history: History) -> None:
    history.add("FFFFFF")
    put_away(history)
    history.add("sssF")
    assert history.turns()[-2:] == ["resolved", "dismissed"]
    history.add("sssFFF")
    assert history.state() is not DISMISSED


def test_reopened_it_is_told_again_and_nobody_is_forgotten(history: History) -> None:
    history.add("FFFFF")
    put_away(history, reason="on Monday")

    def decide(one: StoredPattern, now: datetime) -> StoredPattern:
        return reopen(one, by_name="Bob", reason="", at=now)

    after = history.store.patterns.change("acme", "outreach", history.signature, decide)
    life = history.store.patterns.life("acme", after)
    assert [(turn.state, turn.by, turn.reason) for turn in life.turns[:2]] == [
        (REPEATING, "Bob", "reopened"),
        (DISMISSED, "Ada", "on Monday"),
    ]
    assert life.dismissal is None


def test_a_verified_fix_ends_what_it_was_made_for_and_nothing_else(history: History) -> None:
    history.add("FFFFF")
    store_outcome(history.store, "change-1", OutcomeState.WATCHING, "n1:template")
    store_outcome(history.store, "change-2", OutcomeState.VERIFIED, "n1:x")
    passed = history.run("s")
    history.take_in([passed], verified=["change-1", "change-2"])
    assert history.state() is NEW
    store_outcome(history.store, "change-3", OutcomeState.VERIFIED, "n1:template")
    history.take_in([history.run("s")], verified=["change-3"])
    assert history.state() is RESOLVED
    assert history.reason() == "the fix change-3 is verified"


def store_outcome(store: Store, change_id: str, state: OutcomeState, signature: str) -> None:
    facts = {"change_id": change_id, "workspace_id": "acme", "workflow_id": "outreach"}
    fix = {"fix_type": "create_template", "base_version": 1, "version": 2}
    change = {"fix_id": "f", "kind": "fix", "state": "applied", "actor": "a", "created_at": START}
    watch = {"root_cause": "x", "produced_by": "offline", "needed": 3, "open": True}
    with store.database.write() as connection:
        connection.execute(insert(CHANGE), facts | fix | change | {"before": "", "after": ""})
        judged = {"signature": signature, "state": state, "judged_at": START}
        connection.execute(insert(OUTCOME), facts | fix | watch | judged)


def test_merged_groups_keep_the_life_of_the_first(history: History) -> None:
    history.add("FFFFF")
    other = History(history.store, signature="n1:other")
    other.minute = history.minute
    history.store.failures.merge("acme", "n1:template", "n1:other", reason="nightly")
    other.add("F")
    assert history.turns() == ["new", "repeating"]


def test_a_group_that_is_opted_out_is_no_pattern(history: History) -> None:
    history.add("F")
    ann = Principal(id="ann", name="Ann", workspace_id="acme", role=Role.OWNER)
    history.store.group_rules.add(ann, RuleKind.IGNORE, "n1:template")
    history.add("FFFFF")
    assert history.state() is None


def seen(minute: float, root: str = "a") -> Sighting:
    return Sighting(f"r{minute}", root, root, "x", (), START + timedelta(minutes=minute))


@pytest.mark.parametrize(
    ("minutes", "grows"),
    [
        ([0, 60, 120, 180, 240], False),
        ([0, 60, 120, 150, 180], True),
        ([0, 60, 120, 151, 182], False),
        ([0, 60, 90, 120], False),
        ([0, 0, 0, 0, 0], False),
    ],
    ids=["even", "twice as fast", "a little faster", "too few", "all at once"],
)
def test_it_is_worsening_when_it_comes_twice_as_fast(minutes: list[float], grows: bool) -> None:
    window = [seen(minute) for minute in reversed(minutes)]
    assert (rising(window, "a") is not None) is grows


@pytest.mark.parametrize(
    ("roots", "grows"),
    [("aaaaabbbbb", True), ("aaababbabb", True), ("ababababab", False), ("aabab", False)],
)
def test_it_is_worsening_when_the_newer_half_has_clearly_more(roots: str, grows: bool) -> None:
    window = [seen(100 - place, root) for place, root in enumerate(roots)]
    assert (rising(window, "a") is not None) is grows


def test_a_failure_reads_as_much_of_a_long_history_as_of_a_short_one(
    store: Store, engine: Engine
) -> None:
    def by_one_more(history: History) -> tuple[int, int]:
        said: list[str] = []

        def listen(*told: Any) -> None:
            said.append(told[2])

        event.listen(engine, "before_cursor_execute", listen)
        steps = machine_steps(engine, lambda: history.add("F"))
        event.remove(engine, "before_cursor_execute", listen)
        return len(said), steps

    short, long = History(store, workflow_id="short"), History(store, workflow_id="long")
    short.add("F" * 600, at_once=True)
    for _ in range(20):
        long.add("F" * 1000, at_once=True)
    (few, little), (many, much) = by_one_more(short), by_one_more(long)
    assert few == many <= 12
    assert 0 < much <= little * 1.5


def machine_steps(engine: Engine, act: Callable[[], None]) -> int:
    """Instructions of SQLite's machine that *act* takes, which no other load changes."""
    steps = 0

    def tick() -> int:
        nonlocal steps
        steps += 1
        return 0

    def count(connection: Any, *_: Any) -> None:
        connection.set_progress_handler(tick, 1)

    def leave(connection: Any, *_: Any) -> None:
        connection.set_progress_handler(None, 0)

    event.listen(engine, "checkout", count)
    event.listen(engine, "checkin", leave)
    try:
        act()
    finally:
        event.remove(engine, "checkout", count)
        event.remove(engine, "checkin", leave)
    return steps


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (RUNS_OF_GROUP, "ix_copilot_failed_run_group"),
        (LAST_OF_GROUP, "ix_copilot_failure_group"),
    ],
    ids=["runs of a group", "places of a group"],
)
def test_what_is_read_is_found_by_index_and_sorted_by_nobody(
    store: Store, engine: Engine, statement: Select[Any], index: str
) -> None:
    values = {"workspace": "acme", "workflow": "outreach", "one_signature": "n1:template"}
    asked = {name: values[name] for name in statement.compile().params if name in values}
    text = statement.params(asked).compile(engine, compile_kwargs={"literal_binds": True})
    with engine.connect() as connection:
        plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
    assert len(plan) == 1, plan
    assert index in plan[0]
