"""What one failure looks like after normalizing: key, label, exemplar, entities, facets, signature."""

import json
from collections import defaultdict
from pathlib import Path

import pytest

from copilot.pipeline.normalize import normalize
from copilot.types import Entity

GROUPS = Path(__file__).parents[2] / "fixtures" / "groups.jsonl"
GOLDEN = Path(__file__).with_name("test_normalize_signatures.json")


def test_the_example_of_the_documentation() -> None:
    found = normalize("Template 'Outbound v3' not found")
    assert found.key == "template <*> not found"
    assert found.label == "Template not found"
    assert found.exemplar == "Template <str> not found"
    assert found.entities == (Entity("name", "Outbound v3"),)
    assert found.facets == {}


@pytest.mark.parametrize(
    ("message", "label"),
    [
        ("Contact ID 123 email invalid", "Contact ID email invalid"),
        ('Error: secret "my-password" not found', "Secret not found"),
        ("Can't send: user didn't confirm 5 times", "Can't send: user didn't confirm times"),
        ("HTTP 429 Too Many Requests", "HTTP 429 Too Many Requests"),
        ("KeyError: 'total'", "KeyError"),
        ("Expecting value: line 1 column 1 (char 0)", "Expecting value"),
        ('column "tier" does not exist\nHINT:  Look at "level".', "Column does not exist"),
        ('{"error": {"code": 7, "message": "No account for 12"}}', "No account"),
        ("1 validation error for A\nb\n  Field required [type=missing, input_value=1]",
         "Validation error: Field required"),
        ("Max turns (10) exceeded", "Max turns exceeded"),
        ("", "Unknown error"),
    ],
)  # fmt: skip
def test_label_reads_as_a_sentence_without_placeholders(message: str, label: str) -> None:
    assert normalize(message).label == label


@pytest.mark.parametrize(
    ("message", "entity"),
    [
        ("mail to bob@example.com bounced", Entity("email", "bob@example.com")),
        ("see https://example.com/a?b=1", Entity("url", "https://example.com/a?b=1")),
        ("run 0190f3c2-aaaa-4bbb-8ccc-123456789abc died",
         Entity("uuid", "0190f3c2-aaaa-4bbb-8ccc-123456789abc")),
        ("cannot read 'reports/q3.xlsx'", Entity("path", "reports/q3.xlsx")),
        ("gave up after 30001 ms", Entity("duration", "30001 ms")),
        ("used 9.8 GB of disk", Entity("size", "9.8 GB")),
        ("no route to 10.0.3.17:8080", Entity("ip", "10.0.3.17:8080")),
        ("lead 17 is bad", Entity("number", "17")),
        ("template “Frühling” not found", Entity("name", "Frühling")),
        ("sqlite says no such table: users", Entity("name", "users")),
        ("expired on 2026-01-02T03:04:05Z", Entity("time", "2026-01-02T03:04:05Z")),
    ],
)  # fmt: skip
def test_entities_keep_the_exact_value_and_its_kind(message: str, entity: Entity) -> None:
    assert entity in normalize(message).entities


@pytest.mark.parametrize(
    ("message", "facets"),
    [
        ("HTTP 503 from https://a.example", {"status": "503"}),
        ("connect ECONNREFUSED 127.0.0.1:5432", {"errno": "ECONNREFUSED"}),
        ("[Errno 28] No space left on device", {"errno": "ENOSPC"}),
        ("query cancelled (SQLSTATE 57014)", {"sqlstate": "57014"}),
        ("SQLSTATE[42S02]: Base table or view not found", {"sqlstate": "42S02"}),
        ("Process exited with code 137", {"exit_code": "137"}),
        ("ORA-00942: table or view does not exist", {"code": "ORA-00942"}),
        ("MCP error -32001: Request timed out", {"code": "-32001"}),
        ("pkg.LeadError: lead 17 is bad", {"exception": "LeadError"}),
    ],
)
def test_facets_are_read_beside_the_key(message: str, facets: dict[str, str]) -> None:
    assert normalize(message).facets == facets


def test_provider_code_and_status_of_a_json_body() -> None:
    body = "{'error': {'message': 'Slow down please', 'code': 'rate_limit_exceeded'}}"
    found = normalize(f"openai.RateLimitError: Error code: 429 - {body}")
    assert found.facets == {
        "status": "429",
        "code": "rate_limit_exceeded",
        "exception": "RateLimitError",
    }
    assert found.label == "Slow down please"


SAME = [
    ("HTTPError: 404 Not Found for url: https://a/b", "HTTPError: 404 Not Found for url: /c?d=e"),
    ("1 error occurred", "2 errors occurred"),
    ("1 file was lost", "3 files were lost"),
    ("retry in 5s", "retry in 1m30s"),
    ("retry in 5 seconds", "retry in 1 minute"),
    ("Template 'a' not found", "Template “b, c” not found"),
    ("Template `a` not found", "Template «b» not found"),
    ("Tool 'search' not found", "Tool send_mail not found"),
    ("Deployment web-7d4b9c6f5d-x2x9z failed", "Deployment api-6b5c4d7f9-abcde failed"),
    ("arn:aws:s3:::a denied", "arn:aws:iam::12:role/x denied"),
    ("Unable to parse range: Leads!A1:Z", "Unable to parse range: UrgentEmails"),
    ("Model gpt-4o is overloaded", "Model claude-3-5-sonnet is overloaded"),
    ("Error: boom", "boom"),
    ("[ERROR] boom", "2026-01-02 03:04:05,678 ERROR [app] boom"),
    ("[Errno 111] Connection refused", "[Errno 61] Connection refused"),
    ("Expired on Mon, 01 Jan 2024 10:00:00 GMT", "Expired on 12 Nov 2025"),
    ("Expected one of {'a', 'b'}", "Expected one of {'c'}"),
    ('{"error":"down","id":"a1"}', '{\n  "error": "down",\n  "id": "b2"\n}'),
    ("'x' is \x1b[31mnot\x1b[0m valid", "'y' is not valid"),
    ("failed in\u00a0step 3", "failed in step 4"),
    ("could not find 'a' in ['b', 'c']", "could not find 'd' in ['e']"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_failure_has_one_signature(one: str, other: str) -> None:
    assert normalize(one).key == normalize(other).key
    assert normalize(one).signature == normalize(other).signature


DIFFERENT = [
    ("HTTP 429 from the API", "HTTP 500 from the API"),
    ("Request failed with status code 401", "Request failed with status code 403"),
    ("connect ECONNREFUSED 1.2.3.4:5", "connect ECONNRESET 1.2.3.4:5"),
    ("Template 'a' not found", "Field 'a' not found"),
    ("cancelled (SQLSTATE 57014)", "cancelled (SQLSTATE 40001)"),
    ('{"code": "insufficient_quota"}', '{"code": "rate_limit_exceeded"}'),
    ('{"error": {"code": 400}}', '{"error": {"code": 404}}'),
    ('{"error": "invalid_grant"}', '{"error": "invalid_client"}'),
    ("finish_reason: length", "finish_reason: content_filter"),
    ("stop_reason='max_tokens'", "stop_reason='refusal'"),
    ("relation 'a' does not exist", "column 'a' does not exist"),
    ("ValueError: bad", "TypeError: bad"),
    ("'NoneType' object has no attribute 'a'", "'str' object has no attribute 'a'"),
    ("x is not a function", "x is not iterable"),
    ("reading 'a' of undefined", "reading 'a' of null"),
    ("550 5.1.1 rejected", "550 5.7.1 rejected"),
    ("(1062, \"Duplicate entry 'a' here\")", "(1406, \"Data too long for 'a'\")"),
    ("Request failed: forbidden", "Request failed: timeout"),
    ("column type is invalid", "column name is invalid"),
    ("MCP error -32001: gone", "MCP error -32601: gone"),
    ('{"user": "a"}', '{"lead": "a"}'),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_near_misses_stay_apart(one: str, other: str) -> None:
    assert normalize(one).signature != normalize(other).signature


def test_own_groups_never_merge_and_rarely_split() -> None:
    parts: defaultdict[str, set[str]] = defaultdict(set)
    owners: defaultdict[str, set[str]] = defaultdict(set)
    for line in GROUPS.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        signature = normalize(row["message"]).signature
        parts[row["group"]].add(signature)
        owners[signature].add(row["group"])
    merged = {tuple(sorted(groups)) for groups in owners.values() if len(groups) > 1}
    split = {group for group, signatures in parts.items() if len(signatures) > 1}
    assert merged == set()
    assert len(split) <= len(parts) // 50, split


def test_signatures_of_released_rules_never_change() -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert {text: normalize(text).signature for text in golden} == golden


# ---------------------------------------------------------------- exception class


@pytest.mark.parametrize("error_type", ["RateLimitError", "openai.RateLimitError", "Error", None])
@pytest.mark.parametrize(
    "message",
    ["RateLimitError: slow", "openai.RateLimitError: slow", "Error: RateLimitError: slow"],
)
def test_class_counts_once_wherever_it_is_given(message: str, error_type: str | None) -> None:
    expected = normalize("slow", error_type="RateLimitError")
    found = normalize(message, error_type=error_type)
    assert (found.signature, found.key) == (expected.signature, "slow")
    assert found.facets["exception"] == "RateLimitError"


def test_another_class_in_the_words_stays_there() -> None:
    found = normalize("ValueError: bad lead 3", error_type="StepFailed")
    assert found.key == "valueerror: bad lead <*>"
    assert found.facets["exception"] == "StepFailed"


def test_class_alone() -> None:
    assert (
        normalize("AssertionError").signature
        == normalize("", error_type="AssertionError").signature
    )


# ---------------------------------------------------------------- structure

PYTHON = """Traceback (most recent call last):
  File "/app/flows/mail.py", line {line}, in send
    deliver(lead)
    ~~~~~~~^^^^^^
  File "/app/flows/smtp.py", line 9, in deliver
    raise TimeoutError("gone")
TimeoutError: step took {seconds} s"""


def test_traceback_in_the_message_gives_its_effective_error() -> None:
    found = normalize(PYTHON.format(line=10, seconds=3))
    assert found.key == "step took <*>"
    assert found.facets == {"exception": "TimeoutError", "crash_frame": "smtp:deliver"}
    assert found.signature == normalize(PYTHON.format(line=200, seconds=77)).signature
    assert found.signature == normalize("TimeoutError: step took 1 s").signature


def test_direct_cause_is_the_effective_error() -> None:
    text = (
        PYTHON.format(line=1, seconds=2)
        + "\n\nThe above exception was the direct cause of the following exception:\n\n"
        + 'Traceback (most recent call last):\n  File "/w.py", line 1, in run\n    x()\n'
        + "RuntimeError: step failed"
    )
    facets = normalize(text).facets
    assert (facets["exception"], facets["outer"]) == ("TimeoutError", "RuntimeError")


def test_an_error_during_handling_is_the_effective_error() -> None:
    text = (
        PYTHON.format(line=1, seconds=2)
        + "\n\nDuring handling of the above exception, another exception occurred:\n\n"
        + 'Traceback (most recent call last):\n  File "/w.py", line 1, in run\n    x()\n'
        + "RuntimeError: step failed"
    )
    assert normalize(text).key == "step failed"


def test_frames_of_other_languages_are_dropped() -> None:
    java = (
        "com.acme.StepException: step failed\n\tat com.acme.Run.go(Run.java:7)\n"
        "Caused by: java.io.IOException: stream 3 closed\n\tat com.acme.In.read(In.java:9)\n"
        "\t... 12 more"
    )
    node = "TypeError: bad thing\n    at run (/app/dist/a.js:10:5)"
    assert normalize(java).facets == {
        "exception": "IOException",
        "crash_frame": "com.acme.In:read",
        "outer": "StepException",
    }
    assert normalize(java).key == "stream <*> closed"
    assert normalize(node).facets["crash_frame"] == "a.js:run"
    assert normalize(node).signature == normalize("TypeError: bad thing").signature


def test_given_traceback_adds_facets_and_stands_in_for_an_empty_message() -> None:
    trace = PYTHON.format(line=10, seconds=3)
    beside = normalize("step took 3 s", error_type="TimeoutError", traceback=trace)
    assert beside.signature == normalize("step took 3 s", error_type="TimeoutError").signature
    assert beside.facets["crash_frame"] == "smtp:deliver"
    assert normalize("", traceback=trace).signature == beside.signature
    assert normalize("step took 3 s", traceback=trace).signature == beside.signature


# ---------------------------------------------------------------- overrides


def test_fingerprint_alone_decides() -> None:
    one = normalize("a 1", fingerprint="mail")
    assert one.signature == normalize("something else", fingerprint=" mail ").signature
    assert one.signature != normalize("mail").signature
    assert one.key == "a <*>"
    assert normalize("a 1", fingerprint="  ").signature == normalize("a 1").signature


def test_keep_leaves_what_it_matches_in_the_key() -> None:
    def key(message: str) -> str:
        return normalize(message, keep=[r"tenant-\d+", r"\d+ seats"]).key

    assert key("tenant-17 lost 3 seats of 40") == "tenant-17 lost 3 seats of <*>"
    assert key("quota of 'tenant-17' used") == "quota of tenant-17 used"
    assert key("tenant-18 lost 3 seats of 40") != key("tenant-17 lost 3 seats of 40")


# ---------------------------------------------------------------- bounds


def test_five_megabytes_are_read_at_both_ends_only() -> None:
    def text(middle: str) -> str:
        return "Template 'a' not found.\n" + "x y " * 20_000 + middle + "x y " * 20_000

    found = normalize(text("z " * 2_500_000))
    assert found.label.startswith("Template not found")
    assert found.signature == normalize(text("lost in the middle ")).signature
    assert len(found.key) <= 2000


def test_the_end_of_a_long_traceback_is_seen() -> None:
    frames = '  File "/a.py", line 1, in f\n    f()\n' * 40_000
    found = normalize(f"Traceback (most recent call last):\n{frames}ValueError: bad lead 3")
    assert (found.facets["exception"], found.key) == ("ValueError", "bad lead <*>")


@pytest.mark.parametrize(
    ("message", "key", "name"),
    [
        (
            "Invalid email address for contact John Doe",
            "invalid email address for contact <*>",
            "John Doe",
        ),
        (
            "Invalid email address for contact Mary Ann O'Neil.",
            "invalid email address for contact <*>.",
            "Mary Ann O'Neil",
        ),
        ("Contact John Doe has no email", "contact <*> has no email", "John Doe"),
        ("Contact Not Found", "contact not found", None),
        ("Customer Account Disabled", "customer account disabled", None),
        ("The client IP is blocked", "the client ip is blocked", None),
    ],
)
def test_people_are_named_without_quotes(message, key, name):
    normal = normalize(message)
    assert normal.key.rstrip(".") == key.rstrip(".")
    assert [entity.value for entity in normal.entities] == ([name] if name else [])
