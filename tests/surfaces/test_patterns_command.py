"""`ask-copilot patterns` and `failures --by-cause`: what they say, word for word."""

import pytest

WORKFLOW = "urgent-mail-digest"


@pytest.fixture
def repeated(example):
    """The signature of what the example's workflow has failed with five times."""
    for _ in range(5):
        assert example("run", WORKFLOW).code == 1
    (one,) = example("patterns", "--json").json["patterns"]
    return one["signature"]


def test_what_repeats_and_what_was_decided_about_it(example, repeated):
    told = example("patterns").out
    assert "urgent-mail-digest: 5 of the last 5 failed runs: Range not found  new" in told
    assert "⚠ This agent has failed 5 times with the same error." in told
    assert "5 of the last 5 failed runs failed so" in told
    assert "Fails every time: in all of the last 5 runs." in told
    assert "Impact: 5 runs since " in told
    assert "no tokens" in told
    assert f"signature: {repeated}" in told
    assert example("patterns", WORKFLOW).out.startswith("5 of the last 5 failed runs: Range not")
    assert (
        example("patterns", "--json", WORKFLOW).json == example("patterns", WORKFLOW, "--json").json
    )

    dismissed = example("patterns", "dismiss", WORKFLOW, repeated, "--reason", "known")
    assert dismissed.out.startswith("Dismissed since ")
    assert dismissed.out.rstrip().endswith(": known")
    assert "⚠" not in example("patterns").out
    assert "reopened" in example("patterns", "reopen", WORKFLOW, repeated).out
    paused = example("patterns", "pause", WORKFLOW, repeated).out
    assert paused == (
        f"{WORKFLOW} starts no new runs: Repeated failure: Range not found (5 runs)\n"
        f"  ask-copilot workflows unpause {WORKFLOW}\n"
    )


def test_nothing_repeated_is_said(example):
    assert example("patterns").out == "No repeated failures.\n"
    assert example("patterns", WORKFLOW).out == "No failures among its last runs.\n"


def test_a_pattern_that_is_none_is_an_error(example):
    answer = example("patterns", "dismiss", WORKFLOW, "n1:nope", "--json")
    assert (answer.code, answer.json["error"]["code"]) == (4, "not_found")


def test_failures_by_cause(example):
    for _ in range(2):
        example("run", WORKFLOW)
    told = example("failures", "--by-cause", "--days", "7").out
    assert told.startswith("2 failed runs, from ")
    assert "  100 %  missing_resource (2)\n" in told
    assert "0 of kinds that were analysed, 2 by the rules just now." in told
    found = example("failures", "--by-cause", "--workflow", "nope", "--json").json
    assert (found["failures"], found["causes"]) == (0, [])
