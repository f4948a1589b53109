"""`diagnose --text` and POST /diagnose: any text in, an answer out, and nothing stored."""

import json

import pytest
from click.testing import CliRunner

import knowledge_base
from copilot.pasted import NO_FAILURE, NO_TEXT, NOTHING_THERE, read_pasted
from copilot.surfaces.cli.pure import diagnose
from tests.surfaces.rest_client import one_database, says

KNOWLEDGE = knowledge_base.load()
BUILD = """\
2026-03-02T08:15:09.1000000Z ##[group]Run pytest -q
2026-03-02T08:15:09.3000000Z ##[endgroup]
2026-03-02T08:15:14.1000000Z =================================== FAILURES ===================================
2026-03-02T08:15:14.2000000Z _________________________________ test_login __________________________________
2026-03-02T08:15:14.4000000Z E   requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: https://crm.example.com/me
2026-03-02T08:15:14.5000000Z tests/test_crm.py:7: HTTPError
2026-03-02T08:15:14.6000000Z =========================== short test summary info ============================
2026-03-02T08:15:14.7000000Z FAILED tests/test_crm.py::test_login - requests.exceptions.HTTPError: 401 Client...
2026-03-02T08:15:15.1000000Z ##[error]Process completed with exit code 1.
"""
TWICE = (
    'Traceback (most recent call last):\n  File "a.py", line 1, in f\nTimeoutError: timed out\n\n'
    * 2
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with one_database(tmp_path_factory.mktemp("pasted")) as server:
        yield server


@pytest.fixture
def fresh(server):
    return server.client()


def told(text, *options):
    return CliRunner().invoke(diagnose, ["--text", *options], input=text)


def test_a_failing_build_is_explained_in_words():
    answer = told(BUILD)
    assert answer.exit_code == 0, answer.output
    assert "Read as GitHub Actions log: 1 failure." in answer.output
    assert (
        "✗ Test pytest -q > tests/test_crm.py::test_login failed: HTTPError: 401" in answer.output
    )
    assert "The login or key was not accepted: auth_error" in answer.output
    assert "How to fix" in answer.output


def test_the_same_as_one_document():
    document = json.loads(told(BUILD, "--json").output)
    assert (document["format"], document["root_cause"]) == ("github_actions", "auth_error")
    (failure,) = document["failures"]
    assert failure["first"]
    assert failure["unit"] == "test"
    assert failure["diagnosis"]["fixes"]


def test_a_file_is_read_too(tmp_path):
    file = tmp_path / "log.txt"
    file.write_bytes(b"\xef\xbb\xbf" + BUILD.replace("\n", "\r\n").encode())
    answer = CliRunner().invoke(diagnose, ["--text", str(file)])
    assert "auth_error" in answer.output


def test_identical_failures_are_one_that_is_counted():
    answer = told(TWICE)
    assert "1 failure, 2 times in all" in answer.output
    assert "(2 times)" in answer.output


def test_of_several_the_first_is_marked_and_those_far_behind_are_only_named():
    lines = "\n".join(
        f"2026-01-01 10:00:0{n} ERROR job {n}: file {n}.csv not found" for n in range(6)
    )
    answer = told(lines)
    assert answer.output.count("  first\n") == 1
    assert answer.output.count("✗ ") == 6
    assert answer.output.count("How to fix") == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", NOTHING_THERE),
        (" \n\n", NOTHING_THERE),
        ("all\nis\nwell\nhere\ntoday\n", NO_FAILURE),
        (b"\x00\x01\x02" * 300, NO_TEXT),
    ],
    ids=["nothing", "blanks", "no failure", "binary"],
)
def test_where_nothing_is_found_it_says_what_to_paste(text, words):
    answer = told(text)
    assert answer.exit_code == 0
    assert " ".join(answer.output.split()) == words
    document = json.loads(told(text, "--json").output)
    assert (document["format"], document["root_cause"]) == (None, "unknown")
    assert document["advice"] == words


def test_an_error_nobody_knows_says_what_to_paste_with_it():
    answer = told("flurble went wibble")
    assert "Not known: unknown (inconclusive)" in answer.output
    assert "Paste also: the traceback; the class of the exception." in answer.output


def test_the_middle_of_a_long_text_is_left_out_and_told():
    found = read_pasted("x\n" * 3_000_000 + "ValueError: too late", KNOWLEDGE)
    assert found.cut == 1_000_020
    assert "ValueError" in found.failures[0].headline


def test_a_long_file_says_how_much_was_not_read(tmp_path):
    file = tmp_path / "log.txt"
    file.write_bytes(b"x\n" * 3_500_000 + b"ValueError: too late")
    answer = CliRunner().invoke(diagnose, ["--text", str(file)])
    assert "2,000,020 characters in the middle were not read." in answer.output


def test_two_formats_are_named_and_the_first_failure_is_marked():
    panic = "panic: no route\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:7 +0x1d\n"
    answer = told(TWICE + panic)
    assert "Read as Python traceback and Go panic: 2 failures, 3 times in all." in answer.output
    assert "✗ TimeoutError: timed out  (2 times)  first" in answer.output
    assert "✗ panic: no route\n" in answer.output


def test_what_is_not_shown_is_counted_in_words():
    answer = told("".join(f"ERROR job {n} wibbled\n" for n in range(112)))
    assert "And 12 more kinds of failure, not shown." in " ".join(answer.output.split())


POD = """\
Name:             job-1
Namespace:        rag
Containers:
  main:
    State:          Waiting
      Reason:       CrashLoopBackOff
    Last State:     Terminated
      Reason:       {reason}
      Exit Code:    {code}
    Ready:          False
Events:           <none>
"""


def test_what_is_quoted_of_a_pod_stands_in_the_text():
    text = POD.format(reason="OOMKilled", code=137)
    (failure,) = read_pasted(text, KNOWLEDGE).failures
    assert failure.diagnosis.root_cause != "unknown"
    assert failure.diagnosis.evidence
    assert all(one.text in text for one in failure.diagnosis.evidence)


def test_words_put_together_from_fields_are_said_to_be_details():
    text = (
        '{"lastNodeExecuted": "Get", "error": {"message": "gone", "name": "NodeApiError", '
        '"httpCode": "404"}}'
    )
    (failure,) = read_pasted(text, KNOWLEDGE).failures
    quoted = {one.source: one.text for one in failure.diagnosis.evidence}
    assert quoted["details"] == "status code 404"
    assert all(words in text for source, words in quoted.items() if source != "details")


def test_of_a_pod_its_logs_are_wanted_not_a_traceback():
    answer = " ".join(told(POD.format(reason="Error", code=7)).output.split())
    assert (
        "what `kubectl logs --previous -c main` and `kubectl describe pod` of job-1 show" in answer
    )
    assert "traceback" not in answer


def test_a_terminal_carries_nothing_out():
    answer = told("Error: \x1b]0;owned\x07 template \u202e'x' not found\x1b[2J")
    assert "\x1b" not in answer.output
    assert "\u202e" not in answer.output


def test_lines_of_json_are_answered_as_before():
    answer = CliRunner().invoke(diagnose, ["--json"], input='{"id": 7, "message": "timed out"}\n')
    assert json.loads(answer.output)["id"] == 7


def test_over_http_it_is_free_and_nothing_is_stored(fresh):
    found = fresh.post("/diagnose", {"text": BUILD})
    assert found["failures"][0]["step"] == "pytest -q > tests/test_crm.py::test_login"
    assert found["root_cause"] == "auth_error"
    one = fresh.post("/diagnose", {"message": "401 Unauthorized", "error_type": "HTTPError"})
    assert (one["format"], one["root_cause"]) == ("message", "auth_error")
    assert fresh.get("/credits")["spent"] == 0
    assert fresh.get("/failures")["items"] == []


@pytest.mark.parametrize(
    "body",
    [{}, {"text": "a", "message": "b"}, {"text": "a", "error_type": "E"}, {"texts": "a"}],
    ids=["neither", "both", "parts of the other", "unknown"],
)
def test_over_http_what_is_not_clear_is_refused(fresh, body):
    says(fresh("POST", "/diagnose", json=body), 422, "invalid_request")
