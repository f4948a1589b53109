"""The same groups on Postgres, also when several processes join and split at once."""

from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import pytest

from copilot.errors import RuleConflict
from copilot.storage.migrate import migrate
from copilot.storage.store import Store
from copilot.testing import ManualClock
from engine.storage.database import connect
from tests.copilot import test_groups
from tests.copilot.storage_builders import a_failure
from tests.copilot.test_groups import ANA, MERGE, SPLIT
from tests.copilot.test_groups_properties import what_follows
from tests.postgres import new_database, same_tests

OF_SQLITE = {
    "test_the_list_and_the_merge_read_backwards_from_an_index",
    "test_groups_of_before_rules_are_as_they_were",
}
globals().update(
    {name: test for name, test in same_tests(test_groups).items() if name not in OF_SQLITE}
)
NAMES = "abcdefgh"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def engine():
    with new_database(migrated=False) as url:
        database = connect(url)
        yield database
        database.dispose()


@pytest.fixture
def store(engine, clock) -> Store:
    return Store.open(engine, clock=clock)


def test_joining_and_splitting_at_once_closes_no_ring_and_brings_no_pair_together(store, engine):
    for name in NAMES:
        store.failures.record(a_failure(f"run-{name}", signature=name))
    pairs = [*combinations(NAMES, 2)]

    def work(number):
        one, other = pairs[number % len(pairs)]
        if number % 5 == 0:
            try:
                store.group_rules.add(ANA, SPLIT if number % 2 else MERGE, one, other)
            except RuleConflict:
                return
        else:
            store.failures.merge("acme", other, one, reason="nightly")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(60)))
    roots = store.failures.roots("acme", NAMES)
    rules = store.group_rules.of("acme")
    assert {rule.kind for rule in rules} == {MERGE, SPLIT}
    assert all(roots[root] == root for root in roots.values())
    for rule in rules:
        assert (roots[rule.signature] == roots[rule.other]) is (rule.kind is MERGE)
    assert roots == what_follows(store, NAMES, rules)


def test_a_chain_of_the_release_before_leads_to_its_root(engine):
    migrate(engine, to="0002")
    with engine.begin() as connection:
        for signature, root in (("c", "b"), ("b", "a")):
            connection.exec_driver_sql(
                "INSERT INTO copilot_group_alias VALUES"
                f" ('acme', '{signature}', '{root}', 'why', '2026-01-01 00:00:00+00')"
            )
    assert Store.open(engine).failures.roots("acme", "abc") == dict.fromkeys("abc", "a")
