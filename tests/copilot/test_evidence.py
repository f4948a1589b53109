"""Every quotation stands in the run where it says, whatever the run is made of."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import knowledge_base
from copilot.pipeline.diagnose import diagnose, verify
from copilot.pipeline.findings import Findings
from copilot.pipeline.locate import locate
from copilot.types import (
    Diagnosis,
    ErrorRecord,
    Evidence,
    RootCause,
    RunRecord,
    RunStatus,
    StepRecord,
    StepStatus,
    Verdict,
)

KNOWLEDGE = knowledge_base.load()
ROOT = Path(__file__).resolve().parents[2]
OWN = [
    json.loads(line)
    for line in (ROOT / "fixtures" / "failures.jsonl").read_text("utf-8").splitlines()
]


def run_of(error: ErrorRecord, path: str | None = "/step1") -> RunRecord:
    """A run in which the step at *path* failed so; the run itself without one."""
    step = StepRecord(
        number=1, path=path or "/", action="act", status=StepStatus.FAILED, error=error
    )
    return RunRecord(
        source="test",
        workspace_id="acme",
        execution_id="e1",
        workflow_id="w1",
        workflow_name="w",
        status=RunStatus.FAILED,
        error=None if path else error,
        steps=(step,) if path else (),
    )


def found_in(run: RunRecord) -> tuple[Diagnosis, list[Evidence]]:
    """The diagnosis of *run*, and every quotation its report has."""
    located = locate(run)
    error = located.error
    diagnosis = diagnose(
        message=error.message,
        error_type=error.type,
        traceback=error.traceback,
        code=error.code,
        details=error.details,
        knowledge=KNOWLEDGE,
    )
    told = Findings(located, diagnosis).of_this_run()
    return diagnosis, [*told["evidence"], *(one.evidence for one in told["alternatives"])]


def check(error: ErrorRecord) -> Diagnosis:
    run = run_of(error)
    diagnosis, evidence = found_in(run)
    wrong = [one for one in evidence if not verify(one, run)]
    assert wrong == []
    return diagnosis


@pytest.mark.parametrize("number", range(len(OWN)))
def test_of_every_failure_of_ours(number: int) -> None:
    case = OWN[number]
    diagnosis = check(
        ErrorRecord(
            message=case["message"], type=case.get("error_type"), traceback=case.get("traceback")
        )
    )
    assert diagnosis.evidence or diagnosis.verdict is Verdict.INCONCLUSIVE


CASES = ROOT / "fixtures" / "cases"


def of_case(slug: str, name: str) -> list[dict[str, Any]]:
    text = (CASES / slug / name).read_text("utf-8")
    found = json.loads(text.replace("<port>", "54321"))
    return found if isinstance(found, list) else [found]


@pytest.mark.parametrize("slug", sorted(folder.name for folder in CASES.iterdir()))
def test_of_every_golden_report(slug: str) -> None:
    failures = of_case(slug, "2_failure.json")
    for failure, report in zip(failures, of_case(slug, "3_report.json"), strict=True):
        error = ErrorRecord.model_validate(failure["error"])
        check(error)
        run = run_of(error, failure["step_path"])
        quoted = [
            Evidence.model_validate(one)
            for one in report["evidence"]
            if one["field"] != "traceback"
        ]
        assert [one for one in quoted if not verify(one, run)] == []
        assert report["evidence"] or report["root_cause"] == "unknown"


LONG = "word " * 10_000
HOSTILE = {
    "hidden": "\u202eTem\u200bplate\x00 'A' not\x1b[31m found\x1b[0m",
    "inside": "rate\u200b limit exceeded, Too\u00a0many requests",
    "capitals": "İİİ RATE LIMIT EXCEEDED İ",
    "far": f"{LONG} Rate limit exceeded",
    "near": f"Rate limit exceeded {LONG}",
    "middle": f"{LONG} Rate limit exceeded {LONG}",
    "twice": "Rate limit exceeded. rate limit exceeded. RATE LIMIT EXCEEDED",
    "lines": "Error:\r\n\r\nconnection\r\nrefused\n\n\tECONNREFUSED",
    "spaces": "HTTP  429   Too   Many   Requests",
    "surrogate": "\ud800 Token expired \udfff",
    "emoji": "💥 Template '🎉' not found 💥" * 40,
    "marks": "Z" + "\u0301" * 500 + " token expired",
}


@pytest.mark.parametrize("message", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("field", ["message", "traceback", "cause"])
def test_of_hostile_text_wherever_it_stands(field: str, message: str) -> None:
    errors = {
        "message": ErrorRecord(message=message, type="RateLimitError"),
        "traceback": ErrorRecord(
            message="Step failed",
            traceback=f"Traceback (most recent call last):\n  File 'x', line 1\nA.BError: {message}\n",
        ),
        "cause": ErrorRecord(
            message="Step failed", details={"cause": {"message": message, "type": "HTTPError"}}
        ),
    }
    check(errors[field])


@settings(max_examples=150, deadline=None)
@given(
    before=st.text(max_size=40),
    words=st.sampled_from(["rate limit exceeded", "ECONNREFUSED", "HTTP 404", "KeyError: 'X'"]),
    after=st.text(max_size=40),
    kind=st.none() | st.sampled_from(["RateLimitError", "a.b.TimeoutError", "KeyError"]),
    in_traceback=st.booleans(),
)
def test_of_any_text_around_it(
    before: str, words: str, after: str, kind: str | None, in_traceback: bool
) -> None:
    text = f"{before}{words}{after}"
    check(
        ErrorRecord(
            message="boom" if in_traceback else text,
            type=kind,
            traceback=f"Traceback (most recent call last):\nX: {text}" if in_traceback else None,
        )
    )


def test_a_quotation_that_is_moved_or_changed_is_found_out() -> None:
    run = run_of(ErrorRecord(message="Rate limit exceeded", type="X"))
    _, evidence = found_in(run)
    one = next(one for one in evidence if one.field == "message")
    assert verify(one, run)
    assert (one.step, run.steps[0].error.message[one.start : one.end]) == ("/step1", one.text)
    for change in (
        {"start": one.start + 1, "end": one.end + 1},
        {"text": one.text.swapcase()},
        {"field": "error_type"},
        {"field": "details.cause"},
        {"field": "nowhere"},
        {"step": "/step2"},
        {"step": None},
        {"field": None},
        {"text": "", "end": one.start},
    ):
        assert not verify(one.model_copy(update=change), run), change


def test_a_number_is_quoted_with_its_line() -> None:
    run = run_of(ErrorRecord(message="first line\nError code: 429 - no more\nlast line"))
    _, evidence = found_in(run)
    assert [one.text for one in evidence] == ["Error code: 429 - no more"]


# -- nothing to go by -------------------------------------------------------------------------

DEEP = "[" * 1000 + "]" * 1000
NOTHING = {
    "empty": "",
    "blank": " \n\t ",
    "binary": bytes(range(256)).decode("latin-1") * 20,
    "nul": "\x00" * 1000,
    "one-character": "a" * 5_000_000,
    "five-megabytes": "lorem ipsum dolor sit amet " * 190_000,
    "deep": DEEP,
    "deep-json": '{"a":' * 1000 + "1" + "}" * 1000,
    "chinese": "发生了未知的情况请稍后",
    "arabic": "حدث شيء غير متوقع أثناء التشغيل",
    "russian": "Что-то пошло не так при выполнении задачи",
    "replacement": "\ufffd\ufffd\ufffd \ufffd",
    "numbers": "0 1 2 3 4 5",
}


@pytest.mark.parametrize("message", NOTHING.values(), ids=NOTHING)
def test_it_is_unknown_and_says_what_to_get(message: str) -> None:
    started = time.perf_counter()
    diagnosis = check(ErrorRecord(message=message))
    assert time.perf_counter() - started < 5
    assert (diagnosis.root_cause, diagnosis.verdict) == (
        RootCause.UNKNOWN,
        Verdict.INCONCLUSIVE,
    )
    assert diagnosis.fixes == ()
    assert diagnosis.collect
    assert diagnosis.grounds


AT = datetime(2026, 3, 4, 3, 12, tzinfo=UTC)
WANTED = {
    "nothing": ("", None, None, "the error text of Step 3: there is none"),
    "log": ("Step failed", None, None, "the worker's log around 03:12 UTC"),
    "traceback": ("Odd thing", "X", None, "the traceback of Step 3"),
    "class": ("Odd thing", None, "a\nb", "the class of the exception of Step 3"),
    "body": ("It said 400 Bad, once", None, None, "the response body of the 400 of Step 3"),
    "process": (
        "Container exited with code 1",
        None,
        None,
        "the last 50 lines that the process of Step 3 wrote before it ended",
    ),
    "cut": ("Odd thing and …", None, None, "the whole error text of Step 3: it was cut"),
    "foreign": (
        "Что-то пошло не так",
        None,
        None,
        "the error of Step 3 in English, or its code: numbers mean the same in every language",
    ),
    "binary": (
        "\x01\x02\x03\x04\x05",
        None,
        None,
        "the error text of Step 3 as text: this is binary, or one character over and over",
    ),
}


@pytest.mark.parametrize(("message", "kind", "trace", "wanted"), WANTED.values(), ids=WANTED)
def test_what_to_get_is_named(
    message: str, kind: str | None, trace: str | None, wanted: str
) -> None:
    diagnosis = diagnose(
        message=message,
        error_type=kind,
        traceback=trace,
        knowledge=KNOWLEDGE,
        where="Step 3",
        occurred_at=AT,
    )
    assert wanted in diagnosis.collect
    assert len(diagnosis.collect) <= 4


def test_what_is_sure_asks_for_nothing() -> None:
    diagnosis = diagnose(message="x", code="variable_not_found", knowledge=KNOWLEDGE)
    assert (diagnosis.verdict, diagnosis.collect) == (Verdict.CONFIRMED, ())


# -- for and against ---------------------------------------------------------------------------


def test_the_runner_up_is_named_with_why_it_lost() -> None:
    diagnosis = diagnose(
        message="Error code: 429 - insufficient_quota: You exceeded your current quota",
        error_type="RateLimitError",
        knowledge=KNOWLEDGE,
    )
    assert diagnosis.root_cause is RootCause.QUOTA_EXHAUSTED
    told = {one.root_cause: one.why_not for one in diagnosis.alternatives}
    assert RootCause.RATE_LIMIT in told
    assert told[RootCause.RATE_LIMIT]
    assert len(diagnosis.alternatives) <= 3


def test_words_of_the_traceback_alone_lose_by_that() -> None:
    diagnosis = diagnose(
        message="Template 'A' not found",
        traceback="Traceback (most recent call last):\nX: connection refused\nY: Template 'A'",
        knowledge=KNOWLEDGE,
    )
    told = {one.root_cause: one.why_not for one in diagnosis.alternatives}
    assert told[RootCause.NETWORK_ERROR] == "its words stand only in the traceback"


def test_the_engines_own_code_settles_it() -> None:
    diagnosis = diagnose(
        message="rate limit exceeded", code="variable_not_found", knowledge=KNOWLEDGE
    )
    assert {one.why_not for one in diagnosis.alternatives} == {"the engine's own code settles it"}
    assert diagnosis.grounds == "The engine's own code names the cause."


def test_strong_signs_of_two_causes_are_not_confirmed() -> None:
    diagnosis = diagnose(
        message="no space left on device; maximum context length is 8192 tokens",
        knowledge=KNOWLEDGE,
    )
    assert diagnosis.verdict is Verdict.LIKELY
    assert diagnosis.grounds.startswith("Signs of another cause (")
    assert diagnosis.alternatives


def test_a_symptom_takes_two_kinds_of_signs() -> None:
    alone = diagnose(message="The request timed out", knowledge=KNOWLEDGE)
    both = diagnose(
        message="[Errno 111] Connection refused",
        error_type="ConnectionRefusedError",
        knowledge=KNOWLEDGE,
    )
    assert alone.verdict is Verdict.LIKELY
    general = diagnose(
        message="Task timed out after 120.00 seconds",
        error_type="TimeoutError",
        knowledge=KNOWLEDGE,
    )
    assert general.entry == "timeout"
    assert general.verdict is Verdict.LIKELY
    assert general.grounds == "This is what was seen; too little tells why."
    assert both.verdict is Verdict.CONFIRMED
    assert both.grounds.endswith(" agree.")
