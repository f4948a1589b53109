"""What decides a signature beside the text: the caller's fingerprint, and what is to be kept."""

import time
from datetime import timedelta

import pytest

from copilot.errors import InvalidInput
from copilot.intake import Intake
from copilot.pipeline.analyze import Analyzer
from copilot.pipeline.examine import examine
from copilot.pipeline.normalize import normalize
from copilot.pipeline.versions import EARLIER, Earlier
from copilot.policy import Policy, checked_policy
from copilot.policy.keeping import MOST_WAYS, expressions
from copilot.ports import EndedRun
from copilot.sources import jsonl
from copilot.storage.store import Store
from copilot.types import ErrorRecord, Failure, RunRecord, RunStatus
from copilot.types.group import RuleKind
from knowledge_base import load
from tests.copilot.storage_builders import START
from tests.copilot.test_groups import ANA

N1 = normalize("Quota of tenant acme-17 used up").signature


def run(
    message: str = "Quota of tenant acme-17 used up", number: int = 1, **error: str
) -> RunRecord:
    return RunRecord(
        source="jsonl",
        workspace_id="acme",
        execution_id=f"run-{number}",
        workflow_id="w",
        workflow_name="W",
        status=RunStatus.FAILED,
        error=ErrorRecord(message=message, **error),
        finished_at=START + timedelta(minutes=number),
    )


# ---------------------------------------------------------------------------------- fingerprint


def test_a_fingerprint_alone_decides():
    one, other = run("Disk full", fingerprint="load"), run("Mail bounced", fingerprint="load")
    assert examine(one).signature == examine(other).signature
    assert examine(one).signature != examine(run("Disk full")).signature
    assert examine(run("Disk full", fingerprint="other")).signature != examine(one).signature
    assert examine(one).label == examine(run("Disk full")).label


def test_a_blank_fingerprint_is_none():
    assert (
        examine(run("Disk full", fingerprint=" ")).signature == examine(run("Disk full")).signature
    )


def read(**fields):
    line = {"id": "r", "status": "failed", **fields}
    return jsonl.parse_run(line, where="runs.jsonl, line 3", workspace_id="acme")


def test_json_lines_carry_one_on_the_run_and_on_a_step():
    of_run = read(error={"message": "Disk full", "fingerprint": "load"})
    of_step = read(
        steps=[{"action": "x", "status": "failed", "error": {"msg": "Full", "fingerprint": "load"}}]
    )
    result = {"success": False, "error": {"msg": "y", "fingerprint": "load"}}
    of_result = read(steps=[{"action": "x", "result": result}])
    found = {examine(one).signature for one in (of_run, of_step, of_result)}
    assert found == {examine(run("z", fingerprint="load")).signature}


def test_one_that_is_too_long_is_refused_with_its_place():
    with pytest.raises(InvalidInput, match=r"line 3, step 1: 'fingerprint' is longer than 200"):
        read(steps=[{"status": "failed", "error": {"message": "x", "fingerprint": "f" * 201}}])


# ---------------------------------------------------------------------------------- what is kept


def test_what_is_kept_tells_groups_apart():
    texts = ["Quota of tenant acme-17 used up", "Quota of tenant acme-18 used up"]
    masked = {examine(run(text)).signature for text in texts}
    kept = {examine(run(text), keep=(r"acme-\d{1,8}",)).signature for text in texts}
    assert (len(masked), len(kept)) == (1, 2)


def test_the_setting_is_used_where_failures_are_taken_in_and_where_they_are_analysed(store: Store):
    policy = Policy(group_keep=r"acme-\d{1,8} \btenant=\w{1,20}")
    assert policy.kept == (r"acme-\d{1,8}", r"\btenant=\w{1,20}")
    Intake(store, Once(run(number=1)), keep=lambda _: policy.kept).catch_up("acme")
    (seen,) = store.failures.recent_failures("acme", "w")
    report = Analyzer(store, knowledge=lambda *_: load(), policy=lambda _: policy).analyze(
        run(number=2)
    )
    assert report.signature == seen.signature == examine(run(), keep=policy.kept).signature
    assert report.signature != N1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("(", "is no regular expression"),
        ("a* b", "matches an empty text|without a bound"),
        (r"x\d+", r"repeats without a bound; write \{1,40\} for '\+'"),
        (r"x\d{2,}", r"repeats without an upper bound; write \{2,40\}"),
        (r"x(?:ab){1,9}", "repeats a group"),
        (r"(x)\1", r"refers back with '\\\\1'"),
        (r"x(?=y)", r"has '\(\?=', which is not allowed"),
        (r"x(?P<a>y)(?P=a)", "which is not allowed"),
        (r"(?i)x", "which is not allowed"),
        (r"\w{1,100}\w{1,100}x", "can match in 10,000 ways from one place"),
        (r"x(?:ab?){9}", "repeats a group"),
        (r"x(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)", "can match in 256 ways"),
        (r"x|x?x?x?x?x?x?x?x?", "matches an empty text|ways"),
        (r"\d{0,9}", "matches an empty text"),
        ("a b c d e f", "there are 6; write at most 5"),
    ],
    ids=["broken", "star", "plus", "open", "group", "back", "ahead", "named-back", "flag", "ways",
         "times", "forks", "choices", "empty", "many"],
)  # fmt: skip
def test_an_expression_that_may_take_long_is_refused_with_the_reason(text: str, why: str):
    with pytest.raises(InvalidInput, match=f"group_keep: .*({why})"):
        checked_policy({"group_keep": text})


@pytest.mark.parametrize(
    "text",
    [
        "",
        r"acme-\d{1,8}",
        r"[a-z]{2,10}-\d{1,8}",
        r"(?:north|south)-\w{1,40}",
        r"x[*+]y",
        r"\bT\d{4}\b",
    ],
    ids=["none", "number", "two", "choice", "signs", "fixed"],
)
def test_an_expression_that_is_bounded_is_accepted(text: str):
    assert checked_policy({"group_keep": text}).group_keep == text
    assert expressions(text) == tuple(text.split())


def test_the_slowest_that_is_accepted_takes_a_moment_on_the_worst_text():
    slowest = " ".join([rf"\w{{1,{MOST_WAYS // 2}}}\w{{1,2}}{sign}" for sign in "!%&;~"])
    keep = Policy(group_keep=slowest).kept
    began = time.perf_counter()
    normalize("a" * 100_000, keep=keep)
    assert time.perf_counter() - began < 1


# ------------------------------------------------------------------- two versions of the rules


class Once:
    """A source with these ended runs."""

    def __init__(self, *runs: RunRecord) -> None:
        self.runs = runs

    def ended_after(self, workspace_id, cursor, *, limit=100):
        numbered = list(enumerate(self.runs, 1))[cursor:]
        return [EndedRun(cursor=number, run=one) for number, one in numbered[:limit]]


def n2(failure: Failure) -> str:
    """A second version of the rules that does not exist: its words are in another order."""
    return "n2:" + " ".join(sorted(failure.key.split()))


def by_n2(failure: Failure) -> Failure:
    return failure.model_copy(update={"signature": n2(failure)})


SIGNED_BY_N1 = Earlier(
    "n1",
    lambda failure: normalize(failure.error.message, error_type=failure.error.type).signature,
    START + timedelta(days=30),
)


@pytest.fixture
def upgraded(monkeypatch):
    """What is examined from now on is signed by the second version."""
    monkeypatch.setattr("copilot.intake.examine", lambda run, **kw: by_n2(examine(run, **kw)))


def test_no_second_version_ships():
    assert EARLIER == ()


def test_a_new_signature_joins_the_group_of_the_old_one(store: Store, upgraded, monkeypatch):
    store.failures.record(examine(run(number=1)))
    old = examine(run()).signature
    Intake(store, Once(run(number=2), run(number=3)), earlier=[SIGNED_BY_N1]).catch_up("acme")
    first, second, third = store.failures.recent_failures("acme", "w")
    assert first.signature.startswith("n2:")
    assert {seen.root for seen in (first, second, third)} == {old}
    (alias,) = store.groups.get("acme", old).aliases
    assert (alias.signature, alias.root) == (first.signature, old)
    assert alias.reason == f"the rules n1 signed the same failure {old}"


def test_an_analysis_attaches_it_too_and_counts_the_pattern_on(store: Store, monkeypatch):
    for number in range(1, 5):
        store.failures.record(examine(run(number=number)))
    monkeypatch.setattr(
        "copilot.pipeline.analyze.examine", lambda run, **kw: by_n2(examine(run, **kw))
    )
    analyzer = Analyzer(store, knowledge=lambda *_: load(), earlier=[SIGNED_BY_N1])
    report = analyzer.analyze(run(number=5))
    assert report.signature.startswith("n2:")
    assert report.pattern_detected.is_pattern
    assert report.pattern_detected.failure_count == 5


def test_after_the_window_and_for_what_is_new_or_known_nothing_is_attached(
    store: Store, clock, upgraded
):
    store.failures.record(examine(run(number=1)))
    elsewhere = run("Mail bounced", number=2)
    Intake(store, Once(elsewhere), earlier=[SIGNED_BY_N1], source="new").catch_up("acme")
    new = n2(examine(elsewhere))
    assert store.failures.root_of("acme", new) == new
    store.failures.record(by_n2(examine(run(number=3))))  # known by now, to itself
    Intake(store, Once(run(number=4)), earlier=[SIGNED_BY_N1], source="known").catch_up("acme")
    known = n2(examine(run()))
    assert store.failures.root_of("acme", known) == known
    clock.advance(days=40)
    late = run("Template 'x' is gone", number=6)
    store.failures.record(examine(run("Template 'x' is gone", number=5)))
    Intake(store, Once(late), earlier=[SIGNED_BY_N1], source="late").catch_up("acme")
    assert store.failures.root_of("acme", n2(examine(late))) == n2(examine(late))


def test_what_a_person_split_is_not_attached_again(store: Store, upgraded):
    old = examine(run(number=1))
    store.failures.record(old)
    Intake(store, Once(run(number=2)), earlier=[SIGNED_BY_N1]).catch_up("acme")
    store.group_rules.add(ANA, RuleKind.SPLIT, old.signature, n2(old))
    Intake(store, Once(run(number=2), run(number=3)), earlier=[SIGNED_BY_N1]).catch_up("acme")
    assert store.failures.root_of("acme", n2(old)) == n2(old)
