"""Every format of pasted text, tested by being there: its samples are beside it."""

import random
import time
from importlib.resources import files
from io import BytesIO
from typing import Any

import pytest
import yaml

from copilot.sources import text as texts
from copilot.sources.text import FORMATS, failures_in, fetch, pasted

SAMPLES = {
    f"{name}: {title}": (name, sample)
    for name in FORMATS
    for title, sample in yaml.safe_load(
        files(texts).joinpath(f"samples/{name}.yaml").read_text(encoding="utf-8")
    ).items()
}
#: Formats that leave the rest of a text to others.
APART = ("python", "go", "node", "java", "dotnet", "kubernetes", "langgraph")
PAIRS = {
    f"{one}, then {other}": (one, other)
    for one in APART
    for other in APART
    if one != other and {one, other} != {"python", "langgraph"}
}
GREEN = {
    "pytest": """\
============================= test session starts ==============================
platform linux -- Python 3.12.4, pytest-9.0.1
collected 3 items

tests/test_error.py ...                                                  [100%]

============================== 3 passed in 0.12s ===============================
""",
    "pytest with a log": """\
============================= test session starts ==============================
tests/test_pay.py::test_refused
-------------------------------- live log call ---------------------------------
ERROR    pay:pay.py:4 card refused
PASSED                                                                   [100%]
============================== 1 passed in 0.02s ===============================
""",
    "quiet pytest": "tests/test_error.py ...       [100%]\n3 passed in 0.1s\n",
    "prose": "everything passed. 0 failed",
    "go test": "=== RUN   TestError\n--- PASS: TestError (0.00s)\nPASS\nok  \texample.com/errors\t0.1s\n",
    "a build": "compiling\nlinking\nTests run: 9, Failures: 0, Errors: 0\ndone\nBUILD SUCCESS\n",
}
COLOURED = "\x1b[31m{}\x1b[0m"
HOSTILE = {
    "nothing": "",
    "blanks": " \n\t\n",
    "one sign repeated": "x" * 400_000,
    "one line feed repeated": "\n" * 400_000,
    "deep JSON": "[" * 100_000,
    "deep n8n": '{"n8nDetails": ' * 5_000,
    "tracebacks without an end": "Traceback (most recent call last):\n" * 20_000,
    "frames without a head": "    at f (a.js:1:1)\n" * 20_000,
    "chains without an end": (
        "Traceback (most recent call last):\nE: x\n\n"
        "During handling of the above exception, another exception occurred:\n\n"
    )
    * 4_000,
    "rules of pytest": "=== FAILURES ===\n___ test ___\nE   \n" * 5_000,
    "groups of a build": "##[group]Run x\n##[error]\n" * 10_000,
    "lone surrogates": "Error: \ud800\udfff " * 1_000,
    "pods": "Name: x\nEvents:\n  Warning  Failed  1s  kubelet  no\n" * 3_000,
    "runs without an end": "=== test session starts ===\n" * 20_000,
    "two formats in turns": (
        "Traceback (most recent call last):\nKeyError: 1\n\nTypeError: x\n    at f (a.js:1:1)\n\n"
    )
    * 4_000,
    "errors of n8n without an end": "NodeApiError: x\n" * 100_000,
    "near misses": "Warning ERROR at setup of Problem in node ' {x.py:1} E   E   " * 5_000,
}


def told(text: str) -> tuple[str, list[dict[str, Any]]]:
    read = failures_in(pasted(text).text)
    return " and ".join(read.formats), [
        {
            key: value
            for key, value in (
                ("step", one.failure.step),
                ("unit", one.failure.unit),
                ("error_type", one.failure.error_type),
                ("message", one.failure.message),
                ("times", one.times if one.times > 1 else None),
            )
            if value is not None
        }
        for one in read.failures
    ]


def test_every_format_says_what_it_is_called() -> None:
    titles = [one.TITLE for one in FORMATS.values()]
    assert all(titles)
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("key", SAMPLES)
def test_a_sample_is_known_and_read(key: str) -> None:
    name, sample = SAMPLES[key]
    assert told(sample["text"]) == (name, sample["failures"])


@pytest.mark.parametrize("key", SAMPLES)
def test_line_ends_marks_and_colours_change_nothing(key: str) -> None:
    name, sample = SAMPLES[key]
    lines = sample["text"].split("\n")
    coloured = "\r\n".join(COLOURED.format(line) if line else line for line in lines)
    assert told("\ufeff" + coloured) == (name, sample["failures"])


@pytest.mark.parametrize("key", [key for key, (name, _) in SAMPLES.items() if name != "plain"])
def test_words_around_it_change_nothing(key: str) -> None:
    name, sample = SAMPLES[key]
    around = f"it broke again last night, this is what I have\n\n{sample['text']}\n\nthanks\n"
    found = told(around)
    assert found == (name, sample["failures"])


@pytest.mark.parametrize(
    "key",
    [
        k
        for k, (name, _) in SAMPLES.items()
        if name in {"python", "node", "java", "dotnet", "go", "langgraph", "pytest"}
    ],
)
def test_times_before_the_lines_change_nothing(key: str) -> None:
    name, sample = SAMPLES[key]
    stamped = "\n".join(f"2026-01-02T03:04:05.678901Z {x}" for x in sample["text"].split("\n"))
    assert told(stamped) == (name, sample["failures"])


@pytest.mark.parametrize("between", ["\n", "\n\n"], ids=["line", "blank line"])
@pytest.mark.parametrize("key", PAIRS)
def test_two_formats_in_one_text_are_both_read(key: str, between: str) -> None:
    samples = [
        next(sample for kind, sample in SAMPLES.values() if kind == name) for name in PAIRS[key]
    ]
    name, found = told(between.join(sample["text"].rstrip("\n") for sample in samples))
    assert name == " and ".join(PAIRS[key])
    assert found == [failure for sample in samples for failure in sample["failures"]]


def test_a_stack_in_the_message_of_a_traceback_is_no_failure_of_its_own() -> None:
    name, found = told(
        'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    page.goto(url)\n'
        "playwright.errors.Error: page.goto: net::ERR_FAILED\n    at load (/srv/a.js:3:9)\n"
    )
    assert name == "python"
    assert len(found) == 1


@pytest.mark.parametrize("text", GREEN.values(), ids=GREEN)
def test_where_all_passed_nothing_failed(text: str) -> None:
    assert told(text) == ("", [])


def test_a_run_that_failed_is_found_beside_one_that_passed() -> None:
    _, found = told(GREEN["pytest"] + "ERROR deploy: disk full\n" + GREEN["pytest with a log"])
    assert [one["message"] for one in found] == ["deploy: disk full"]


@pytest.mark.parametrize(
    "line", ["0 errors, but connection refused", "1 failed, 3 passed", "Error: 2 of 5 failed"]
)
def test_a_line_that_also_says_something_good_is_a_failure(line: str) -> None:
    assert len(told(line)[1]) == 1


def test_identical_failures_are_counted_before_the_rest_is_left_out() -> None:
    read = failures_in("ERROR boom 401 unauthorized\n" * 200 + "ERROR disk full: ENOSPC\n")
    assert [(one.failure.message, one.times) for one in read.failures] == [
        ("boom 401 unauthorized", 200),
        ("disk full: ENOSPC", 1),
    ]
    assert read.more == 0


def test_kinds_beyond_the_most_are_told_by_their_number() -> None:
    kinds = texts.MOST_FAILURES + 12
    read = failures_in("".join(f"ERROR job {n} failed\n" * 2 for n in range(kinds)))
    assert len(read.failures) == texts.MOST_FAILURES
    assert {one.times for one in read.failures} == {2}
    assert read.more == 12


def test_a_large_log_is_read_in_seconds() -> None:
    lines = (f"2026-01-01 10:00:00 ERROR job {n % 9_000} failed\n" for n in range(110_000))
    started = time.process_time()
    read = failures_in(pasted("".join(lines)).text)
    assert time.process_time() - started < 8.0
    assert read.more == 9_000 - texts.MOST_FAILURES


def test_each_pod_that_does_not_run_is_a_failure() -> None:
    _, found = told(
        "NAME    READY   STATUS             RESTARTS   AGE\n"
        "api-1   0/1     CrashLoopBackOff   6          9m\n"
        "job-1   0/1     ImagePullBackOff   0          4m\n"
    )
    assert [(one["step"], one["message"]) for one in found] == [
        ("api-1", "CrashLoopBackOff"),
        ("job-1", "ImagePullBackOff"),
    ]


@pytest.mark.parametrize("key", SAMPLES)
def test_a_sample_cut_anywhere_raises_nothing(key: str) -> None:
    text = SAMPLES[key][1]["text"]
    chance = random.Random(key)
    for _ in range(40):
        start = chance.randrange(len(text))
        failures_in(text[start : start + chance.randrange(len(text))])


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_cheap(name: str) -> None:
    started = time.process_time()
    read = failures_in(pasted(HOSTILE[name]).text)
    assert time.process_time() - started < 2.0
    assert len(read.failures) <= texts.MOST_FAILURES


def test_what_is_too_long_keeps_both_ends(tmp_path: Any) -> None:
    file = tmp_path / "big.log"
    file.write_bytes(b"first line\n" + b"noise\n" * 2_000_000 + b"Error: last line\n")
    with file.open("rb") as stream:
        data = fetch(stream)
    assert len(data) < texts.LARGEST + 100
    assert data.startswith(b"first line\n")
    assert data.endswith(b"Error: last line\n")
    assert b"characters left out" in data


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
@pytest.mark.parametrize("size", [5_500_000, 7_000_000, 11_000_000])
def test_the_number_of_characters_left_out_is_true(encoding: str, size: int) -> None:
    mark = {"utf-16-le": b"\xff\xfe"}.get(encoding, b"")
    data = mark + ("größer\n" * (size // 7)).encode(encoding)
    found = pasted(fetch(BytesIO(data)))
    kept = len(found.text) - len(f"\n[{found.cut} characters left out]\n")
    assert abs(kept + found.cut - size // 7 * 7) <= 4  # one may be cut in two; blanks at the ends
    assert found.text.endswith("größer")


@pytest.mark.parametrize(
    "data", [bytes(range(256)) * 40, b"\x7fELF\x02\x01\x01" + b"\0" * 500], ids=["bytes", "program"]
)
def test_binary_is_seen_as_such(data: bytes) -> None:
    assert pasted(data).binary


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-8-sig"])
def test_other_encodings_are_read(encoding: str) -> None:
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    assert pasted(mark + "Fehler: Vorlage fehlt … größer".encode(encoding)).text == (
        "Fehler: Vorlage fehlt … größer"
    )
