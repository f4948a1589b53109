"""Whatever is merged, split and taken back in whichever order: groups stay what they promise."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from copilot.errors import RuleConflict
from copilot.storage.group_tables import GROUP_ALIAS
from copilot.storage.partition import Pair, partition
from copilot.storage.store import Store
from copilot.types.group import GroupRule, RuleKind
from copilot.types.principal import Principal, Role
from tests.copilot.storage_builders import a_failure, sqlite_engine

ANA = Principal(id="ana", name="Ana", workspace_id="acme", role=Role.OWNER)
NAMES = "abcdefgh"
PAIR = st.lists(st.sampled_from(NAMES), min_size=2, max_size=2, unique=True).map(tuple)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("alias"), PAIR),
        st.tuples(st.just("alias"), PAIR),
        st.tuples(st.just("merge"), PAIR),
        st.tuples(st.just("split"), PAIR),
        st.tuples(st.just("ignore"), PAIR),
        st.tuples(st.just("take back"), st.integers(0, 9)),
    ),
    max_size=16,
)


@contextmanager
def seen_store(order: Sequence[str] = NAMES) -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as folder:
        engine = sqlite_engine(Path(folder) / "groups.sqlite")
        try:
            store = Store.open(engine)
            for name in order:
                store.failures.record(a_failure(f"run-{name}", signature=name))
            yield store
        finally:
            engine.dispose()


def carry_out(store: Store, step: tuple[str, object], made: list[GroupRule]) -> None:
    match step:
        case ("alias", (one, other)):
            store.failures.merge("acme", one, other, reason="nightly")
        case ("take back", number):
            if made:
                rule = made.pop(number % len(made))
                store.group_rules.remove(ANA, rule.rule_id)
        case (kind, (one, other)):
            second = None if kind == "ignore" else other
            try:
                rule = store.group_rules.add(ANA, RuleKind(kind), one, second)
            except RuleConflict:
                return
            if rule not in made:
                made.append(rule)


def what_follows(
    store: Store, order: Sequence[str], rules: Sequence[GroupRule]
) -> Mapping[str, str]:
    """The groups that all aliases and *rules* make, worked out anew."""
    wanted = select(GROUP_ALIAS.c.signature, GROUP_ALIAS.c.root).order_by(GROUP_ALIAS.c.id)
    with store.database.read() as connection:
        aliases = [tuple(row) for row in connection.execute(wanted)]
    pairs = {kind: [(r.signature, r.other) for r in rules if r.kind is kind] for kind in RuleKind}
    joins = [*pairs[RuleKind.MERGE], *aliases]
    return partition(order, joins, apart=set(map(frozenset, pairs[RuleKind.SPLIT])))


def check(roots: Mapping[str, str], order: Sequence[str], rules: Sequence[GroupRule]) -> None:
    for name, root in roots.items():
        assert roots[root] == root  # no ring and no chain: one step leads to the end
        members = [one for one in order if roots[one] == root]
        assert root == members[0], name  # seen first
    for rule in rules:
        if rule.kind is RuleKind.SPLIT:
            assert roots[rule.signature] != roots[rule.other]
        if rule.kind is RuleKind.MERGE:
            assert roots[rule.signature] == roots[rule.other]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(order=st.permutations(NAMES), steps=STEPS)
def test_groups_keep_their_promises_after_every_step(order, steps):
    with seen_store(order) as store:
        made: list[GroupRule] = []
        for step in steps:
            before = store.failures.roots("acme", NAMES)
            carry_out(store, step, made)
            roots = store.failures.roots("acme", NAMES)
            check(roots, order, made)
            assert roots == what_follows(store, order, made)
            if step[0] == "alias":  # an alias joins two groups at most, and splits none
                changed = {before[name] for name in NAMES if roots[name] != before[name]}
                assert len(changed) <= 1
                for one, other in combinations(NAMES, 2):
                    if before[one] == before[other]:
                        assert roots[one] == roots[other]
            if step[0] == "ignore":
                assert roots == before
            ignored = {roots[rule.signature] for rule in made if rule.kind is RuleKind.IGNORE}
            for name in NAMES:
                assert store.failures.is_ignored("acme", roots[name]) == (roots[name] in ignored)


PAIRS = st.lists(PAIR, max_size=20)


@given(order=st.permutations(NAMES), joins=PAIRS, apart=PAIRS)
def test_a_partition_joins_what_it_may_and_keeps_pairs_apart(order, joins, apart):
    pairs: set[Pair] = set(map(frozenset, apart))
    roots = partition(order, joins, apart=pairs)
    assert all(roots[root] == root for root in roots.values())
    assert all(len({roots[name] for name in pair}) == 2 for pair in pairs)
    for one, other in joins:
        together = [name for name in order if roots[name] in {roots[one], roots[other]}]
        blocked = any(pair <= set(together) for pair in pairs)
        assert roots[one] == roots[other] or blocked


@given(order=st.permutations(NAMES), joins=PAIRS, apart=PAIRS, more=PAIR)
def test_a_further_join_changes_no_group_but_its_two(order, joins, apart, more):
    pairs = set(map(frozenset, apart))
    before = partition(order, joins, apart=pairs)
    after = partition(order, [*joins, more], apart=pairs)
    touched = {before[more[0]], before[more[1]]}
    for name in order:
        if before[name] not in touched:
            assert after[name] == before[name]
        if before[name] == min(touched, key=order.index):
            assert after[name] == before[name]
