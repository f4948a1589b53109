"""The nightly merge: aliases only, in as many passes as it takes, and none is lost by a kill."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import event, func, select

from copilot import regrouping
from copilot.nightly import Nightly
from copilot.pipeline.analyze import Analyzer
from copilot.pipeline.merge import Alias, Known, merge
from copilot.pipeline.normalize import normalize
from copilot.policy import Policy
from copilot.regrouping import join_groups
from copilot.storage.group_tables import GROUP_ALIAS
from copilot.storage.store import Store
from copilot.types import ErrorRecord, RunRecord, RunStatus
from copilot.types.group import RuleKind
from knowledge_base import load
from tests.copilot.storage_builders import START, a_failure, sqlite_engine
from tests.copilot.test_groups import ANA

#: One failure in several wordings each: the merge below goes by the first word of a key.
KEYS = [f"{kind} {word}" for word in ("one", "two", "three", "four") for kind in ("disk", "mail")]
KEYS += [f"lonely{number} word" for number in range(12)]


def by_first_word(known, *, apart=()):
    """A merge that is easy to foresee: the first word of the key decides."""
    first: dict[str, Known] = {}
    found = []
    for one in known:
        root = first.setdefault(one.key.split()[0], one)
        if root is not one and frozenset({root.signature, one.signature}) not in apart:
            found.append(Alias(one.signature, root.signature, "they begin alike"))
    return tuple(found)


@pytest.fixture
def easy(monkeypatch):
    monkeypatch.setattr(regrouping, "merge", by_first_word)


def record(store, keys=KEYS, start=0):
    for number, key in enumerate(keys, start):
        at = START + timedelta(minutes=number)
        failure = a_failure(f"run-{number}", signature=f"n1:{key}", at=at)
        store.failures.record(failure.model_copy(update={"key": key, "label": key}))


def groups(store):
    return store.failures.roots("acme", [f"n1:{key}" for key in KEYS])


def aliases(store):
    with store.database.read() as connection:
        return connection.execute(select(func.count()).select_from(GROUP_ALIAS)).scalar_one()


@pytest.mark.parametrize("merging", [by_first_word, merge], ids=["easy", "shipped"])
def test_ten_passes_in_parts_make_the_groups_of_one_pass_over_all(tmp_path, merging, monkeypatch):
    monkeypatch.setattr(regrouping, "merge", merging)
    found = []
    for name, size in (("parts", 2), ("whole", len(KEYS))):
        store = Store.open(sqlite_engine(tmp_path / f"{name}.sqlite"))
        for start in range(0, len(KEYS), size):
            record(store, KEYS[start : start + size], start)
            join_groups(store, "acme")
        found.append(groups(store))
        store.database.engine.dispose()
    assert found[0] == found[1]


def test_a_pass_joins_what_it_finds_under_the_root_seen_first(store, easy):
    record(store)
    assert join_groups(store, "acme") == 6
    assert groups(store)["n1:disk four"] == "n1:disk one"
    assert groups(store)["n1:mail two"] == "n1:mail one"
    assert groups(store)["n1:lonely3 word"] == "n1:lonely3 word"
    assert store.groups.get("acme", "n1:disk two").aliases[0].reason == "they begin alike"


def test_a_second_pass_writes_nothing(store, engine, easy):
    record(store)
    join_groups(store, "acme")
    written = []
    event.listen(engine, "before_cursor_execute", lambda *args: written.append(args[2]))
    assert join_groups(store, "acme") == 0
    assert not [one for one in written if not one.startswith("SELECT")]


def test_what_a_person_split_is_told_to_the_merge_and_stays_apart_even_if_it_does_not_care(
    store, monkeypatch
):
    record(store)
    store.group_rules.add(ANA, RuleKind.SPLIT, "n1:disk one", "n1:disk two")
    told = []

    def careless(known, *, apart=()):
        told.append(apart)
        return by_first_word(known)

    monkeypatch.setattr(regrouping, "merge", careless)
    join_groups(store, "acme")
    assert told == [{frozenset({"n1:disk one", "n1:disk two"})}]
    assert groups(store)["n1:disk two"] == "n1:disk two"
    assert groups(store)["n1:disk three"] == "n1:disk one"


def test_a_nightly_pass_joins_groups_before_it_ranks_them(store, easy):
    record(store)
    analysed = []

    def analyze(workspace_id, execution_id, key):
        analysed.append(execution_id)
        raise AssertionError(execution_id)

    nightly = Nightly(
        store,
        catch_up=lambda _: 0,
        analyze=analyze,
        policy=lambda _: Policy(nightly_credit_cap=0),
        regroup=lambda workspace_id: join_groups(store, workspace_id),
    )
    digest = nightly.run("acme")
    assert [(item.signature, item.failures) for item in digest.items[:2]] == [
        ("n1:mail one", 4),
        ("n1:disk one", 4),
    ]
    assert len(digest.items) == 14
    assert analysed == []


def test_an_item_of_a_pass_is_found_by_the_group_of_today(store, easy):
    """A merge after the ranking has no run forgotten."""
    record(store)
    one = store.nights.begin("acme", credit_cap=None, spend_cap_usd=None)
    (item,) = [x for x in store.nights.items(one) if x.item.signature == "n1:disk two"]
    join_groups(store, "acme")
    assert store.nights.runs(one, item.item) == ("run-6", "run-4", "run-2", "run-0")


SCRIPT = """
import os, signal, sys
from pathlib import Path
from copilot import regrouping
from copilot.storage import failures
from copilot.storage.store import Store
from tests.copilot.storage_builders import sqlite_engine
from tests.copilot.test_groups_merging import by_first_word

store = Store.open(sqlite_engine(Path(sys.argv[1])))
regrouping.merge = by_first_word
regrouping.BATCH = int(sys.argv[2])
write, calls = failures.merge_groups, []

def dying(*args, **options):
    calls.append(1)
    if len(calls) == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return write(*args, **options)

failures.merge_groups = dying
regrouping.join_groups(store, "acme")
"""


@pytest.mark.parametrize(("batch", "left"), [(1, 3), (2, 2), (100, 0)])
def test_a_kill_between_two_aliases_loses_nothing(tmp_path, monkeypatch, batch, left):
    file = tmp_path / "killed.sqlite"
    engine = sqlite_engine(file)
    store = Store.open(engine)
    record(store)
    engine.dispose()
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", SCRIPT, str(file), str(batch)]
    killed = subprocess.run(command, cwd=root, env=os.environ, capture_output=True, timeout=60)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert aliases(store) == left
    monkeypatch.setattr(regrouping, "merge", by_first_word)
    assert join_groups(store, "acme") == 6 - left
    assert aliases(store) == 6
    assert groups(store)["n1:mail four"] == "n1:mail one"
    engine.dispose()


# ------------------------------------------------------------------ with the merge that ships

NAMES = ["alpha", "backup", "carol", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet"]
TEXTS = [f"user {name} is locked out of the archive" for name in NAMES]
TEXTS += [f"cannot open table {name} for writing at the moment" for name in NAMES]
TEXTS += ["the disk of the loader is full again", "mail server hung up in the middle of a line"]


@pytest.mark.parametrize("seed", range(4))
def test_ten_passes_in_any_order_make_the_groups_of_one_pass(tmp_path, seed):
    texts = TEXTS[:]
    Random(seed).shuffle(texts)
    failures = [
        keyed(a_failure(f"run-{number}", at=START + timedelta(minutes=number)), text)
        for number, text in enumerate(texts)
    ]
    found = []
    for name, parts in (("parts", 10), ("whole", 1)):
        store = Store.open(sqlite_engine(tmp_path / f"{name}.sqlite"))
        for part in range(parts):
            for failure in failures[
                part * len(failures) // parts : (part + 1) * len(failures) // parts
            ]:
                store.failures.record(failure)
            before = aliases(store)
            join_groups(store, "acme")
            assert aliases(store) >= before
        roots = store.failures.roots("acme", [failure.signature for failure in failures])
        found.append(roots)
        order = [failure.signature for failure in failures]
        for root in set(roots.values()):
            assert root == next(name for name in order if roots[name] == root)
        store.database.engine.dispose()
    assert found[0] == found[1]
    assert len(set(found[0].values())) < len(set(found[0]))


def keyed(failure, text):
    normal = normalize(text)
    facts = {"signature": normal.signature, "key": normal.key, "label": normal.label}
    return failure.model_copy(update=facts)


# ------------------------------------------------------------- every check asks for the root of now


def told(store, number, fingerprint):
    run = RunRecord(
        source="jsonl",
        workspace_id="acme",
        execution_id=f"run-{number}",
        workflow_id="w",
        workflow_name="W",
        status=RunStatus.FAILED,
        error=ErrorRecord(message="401 Unauthorized: token expired", fingerprint=fingerprint),
        finished_at=START + timedelta(minutes=number),
    )
    return Analyzer(store, knowledge=lambda *_: load()).analyze(run)


def test_patterns_and_reuse_follow_a_merge_and_a_split_at_once(store):
    one = told(store, 1, "x")
    for number in (2, 3):
        assert told(store, number, "x").receipt.reason == "known already"
    other = told(store, 4, "y")
    assert other.receipt.reason != "known already"
    assert other.pattern_detected.failure_count == 1
    store.failures.merge("acme", other.signature, one.signature, reason="nightly")
    after = told(store, 5, "y")
    assert after.analysis_id == one.analysis_id
    assert after.receipt.reason == "known already"
    assert (after.pattern_detected.failure_count, after.pattern_detected.is_pattern) == (5, True)
    store.group_rules.add(ANA, RuleKind.SPLIT, one.signature, other.signature)
    apart = told(store, 6, "y")
    assert apart.analysis_id == other.analysis_id
    assert (apart.pattern_detected.failure_count, apart.pattern_detected.is_pattern) == (3, False)


def test_what_is_opted_out_is_explained_and_makes_no_pattern(store):
    one = told(store, 1, "x")
    store.group_rules.add(ANA, RuleKind.IGNORE, one.signature)
    reports = [told(store, number, "x") for number in range(2, 8)]
    assert {report.root_cause for report in reports} == {one.root_cause}
    assert not any(report.pattern_detected.is_pattern for report in reports)
    store.group_rules.unignore(ANA, one.signature)
    assert told(store, 8, "x").pattern_detected.is_pattern
