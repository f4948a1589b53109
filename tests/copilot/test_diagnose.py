"""The diagnosis: what the person reads for the classic failures, and how reasons are weighed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import knowledge_base
from copilot.pipeline.diagnose import diagnose, telling
from copilot.types import Diagnosis, Evidence, RootCause, Verdict

KNOWLEDGE = knowledge_base.load()


def told(message: str, **more: str | None) -> Diagnosis:
    return diagnose(message=message, knowledge=KNOWLEDGE, **more)


def remedies(diagnosis: Diagnosis) -> list[str]:
    return [fix.description for fix in diagnosis.fixes]


def test_missing_template_names_the_template() -> None:
    diagnosis = told("Email template 'Outbound v3' was not found", step_action="send_email")
    assert diagnosis.root_cause == RootCause.MISSING_TEMPLATE
    assert diagnosis.verdict == Verdict.CONFIRMED
    assert diagnosis.captures["template"] == "Outbound v3"
    assert "'Outbound v3'" in diagnosis.explanation
    first, second = diagnosis.fixes
    assert first.type == "create_template"
    assert first.description == "Create the template 'Outbound v3' in Settings > Email Templates"
    assert first.parameters == {"name": "Outbound v3"}
    assert second.type == "update_instructions"
    assert second.description.startswith("Or update your instruction to use an existing template")


def test_integration_not_connected_names_the_service() -> None:
    diagnosis = told("Gmail integration not connected")
    assert diagnosis.root_cause == RootCause.MISSING_INTEGRATION
    assert diagnosis.explanation == (
        "Your agent tried to use Gmail, but Gmail isn't connected to this workspace."
    )
    assert diagnosis.fixes[0].type == "connect_integration"
    assert diagnosis.fixes[0].description == (
        'Go to Settings > Integrations, click "Connect Gmail", authorize access, '
        "then retry the agent"
    )
    assert diagnosis.fixes[0].parameters == {"integration": "Gmail"}


def test_rate_limit_quotes_the_published_quota_and_promises_nothing() -> None:
    diagnosis = told("LinkedIn rate limit exceeded")
    assert diagnosis.root_cause == RootCause.RATE_LIMIT
    assert diagnosis.retry_helps is True
    assert diagnosis.explanation == "Your agent hit LinkedIn's daily limit (100 invitations/day)."
    texts = remedies(diagnosis)
    assert texts[0].startswith("Wait until tomorrow (quota resets at midnight)")
    assert "Upgrade your LinkedIn plan for higher limits" in texts
    assert not any("auto-resume" in text for text in [diagnosis.explanation, *texts])


def test_invalid_contact_address_offers_to_skip() -> None:
    diagnosis = told("Invalid email address for contact John Doe")
    assert diagnosis.root_cause == RootCause.INVALID_DATA
    assert diagnosis.explanation == 'Contact "John Doe" has an invalid email address.'
    assert remedies(diagnosis) == [
        "Update the contact's email in CRM",
        'Or add instruction: "Skip contacts without valid email"',
    ]
    assert diagnosis.fixes[1].type == "skip_invalid"


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("Custom field 'leadScore' not found", RootCause.MISSING_FIELD),
        ("Variable @contact.firstName not found", RootCause.LOGIC_ERROR),
        ("Variable step1.emails not found", RootCause.MISSING_STEP_OUTPUT),
        ("Token expired", RootCause.AUTH_ERROR),
        ("ECONNREFUSED", RootCause.NETWORK_ERROR),
        ("Reached maximum budget ($5)", RootCause.BUDGET_EXCEEDED),
        ("Range 'UrgentEmails' not found", RootCause.MISSING_RESOURCE),
    ],
)
def test_the_errors_every_workspace_meets(message: str, cause: RootCause) -> None:
    assert told(message).root_cause == cause


@pytest.mark.parametrize(
    ("message", "error_type", "cause"),
    [
        (
            "Error code: 429 - {'error': {'code': 'insufficient_quota'}}",
            "openai.RateLimitError",
            RootCause.QUOTA_EXHAUSTED,
        ),
        ("Quota exceeded for limit 'Reads per minute per user'", None, RootCause.RATE_LIMIT),
        ("400: maximum context length is 8192 tokens", None, RootCause.CONTEXT_LENGTH),
        ("404: The model `gpt-9` does not exist", None, RootCause.MODEL_UNAVAILABLE),
        (
            "403 Calendar API has not been used in project 7 before or it is disabled",
            None,
            RootCause.CONFIGURATION_ERROR,
        ),
        ("'CRM_API_KEY'", "KeyError", RootCause.CONFIGURATION_ERROR),
        ("'amount'", "KeyError", RootCause.MISSING_FIELD),
        ("run() got an unexpected keyword argument 'timeout'", "TypeError", RootCause.LOGIC_ERROR),
        ("'summary' is undefined", "jinja2.UndefinedError", RootCause.MISSING_STEP_OUTPUT),
        (
            "QueuePool limit of size 5 reached, connection timed out",
            "TimeoutError",
            RootCause.RESOURCE_EXHAUSTED,
        ),
        ("Lock wait timeout exceeded; try again", "OperationalError", RootCause.CONFLICT),
    ],
)
def test_specific_evidence_beats_misleading_words(
    message: str, error_type: str | None, cause: RootCause
) -> None:
    assert told(message, error_type=error_type).root_cause == cause


def test_what_follows_caused_by_outweighs_the_wrapper() -> None:
    diagnosis = told("Request failed: connection refused. Caused by: no space left on device")
    assert diagnosis.root_cause == RootCause.RESOURCE_EXHAUSTED


def test_the_traceback_speaks_when_the_message_does_not() -> None:
    trace = (
        "Traceback (most recent call last):\n"
        '  File "step.py", line 3, in run\n    call(timeout=5)\n'
        "ConnectionRefusedError: [Errno 111] Connection refused\n"
    )
    diagnosis = told("The step failed", traceback=trace)
    assert diagnosis.root_cause == RootCause.NETWORK_ERROR
    assert diagnosis.evidence[0].source == "traceback"


def test_source_lines_of_a_traceback_are_no_evidence() -> None:
    trace = '  File "step.py", line 3, in run\n    raise_for("rate limit exceeded")\n'
    assert told("The step failed", traceback=trace).root_cause == RootCause.UNKNOWN


def test_a_code_of_our_engine_settles_the_class_and_the_text_tells_more() -> None:
    diagnosis = told("no such table: leads", code="resource_not_found")
    assert diagnosis.verdict == Verdict.CONFIRMED
    assert diagnosis.entry == "table_missing"
    assert diagnosis.evidence[0].source == "code"
    assert told("rate limit exceeded", code="variable_not_found").root_cause == (
        RootCause.MISSING_STEP_OUTPUT
    )
    assert told("Too many requests", code="never_heard_of").root_cause == RootCause.RATE_LIMIT


@pytest.mark.parametrize("message", ["", "Something went wrong", "Task failed", "null", "Error"])
def test_no_evidence_is_unknown_without_an_invented_fix(message: str) -> None:
    diagnosis = told(message)
    assert diagnosis.root_cause == RootCause.UNKNOWN
    assert diagnosis.verdict == Verdict.INCONCLUSIVE
    assert diagnosis.fixes == ()


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("The HubSpot integration is not connected", "HubSpot"),
        ("gmail integration not connected", "gmail"),
        ("Google Drive integration not connected", "Google Drive"),
        ("The integration is not connected", None),
    ],
)
def test_a_word_that_names_nothing_is_not_shown_as_a_name(message: str, name: str | None) -> None:
    assert told(message).captures.get("integration") == name


def test_names_are_taken_from_inside_json_and_stay_short() -> None:
    diagnosis = told('{"error": "Template \\"Spring\\" not found"}')
    assert diagnosis.captures["template"] == "Spring"
    long = told(f"Template '{'x' * 5000}' not found")
    assert all(len(name) <= 120 for name in long.captures.values())


@settings(max_examples=200, deadline=None)
@given(
    message=st.text(max_size=300),
    error_type=st.none() | st.text(max_size=30),
    traceback=st.none() | st.text(max_size=300),
    code=st.none() | st.text(max_size=10),
)
def test_total_on_any_text(
    message: str, error_type: str | None, traceback: str | None, code: str | None
) -> None:
    diagnosis = told(message, error_type=error_type, traceback=traceback, code=code)
    unknown = diagnosis.root_cause == RootCause.UNKNOWN
    assert unknown == (diagnosis.verdict == Verdict.INCONCLUSIVE)
    assert unknown or diagnosis.fixes
    assert told(message, error_type=error_type, traceback=traceback, code=code) == diagnosis


def test_lone_surrogates_and_terminal_colours_do_not_hide_the_reason() -> None:
    diagnosis = told("\ud800\x1b[31mTemplate\x00 'A' not\x1b[0m found")
    assert diagnosis.root_cause == RootCause.MISSING_TEMPLATE
    diagnosis.model_dump_json()


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("[Errno 28] Auf dem Gerät ist kein Speicherplatz mehr", RootCause.RESOURCE_EXHAUSTED),
        ("[WinError 10061] Es konnte niemand antworten", RootCause.NETWORK_ERROR),
        ("ORA-01653: impossible d'étendre EVENTS", RootCause.RESOURCE_EXHAUSTED),
        ("Meldung: Msg 208, Level 16, State 1: dbo.Rechnung", RootCause.MISSING_RESOURCE),
        ("acme.exceptions.Rejected: 404 orders-sub", RootCause.MISSING_RESOURCE),
    ],
)
def test_documented_numbers_need_no_words(message: str, cause: RootCause) -> None:
    assert told(message).root_cause == cause


def test_numbers_alone_tell_nothing() -> None:
    assert told("Errno 28 of 1653 orders, 208 left").root_cause == RootCause.UNKNOWN


def test_the_class_speaks_when_the_message_does_not_but_below_it() -> None:
    by_class = told("Project acme: see the audit log", error_type="Access Denied")
    assert by_class.root_cause == RootCause.PERMISSION_DENIED
    assert [evidence.source for evidence in by_class.evidence] == ["error_type"]
    by_message = told("That model is currently overloaded", error_type="RateLimitError")
    assert by_message.root_cause == RootCause.UPSTREAM_ERROR


@pytest.mark.parametrize(
    ("file", "cause"),
    [
        ("/venv/lib/python3.11/site-packages/kombu/redis.py", RootCause.DEPENDENCY_ERROR),
        ("/app/steps/load.py", RootCause.LOGIC_ERROR),
    ],
)
def test_a_call_that_does_not_fit_inside_a_library_is_one_of_versions(
    file: str, cause: RootCause
) -> None:
    frames = (
        f'Traceback (most recent call last):\n  File "{file}", line 9, in read\n    go(wait=1)\n'
    )
    error = "TypeError: go() got an unexpected keyword argument 'wait'"
    assert told(error, traceback=frames + error).root_cause == cause
    assert told(frames + error).root_cause == cause


def test_frames_inside_the_message_are_read_as_a_traceback() -> None:
    log = (
        "ERROR - Task failed\nTraceback (most recent call last):\n"
        '  File "/app/notify.py", line 4, in <module>\n    where = os.environ["Channel"]\n'
        "KeyError: 'Channel'"
    )
    assert told(log).root_cause == RootCause.CONFIGURATION_ERROR
    assert told("KeyError: 'Channel'").root_cause == RootCause.MISSING_FIELD


def test_a_code_counts_where_it_stands_not_where_its_system_is_named() -> None:
    diagnosis = told(
        "REQUEST_LIMIT_EXCEEDED: your request was rejected", error_type="DatabricksError"
    )
    assert diagnosis.root_cause == RootCause.RATE_LIMIT
    assert told("REQUEST_LIMIT_EXCEEDED").root_cause == RootCause.QUOTA_EXHAUSTED


def test_each_observation_is_told_once_in_its_longest_words() -> None:
    found = telling(
        [
            Evidence(source="code", text="auth_failed"),
            Evidence(source="message", text="token expired"),
            Evidence(source="message", text="Token expired"),
            Evidence(source="message", text="expire"),
            Evidence(source="error_type", text="Expired"),
            Evidence(source="error_type", text="Expired"),
        ]
    )
    assert [(one.source, one.text) for one in found] == [
        ("code", "auth_failed"),
        ("message", "Token expired"),
        ("error_type", "Expired"),
    ]


def test_a_number_is_shown_with_the_words_around_it() -> None:
    evidence = told("The server said: Error code: 429 - and nothing else at all").evidence
    assert any("Error code: 429" in one.text for one in evidence)


def chain(first: str, last: str, *, joint: str = "The above exception was the direct cause") -> str:
    frames = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    g()\n'
    return f"{frames}{first}\n\n{joint} of the following exception:\n\n{frames}{last}\n"


@pytest.mark.parametrize(
    ("first", "last", "cause"),
    [
        (
            "smtplib.SMTPAuthenticationError: (535, b'Username and Password not accepted')",
            "acme.SendError: Could not send the report",
            RootCause.AUTH_ERROR,
        ),
        (
            "requests.exceptions.ReadTimeout: Read timed out. (read timeout=30)",
            "acme.ApiError: Invalid response from server",
            RootCause.TIMEOUT,
        ),
        (
            "OSError: [Errno 28] No space left on device",
            "acme.SaveError: Not found: report 7",
            RootCause.RESOURCE_EXHAUSTED,
        ),
    ],
    ids=["mail", "timeout", "disk"],
)
def test_what_started_a_chain_outweighs_what_came_of_it(
    first: str, last: str, cause: RootCause
) -> None:
    kind, _, message = last.partition(": ")
    diagnosis = told(message, error_type=kind, traceback=chain(first, last))
    assert diagnosis.root_cause == cause
    assert diagnosis.evidence[0].field == "traceback"


def test_the_innermost_cause_of_java_outweighs_those_around_it() -> None:
    trace = (
        "x.BeanCreationException: Error creating bean\n\tat a.b(C.java:3)\n"
        "Caused by: java.lang.IllegalArgumentException: Could not resolve placeholder\n\tat z\n"
        "Caused by: java.net.UnknownHostException: db.internal\n\t... 3 more"
    )
    diagnosis = told("Error creating bean", error_type="x.BeanCreationException", traceback=trace)
    assert diagnosis.root_cause == RootCause.NETWORK_ERROR
    assert "its words stand further from the first error of the traceback" in {
        one.why_not for one in diagnosis.alternatives
    }


@pytest.mark.parametrize(
    "message",
    [
        '{"error":"{\\"code\\":\\"insufficient_quota\\",\\"message\\":\\"You exceeded\\"}"}',
        '{"error": {"type": "insufficient_quota", "code": null}}',
    ],
    ids=["json-in-json", "json"],
)
def test_a_code_inside_a_json_body_is_read(message: str) -> None:
    assert told(message).root_cause == RootCause.QUOTA_EXHAUSTED
