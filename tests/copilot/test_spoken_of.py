"""Words that an error only mentions, in a name, an expectation or a denial, never confirm a cause."""

import pytest

import knowledge_base
from copilot.pipeline.diagnose import diagnose
from copilot.types import RootCause, Verdict

KNOWLEDGE = knowledge_base.load()

MENTIONED = [
    'assert render(err) == "429 Too Many Requests: insufficient_quota"',
    "label 'context_length_exceeded' is not one of ['bug', 'question']",
    "KeyError: 'insufficient_quota'",
    "Document titled 'How to fix 429 insufficient_quota' was not found",
    "Could not find column 'invalid_grant' in table errors",
    "It works, no invalid_api_key seen",
    "Test failed: expected error code ENOSPC but none was thrown",
    "OOMKilled is not the reason",
    "Process exited with code 137 after SIGTERM from user cancel",
    "exit code 137",
    "KeyError: 'PRIMARY_KEY'",
]
SAID = [
    ("Expected 200 but got 429 Too Many Requests", RootCause.RATE_LIMIT),
    ("Error code: 401 - {'error': {'code': 'invalid_api_key'}}", RootCause.AUTH_ERROR),
    ("No space left on device", RootCause.RESOURCE_EXHAUSTED),
    ("OOMKilled", RootCause.RESOURCE_EXHAUSTED),
]


@pytest.mark.parametrize("text", MENTIONED, ids=range(len(MENTIONED)))
def test_what_is_only_mentioned_is_not_confirmed(text):
    assert diagnose(message=text, knowledge=KNOWLEDGE).verdict is not Verdict.CONFIRMED


@pytest.mark.parametrize(("text", "cause"), SAID, ids=range(len(SAID)))
def test_what_is_said_counts_as_before(text, cause):
    found = diagnose(message=text, knowledge=KNOWLEDGE)
    assert (found.root_cause, found.verdict) == (cause, Verdict.CONFIRMED)


LOOKUP = """Traceback (most recent call last):
  File "/app/report.py", line 12, in total
    total = row['TOTAL_TOKEN']
KeyError: 'TOTAL_TOKEN'
"""
ENVIRONMENT = """Traceback (most recent call last):
  File "/app/client.py", line 4, in key
    return os.environ["TOTAL_TOKEN"]
  File "<frozen os>", line 685, in __getitem__
KeyError: 'TOTAL_TOKEN'
"""


@pytest.mark.parametrize(
    ("traceback", "cause", "verdict"),
    [
        (LOOKUP, RootCause.MISSING_FIELD, Verdict.LIKELY),
        (ENVIRONMENT, RootCause.CONFIGURATION_ERROR, Verdict.CONFIRMED),
    ],
    ids=["lookup", "environment"],
)
def test_the_frames_tell_a_variable_from_a_field(traceback, cause, verdict):
    found = diagnose(
        message="'TOTAL_TOKEN'", error_type="KeyError", traceback=traceback, knowledge=KNOWLEDGE
    )
    assert (found.root_cause, found.verdict) == (cause, verdict)
