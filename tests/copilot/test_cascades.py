"""Nine failures, one cause: whichever of them comes first in time, and however they are worded."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import JsonValue

from copilot import chains, wrappers
from copilot.pipeline.locate import RUN, locate
from copilot.types import ErrorRecord, RunRecord, RunStatus, StepRecord, StepStatus

START = datetime(2026, 3, 4, 10, tzinfo=UTC)


def failed(
    number: int,
    message: str | None,
    *,
    status: StepStatus = StepStatus.FAILED,
    path: str | None = None,
    ended: int | None = None,
    **error: JsonValue,
) -> StepRecord:
    return StepRecord(
        number=number,
        path=path or f"/step{number}",
        action="read_sheet",
        status=status,
        error=None
        if message is None
        else ErrorRecord.model_validate({"message": message, **error}),
        finished_at=None if ended is None else START + timedelta(seconds=ended),
    )


def run(*steps: StepRecord, error: ErrorRecord | None = None, **more: object) -> RunRecord:
    given = {"status": RunStatus.FAILED, **more}
    return RunRecord(
        source="test",
        workspace_id="acme",
        execution_id="e1",
        workflow_id="w1",
        workflow_name="w",
        steps=steps,
        error=error,
        finished_at=START,
        **given,
    )


CONSEQUENCES = {
    "engine": "Variable step1.emails not found",
    "jinja": "'step1' is undefined",
    "attribute": "'None' has no attribute 'emails': steps.step1.emails is null",
    "number": "Input of step 1 is missing",
    "named": "Output of step1 not available",
    "mapping": "Could not resolve {{ step1.emails }}: undefined",
    "upstream": "upstream_failed",
    "previous": "Skipped because the previous step failed",
    "airflow": "Task skipped because an upstream task failed: trigger rule all_success, upstream 1",
    "dependency": "Dependency failed",
}


@pytest.mark.parametrize("words", CONSEQUENCES.values(), ids=CONSEQUENCES)
@pytest.mark.parametrize("order", [(9, 3), (3, 9)], ids=["cause-last", "cause-first"])
def test_what_asks_for_a_failed_step_follows_from_it(words: str, order: tuple[int, int]) -> None:
    found = locate(run(failed(1, "No such file", ended=order[0]), failed(2, words, ended=order[1])))
    assert found.step is not None
    assert found.step.number == 1
    assert [step.number for step in found.followed] == [2]


def test_nine_that_hang_on_each_other_are_one_whatever_their_order() -> None:
    chain = [failed(1, "HTTP 503 from crm.example", ended=20)]
    chain += [
        failed(number, f"Variable step{number - 1}.rows not found", ended=20 - number)
        for number in range(2, 11)
    ]
    found = locate(run(*reversed(chain)))
    assert found.step is not None
    assert (found.step.number, found.later_failures) == (1, 9)


def test_a_step_that_another_names_by_its_number_can_come_later() -> None:
    found = locate(run(failed(1, "Variable step2.rows not found"), failed(2, "Disk full")))
    assert found.step is not None
    assert found.step.number == 2
    assert found.note == "Step 1 failed too, but asks for what step 2 did not deliver."


def test_what_a_skipped_step_owes_is_a_consequence_beside_a_failure() -> None:
    skipped = failed(2, None, status=StepStatus.SKIPPED)
    last = failed(3, "Variable step2.rows not found", ended=1)
    found = locate(run(failed(1, "Disk full", ended=9), skipped, last))
    assert found.step is not None
    assert found.step.number == 1
    alone = locate(run(skipped, last))
    assert alone.step is not None
    assert alone.step.number == 3


def test_two_that_only_name_each_other_are_taken_in_their_order() -> None:
    found = locate(
        run(failed(1, "Variable step2.a not found"), failed(2, "Variable step1.b not found"))
    )
    assert found.step is not None
    assert found.step.number == 1


@pytest.mark.parametrize(
    "words",
    [
        "No such file: 'customers.xlsx'",
        "Variable inputs.name not found",
        "Template 'step one' not found",
        "Step by step the memory ran out, nothing left",
    ],
)
def test_a_failure_of_its_own_is_no_consequence(words: str) -> None:
    found = locate(run(failed(1, "Disk full", ended=9), failed(2, words, ended=1)))
    assert found.step is not None
    assert found.step.number == 2


def test_a_mention_that_asks_for_nothing_is_no_reference() -> None:
    found = locate(
        run(failed(1, "Disk full", ended=9), failed(2, "step1.rows is too large: 9 MB", ended=1))
    )
    assert found.step is not None
    assert found.step.number == 2


def test_ten_thousand_in_one_chain_take_no_time() -> None:
    steps = [failed(1, "Disk full")]
    steps += [
        failed(number, f"Variable step{number - 1}.x not found") for number in range(2, 10_001)
    ]
    found = locate(run(*steps))
    assert found.later_failures == 9_999


WRAPPERS = {
    "step": "Step failed",
    "step-colon": "Step failed:",
    "execution": "Execution failed",
    "airflow": "Task exited with return code 1",
    "task": "Task failed with exception",
    "group": "unhandled errors in a TaskGroup (1 sub-exception)",
    "retry": "RetryError[<Future at 0x7f2b state=finished raised RateLimitError>]",
    "process": "Command '['python', 'x.py']' returned non-zero exit status 1.",
    "nothing": "",
    "error": "An unexpected error occurred.",
    "node": "Node 'Fetch rows' failed",
    "count": "3 of 9 steps failed",
}


@pytest.mark.parametrize("wrapper", WRAPPERS.values(), ids=WRAPPERS)
def test_words_that_only_say_that_it_failed_give_way_to_the_traceback(wrapper: str) -> None:
    trace = (
        "Traceback (most recent call last):\n"
        '  File "a.py", line 3, in f\n    g()\n'
        "openai.RateLimitError: Error code: 429\n\n"
        "The above exception was the direct cause of the following exception:\n\n"
        "Traceback (most recent call last):\n"
        '  File "b.py", line 4, in h\n'
        f"acme.StepError: {wrapper}\n"
    )
    told = locate(run(failed(1, wrapper, traceback=trace))).told
    assert (told.error.message, told.error.type) == ("Error code: 429", "openai.RateLimitError")
    assert (told.field, told.wrapper) == ("traceback", wrapper)
    assert trace[told.start :].startswith("Error code: 429")
    assert trace[told.type_start :].startswith("openai.RateLimitError")


@pytest.mark.parametrize(
    ("details", "field"),
    [
        ({"cause": "quota exceeded"}, "details.cause"),
        ({"cause": {"message": "quota exceeded", "type": "X"}}, "details.cause.message"),
        ({"error": {"cause": {"detail": "quota exceeded"}}}, "details.error.cause.detail"),
        ({"exceptions": [{"message": "quota exceeded"}]}, "details.exceptions.0.message"),
        ({"cause": {"message": "Step failed", "cause": "quota exceeded"}}, "details.cause.cause"),
    ],
    ids=["text", "object", "nested", "list", "wrapped-twice"],
)
def test_and_to_the_cause_among_the_details(details: dict[str, JsonValue], field: str) -> None:
    told = locate(run(failed(1, "Step failed", details=details))).told
    assert (told.error.message, told.field) == ("quota exceeded", field)


def test_a_retry_names_at_least_the_class() -> None:
    message = WRAPPERS["retry"]
    told = locate(run(failed(1, message))).told
    assert told.error.type == "RateLimitError"
    assert message[told.type_start :].startswith("RateLimitError")


def test_what_the_run_says_is_taken_where_the_step_says_nothing_and_it_is_told_so() -> None:
    found = locate(run(failed(3, "Step failed"), error=ErrorRecord(message="Disk full")))
    assert (found.error.message, found.told.step) == ("Disk full", RUN)
    assert found.note == "The error of step 3 only says that it failed; what the run says is taken."


def test_where_both_speak_the_step_is_taken_and_it_is_told_so() -> None:
    found = locate(run(failed(3, "Disk full"), error=ErrorRecord(message="Rollback failed badly")))
    assert found.error.message == "Disk full"
    assert (
        found.note == "The run ended with other words; those of step 3 are taken: it failed first."
    )


def test_a_run_that_ends_with_the_words_of_a_consequence_is_explained_by_its_cause() -> None:
    last = "Variable step1.rows not found"
    found = locate(
        run(failed(1, "Disk full"), failed(2, last), error=ErrorRecord(message=f"Failed: {last}"))
    )
    assert found.error.message == "Disk full"
    assert found.note == "The run ended with the words of step 2, which follows from step 1."


@pytest.mark.parametrize("words", ["Disk full", "Workflow failed: Disk full", "Workflow failed"])
def test_where_they_agree_there_is_nothing_to_tell(words: str) -> None:
    found = locate(run(failed(3, "Disk full"), error=ErrorRecord(message=words)))
    assert (found.error.message, found.note) == ("Disk full", None)


@pytest.mark.parametrize(
    ("message", "inner"),
    [
        ("Step failed: Template 'A' not found", "Template 'A' not found"),
        ("Workflow error: Step 'x' failed: boom", "boom"),
        ("Task failed with exception", ""),
        ("Template 'A' not found", "Template 'A' not found"),
        ("ERROR - Task failed with exception", ""),
    ],
)
def test_what_is_put_around_an_error(message: str, inner: str) -> None:
    assert message[wrappers.inner_start(message) :] == inner


@pytest.mark.parametrize(
    "message",
    [
        "Request failed with status code 404",
        "Job failed: quota exceeded",
        "Process killed with exit code 137",
        "connection closed with code 1006",
        "Error: ENOSPC",
        "Unknown model",
    ],
)
def test_words_that_say_something_are_not_put_aside(message: str) -> None:
    assert not wrappers.is_empty(message)


def python(*blocks: str, joint: str) -> str:
    head = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    g()\n'
    return f"\n\n{joint}\n\n".join(f"{head}{block}" for block in blocks)


DIRECT = "The above exception was the direct cause of the following exception:"
HANDLING = "During handling of the above exception, another exception occurred:"
ROOTS = {
    "direct": (python("KeyError: 'A'", "ValueError: no A", joint=DIRECT), "KeyError"),
    "handling": (python("OSError: x", "ValueError: y", joint=HANDLING), "OSError"),
    "look-up": (python("KeyError: 'A'", "ConnectionError: y", joint=HANDLING), "ConnectionError"),
    "slip": (python("KeyError: 'A'", "NameError: e", joint=HANDLING), "KeyError"),
    "three": (python("OSError: x", "A.BError: y", "c.DError: z", joint=DIRECT), "OSError"),
    "group": (
        "  + Exception Group Traceback (most recent call last):\n"
        '  |   File "x.py", line 3, in <module>\n'
        "  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)\n"
        "  +-+---------------- 1 ----------------\n"
        "    | Traceback (most recent call last):\n"
        '    |   File "y.py", line 3\n'
        "    | mcp.shared.exceptions.McpError: Connection closed\n"
        "    +------------------------------------\n",
        "mcp.shared.exceptions.McpError",
    ),
    "java": (
        "java.lang.RuntimeException: a\n\tat x.y(Z.java:1)\nCaused by: java.io.IOException: b\n"
        "\tat q\nCaused by: java.net.ConnectException: refused\n\t... 4 more",
        "java.net.ConnectException",
    ),
    "dotnet": (
        "System.A: x ---> System.B: y ---> System.Net.SocketException (111): refused\n   at x",
        "System.Net.SocketException",
    ),
    "node": (
        "Error: outer\n    at x (a.js:1)\n  [cause]: TypeError: fetch failed\n      at y {",
        "TypeError",
    ),
}


@pytest.mark.parametrize(("text", "kind"), ROOTS.values(), ids=ROOTS)
def test_a_chain_is_read_to_its_root(text: str, kind: str) -> None:
    root = chains.root(text)
    assert root is not None
    assert root.type == kind
    assert text[root.start :].startswith(kind)
    assert text[root.message_start : root.end] == root.message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no traceback",
        "\x00" * 5_000,
        "Caused by: " * 50_000,
        "---> A: " * 50_000,
        "|" * 99_999,
        f"{HANDLING}\n" * 5_000,
    ],
    ids=["empty", "prose", "binary", "caused", "arrows", "bars", "handling"],
)
def test_no_text_breaks_the_reading_of_chains(text: str) -> None:
    root = chains.root(text)
    assert root is None or text[root.message_start : root.end] == root.message
