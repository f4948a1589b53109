"""Groups never drift, and what people say about them stands above what is found automatically."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from copilot.errors import InvalidInput, NotFound, RuleConflict
from copilot.storage.group_rules import LONGEST_REASON, MOST_RULES
from copilot.storage.migrate import migrate
from copilot.storage.store import Store
from copilot.testing import ManualClock
from copilot.types.group import RuleKind
from copilot.types.principal import Principal, Role
from tests.copilot.storage_builders import START, a_failure, sqlite_engine

ANA = Principal(id="ana", name="Ana", workspace_id="acme", role=Role.APPROVER)
THEIRS = ANA.model_copy(update={"workspace_id": "rival"})
SPLIT, MERGE, IGNORE = RuleKind.SPLIT, RuleKind.MERGE, RuleKind.IGNORE


@pytest.fixture
def seen(store: Store) -> Store:
    """Signatures a to f, first seen in this order; e and f are another workspace's too."""
    for number, name in enumerate("abcdef"):
        at = START + timedelta(minutes=number)
        store.failures.record(a_failure(f"run-{name}", signature=name, at=at))
    for name in "ef":
        store.failures.record(a_failure(f"their-{name}", signature=name, workspace_id="rival"))
    return store


def roots(store: Store, names: str = "abcdef") -> str:
    found = store.failures.roots("acme", names)
    return "".join(found[name] for name in names)


def actions(store: Store) -> list[str]:
    return [entry.action for entry in reversed(store.audit.page("acme").items)]


# -------------------------------------------------------------------------- what people say


def test_a_split_undoes_an_automatic_merge_and_no_later_one_brings_it_back(seen: Store) -> None:
    seen.failures.merge("acme", "b", "a", reason="nightly")
    assert roots(seen) == "aacdef"
    seen.group_rules.add(ANA, SPLIT, "a", "b", reason="two templates")
    assert roots(seen) == "abcdef"
    again = seen.failures.merge("acme", "a", "b", reason="nightly")
    assert (again.absorbed, again.kept_apart) == (None, True)
    assert roots(seen) == "abcdef"


def test_a_split_holds_for_what_joins_either_side_later(seen: Store) -> None:
    seen.group_rules.add(ANA, SPLIT, "a", "b")
    seen.failures.merge("acme", "c", "a", reason="nightly")
    seen.failures.merge("acme", "d", "b", reason="nightly")
    assert seen.failures.merge("acme", "c", "d", reason="nightly").kept_apart
    assert roots(seen) == "ababef"


def test_what_was_merged_before_stays_together_after_a_split(seen: Store) -> None:
    """c came to a first, then b did: the split takes b out, and leaves c where it was."""
    seen.failures.merge("acme", "c", "a", reason="nightly")
    seen.failures.merge("acme", "b", "a", reason="nightly")
    seen.group_rules.add(ANA, SPLIT, "b", "c")
    assert roots(seen) == "abadef"


def test_a_merge_of_a_person_joins_and_takes_the_root_seen_first(seen: Store) -> None:
    seen.failures.merge("acme", "d", "c", reason="nightly")
    seen.group_rules.add(ANA, MERGE, "d", "b")
    assert roots(seen) == "abbbef"


def test_a_merge_of_a_person_goes_before_an_older_automatic_one(seen: Store) -> None:
    seen.failures.merge("acme", "b", "a", reason="nightly")
    seen.group_rules.add(ANA, SPLIT, "c", "a")
    assert roots(seen) == "aacdef"
    seen.group_rules.add(ANA, MERGE, "c", "b")
    assert roots(seen) == "abbdef"


def test_a_rule_that_is_taken_back_leaves_what_was_found(seen: Store) -> None:
    seen.failures.merge("acme", "b", "a", reason="nightly")
    split = seen.group_rules.add(ANA, SPLIT, "b", "a")
    merge = seen.group_rules.add(ANA, MERGE, "b", "c")
    assert roots(seen) == "abbdef"
    seen.group_rules.remove(ANA, split.rule_id)
    assert roots(seen) == "aaadef"
    seen.group_rules.remove(ANA, merge.rule_id)
    assert roots(seen) == "aacdef"
    with pytest.raises(NotFound):
        seen.group_rules.remove(ANA, merge.rule_id)


@pytest.mark.parametrize(
    ("before", "then"),
    [
        pytest.param([(MERGE, "a", "b")], (SPLIT, "b", "a"), id="split what a person merged"),
        pytest.param([(SPLIT, "a", "b")], (MERGE, "b", "a"), id="merge what a person split"),
        pytest.param([(MERGE, "a", "b"), (MERGE, "b", "c")], (SPLIT, "a", "c"), id="split a chain"),
        pytest.param([(SPLIT, "a", "c"), (MERGE, "a", "b")], (MERGE, "b", "c"), id="close a chain"),
    ],
)
def test_rules_against_each_other_are_refused_by_name(seen: Store, before, then) -> None:
    made = [seen.group_rules.add(ANA, *rule) for rule in before]
    was = roots(seen)
    with pytest.raises(RuleConflict, match=rf"{made[0].rule_id} by Ana.*Take that back first\."):
        seen.group_rules.add(ANA, *then)
    assert roots(seen) == was
    assert set(seen.group_rules.of("acme")) == set(made)


def test_a_rule_says_who_made_it_when_and_why_and_is_in_the_audit(
    seen: Store, clock: ManualClock
) -> None:
    rule = seen.group_rules.add(ANA, SPLIT, "a", "b", reason=" two templates ")
    assert seen.group_rules.of("acme") == (rule,)
    assert (rule.made_by, rule.made_by_name, rule.made_at) == ("ana", "Ana", clock.time)
    assert rule.reason == "two templates"
    seen.group_rules.add(ANA, IGNORE, "c")
    seen.group_rules.unignore(ANA, "c")
    seen.group_rules.remove(ANA, rule.rule_id)
    assert actions(seen) == [
        "split_groups",
        "ignore_group",
        "remove_group_rule",
        "remove_group_rule",
    ]
    assert seen.audit.page("acme").items[-1].details["reason"] == "two templates"


def test_the_same_rule_again_is_the_same_rule(seen: Store) -> None:
    first = seen.group_rules.add(ANA, MERGE, "a", "b", rule_id="rule_1")
    assert seen.group_rules.add(ANA, MERGE, "b", "a", reason="once more") == first
    assert seen.group_rules.add(ANA, MERGE, "c", "d", rule_id="rule_1") == first
    assert len(actions(seen)) == 1


@pytest.mark.parametrize("names", [("a", "nope"), ("nope", "a")], ids=["other", "signature"])
def test_a_signature_that_never_failed_here_is_none(seen: Store, names: tuple[str, str]) -> None:
    with pytest.raises(NotFound):
        seen.group_rules.add(ANA, SPLIT, *names)
    assert seen.group_rules.of("acme") == ()


def test_another_workspace_has_rules_and_groups_of_its_own(seen: Store) -> None:
    rule = seen.group_rules.add(ANA, MERGE, "e", "f")
    seen.group_rules.add(ANA, IGNORE, "e")
    assert seen.failures.roots("rival", "ef") == {"e": "e", "f": "f"}
    assert not seen.failures.is_ignored("rival", "e")
    for attempt in (
        lambda: seen.group_rules.remove(THEIRS, rule.rule_id),
        lambda: seen.group_rules.add(THEIRS, MERGE, "a", "e"),
        lambda: seen.group_rules.unignore(THEIRS, "a"),
        lambda: seen.groups.get("rival", "a"),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert len(seen.group_rules.of("acme")) == 2


def test_rules_and_reasons_have_bounds(seen: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="same signature"):
        seen.group_rules.add(ANA, MERGE, "a", "a")
    with pytest.raises(InvalidInput, match=f"longer than {LONGEST_REASON} characters"):
        seen.group_rules.add(ANA, IGNORE, "a", reason="x" * (LONGEST_REASON + 1))
    monkeypatch.setattr("copilot.storage.group_rules.MOST_RULES", 1)
    seen.group_rules.add(ANA, IGNORE, "a")
    with pytest.raises(InvalidInput, match="1 rules already"):
        seen.group_rules.add(ANA, IGNORE, "b")
    assert MOST_RULES == 1000


# ---------------------------------------------------------------------------------- opting out


def fail(store: Store, name: str, count: int, *, prefix: str = "") -> None:
    for number in range(count):
        at = START + timedelta(hours=1, minutes=number)
        store.failures.record(a_failure(f"{prefix}{name}-{number}", signature=name, at=at))


def test_what_is_opted_out_is_in_no_window_and_no_nightly_pass(store: Store) -> None:
    fail(store, "a", 6)
    fail(store, "b", 1)
    store.failures.merge("acme", "b", "a", reason="nightly")
    store.group_rules.add(ANA, IGNORE, "b")
    fail(store, "c", 2)
    assert {one.signature for one in store.failures.recent_failures("acme", "outreach")} == {"c"}
    assert [one.root for one in store.failures.groups("acme", "outreach", 10)] == ["c"]
    one = store.nights.begin("acme", credit_cap=None, spend_cap_usd=None)
    assert [item.item.signature for item in store.nights.items(one)] == ["c"]
    assert store.failures.is_ignored("acme", "a")


def test_the_part_that_was_named_stays_opted_out_after_a_split(store: Store) -> None:
    fail(store, "a", 1)
    fail(store, "b", 1)
    store.failures.merge("acme", "b", "a", reason="nightly")
    store.group_rules.add(ANA, IGNORE, "b")
    store.group_rules.add(ANA, SPLIT, "a", "b")
    assert not store.failures.is_ignored("acme", "a")
    assert store.failures.is_ignored("acme", "b")


def test_unignore_lets_the_whole_group_count_whichever_was_named(store: Store) -> None:
    fail(store, "a", 1)
    fail(store, "b", 1)
    store.group_rules.add(ANA, IGNORE, "a")
    store.group_rules.add(ANA, IGNORE, "b")
    store.group_rules.add(ANA, MERGE, "a", "b")
    assert len(store.group_rules.unignore(ANA, "b")) == 2
    assert not store.failures.is_ignored("acme", "a")
    assert store.group_rules.unignore(ANA, "b") == ()


# ---------------------------------------------------------------------------------- what is seen


def test_the_list_counts_by_the_group_of_today(seen: Store) -> None:
    fail(seen, "b", 3)
    seen.failures.merge("acme", "b", "a", reason="nightly")
    first, *others = seen.groups.list("acme")
    assert (first.signature, first.failures, first.signatures) == ("a", 5, 2)
    assert first.first_occurred == START
    assert first.last_occurred == START + timedelta(hours=1, minutes=2)
    assert [one.signature for one in others] == list("cdef")
    assert [one.signature for one in seen.groups.list("acme", limit=1)] == ["a"]
    with pytest.raises(InvalidInput):
        seen.groups.list("acme", limit=0)


def test_a_group_is_read_by_any_of_its_signatures_with_its_reasons(seen: Store) -> None:
    seen.failures.merge("acme", "c", "a", reason="the same words")
    seen.failures.merge("acme", "b", "a", reason="nearly the same words")
    rule = seen.group_rules.add(ANA, SPLIT, "a", "b")
    group = seen.groups.get("acme", "c")
    assert group.summary.signature == "a"
    assert [member.signature for member in group.members] == ["a", "c"]
    assert [(one.signature, one.root, one.in_force) for one in group.aliases] == [
        ("c", "a", True),
        ("b", "a", False),
    ]
    assert group.aliases[0].reason == "the same words"
    assert group.rules == (rule,)


def test_only_what_counts_is_known_to_the_merge_in_order_of_first_sight(store: Store) -> None:
    for name, at in (("b", 5), ("a", 1), ("b", 9)):
        moment = START + timedelta(minutes=at)
        store.failures.record(a_failure(f"run-{name}-{at}", signature=name, at=moment))
    store.failures.record(a_failure("test", signature="t", test_mode=True))
    store.failures.record(a_failure("theirs", signature="x", workspace_id="rival"))
    assert [one.signature for one in store.groups.known("acme")] == ["b", "a"]


def test_the_list_and_the_merge_read_backwards_from_an_index(
    seen: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("copilot.storage.group_reading.WINDOW", 2)
    monkeypatch.setattr("copilot.storage.group_reading.MERGE_RUNS", 3)
    assert [one.signature for one in seen.groups.list("acme")] == ["e", "f"]
    assert [one.signature for one in seen.groups.known("acme")] == ["d", "e", "f"]
    with engine.connect() as connection:
        plan = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT id, signature FROM copilot_failure WHERE workspace_id = 'a'"
            " AND counted = 1 ORDER BY occurred_at DESC, id DESC LIMIT 5"
        )
        assert "ix_copilot_failure_newest" in " ".join(row.detail for row in plan)


def test_groups_of_before_rules_are_as_they_were(tmp_path) -> None:
    """A chain of aliases of the release before leads to its root after the migration."""
    engine = sqlite_engine(tmp_path / "old.sqlite")
    migrate(engine, to="0002")
    with engine.begin() as connection:
        for signature, root, second in (("c", "b", 1), ("b", "a", 2), ("z", "z", 3)):
            connection.exec_driver_sql(
                "INSERT INTO copilot_group_alias VALUES"
                f" ('acme', '{signature}', '{root}', 'why', '2026-01-01 00:00:0{second}.000000')"
            )
    store = Store.open(engine)
    assert store.failures.roots("acme", "abcz") == {"a": "a", "b": "a", "c": "a", "z": "z"}
    engine.dispose()
