"""Runs with steps inside steps, that pause, go on and are resumed: here, and at a server."""

import re
from functools import partial

import pytest

from tests.surfaces.conftest import CommandLine
from tests.surfaces.serving import serving
from tests.surfaces.step_kinds import (
    CALLS,
    CALLS_IN_A_LOOP,
    EVERY_KIND,
    TWO_QUESTIONS,
    a_service,
)

WAITING = 8
WORKFLOWS = {
    "every": EVERY_KIND,
    "two": TWO_QUESTIONS,
    "calls": CALLS,
    "loop": CALLS_IN_A_LOOP,
}


@pytest.fixture(scope="module")
def called():
    with a_service() as service:
        yield service


@pytest.fixture(scope="module", params=["here", "at a server"])
def place(request, tmp_path_factory, called):
    """A folder with the workflows; the commands are the same whoever has its database."""
    ask = CommandLine(tmp_path_factory.mktemp("runs"))
    may_call = {"ASK_COPILOT_ALLOWED_HOSTS": called.address}
    assert ask("init").code == 0
    for name, text in WORKFLOWS.items():
        ask.write(f"{name}.yaml", text.replace("URL", called.url))
    if request.param == "here":
        yield partial(ask, env=may_call)
        return
    with serving(ask.folder, **may_call):
        yield ask


def error_of(answer):
    return answer.json["error"]["code"]


def started(place, workflow):
    """The id of a run that has come to a stand."""
    answer = place("run", workflow, "--json")
    assert answer.err == ""
    return answer.json["execution"]["id"]


def without_times(text):
    text = re.sub(r"  time .*\n", "", text)  # only where earlier runs say how long it takes
    return re.sub(r"\d+ ms|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|\d\d:\d\d:\d\d|\d+\.\d s", "T", text)


def test_a_run_that_waits_for_a_person_says_so_with_the_command_that_decides(place):
    run = place("run", "every.yaml")
    assert run.code == WAITING
    execution = re.search(r"[0-9a-f]{32}", run.out)[0]
    assert (
        without_times(run.out)
        == f"""\
‖ paused  every-kind, version 1 (T)  {execution}
  ✓ 1. Write the greetings  (loop, 3 items, T)
      ✓ [1] Write one  (render_template, T)
      ✓ [2] Write one  (render_template, T)
      ✓ [3] Write one  (render_template, T)
  ✓ 2. Long or short  (branch, T)
      ✓ many: A long list  (render_template, T)
  ‖ 3. Save and ask  (parallel)
      ‖ ask: Release it  (approval, waits for a decision)
      ✓ save: Save the list  (write_file, T)
  · 4. Say so  (render_template)
  2 of 4 steps complete (50 %); at Release (100 % by stages)
Waits for a decision: Release it (/both/ask/yes), by any person, until T UTC
  Send these?
  ask-copilot decide {execution} --approve   (or --reject)
"""
    )


def test_status_has_all_of_it_as_data(place):
    execution = started(place, "every.yaml")
    seen = place("status", execution, "--json").json
    (approval,) = seen["waits_for"]["approvals"]
    assert (approval["path"], approval["status"]) == ("/both/ask/yes", "waiting")
    assert seen["waits_for"]["quota"] is None
    assert seen["live"]["tokens"]["used"] == 0
    assert seen["progress"]["stage_progress_percentage"] == 100
    assert "paused" in place("status").out


def test_decided_it_goes_on_and_watching_shows_the_rest_to_its_end(place):
    execution = started(place, "every.yaml")
    before = place("watch", execution, "--json")
    assert before.code == WAITING
    last = before.lines[-1]
    assert (last["kind"], last["facts"]["reason"]) == ("execution_paused", "approval")
    assert [one["seq"] for one in before.lines] == list(range(1, last["seq"] + 1))

    decided = place("decide", execution, "--approve", "--comment", "Fine")
    assert decided.out == (
        f"Approved: /both/ask/yes. The run goes on:\n  ask-copilot watch {execution}\n"
    )
    rest = place("watch", execution, "--after", str(last["seq"]))
    assert rest.code == 0
    lines = without_times(rest.out).splitlines()
    assert lines[0].startswith("T  · /both/ask/yes  approved by ")
    assert "T  ✓ Say so  /done  (render_template, T)" in lines
    assert lines[-2] == "T  ✓ succeeded"
    assert lines[-1].startswith("✓ succeeded  every-kind")
    assert "approved by" in place("approvals", execution).out
    assert "Fine" in place("approvals", execution).out


def test_a_run_that_is_over_is_watched_from_the_number_that_is_named(place):
    execution = started(place, "two.yaml")
    assert place("cancel", execution).code == 0
    events = place("watch", execution, "--json").lines
    tail = place("watch", execution, "--after", str(events[-2]["seq"]), "--json")
    assert tail.lines == events[-1:]
    assert tail.code == 1
    assert place("watch", execution, "--after", "-1").code == 2
    assert error_of(place("watch", "nope", "--json")) == "not_found"


def test_a_rejected_step_fails_its_run(place):
    execution = started(place, "every.yaml")
    said_no = place("decide", execution, "/both/ask/yes", "--reject", "--comment", "Wrong list")
    assert said_no.code == 0
    ended = place("watch", execution)
    assert ended.code == 1
    assert "Wrong list" in ended.out
    assert f"ask-copilot analyze {execution}" in ended.out
    assert ended.out.count("Wrong list") == 1, "the run's error is its step's, and said once"


def test_a_run_with_two_questions_wants_to_know_which_one_is_decided(place):
    execution = started(place, "two.yaml")
    unclear = place("decide", execution, "--approve", "--json")
    assert (unclear.code, error_of(unclear)) == (3, "invalid_input")
    assert "/both/left/money, /both/right/words" in unclear.json["error"]["message"]

    one = place("decide", execution, "both/right/words", "--approve")
    assert one.code == 0
    assert "The run still waits." in one.out
    assert "by a person with the role approver" in one.out
    assert f"ask-copilot decide {execution} --approve" in one.out
    again = place("decide", execution, "/both/right/words", "--reject", "--json")
    assert (again.code, error_of(again)) == (5, "approval_closed")
    assert place("decide", execution, "--approve", "--json").json["id"] == execution
    assert place("watch", execution).code == 0
    nothing = place("decide", execution, "--approve", "--json")
    assert (nothing.code, error_of(nothing)) == (3, "invalid_input")


def test_what_can_not_be_decided_is_answered(place):
    execution = started(place, "two.yaml")
    assert place("decide", execution).code == 2
    for command in (("decide", "nope"), ("decide", execution, "/nope"), ("approvals", "nope")):
        flag = ["--approve"] if command[0] == "decide" else []
        answer = place(*command, *flag, "--json")
        assert (answer.code, error_of(answer)) == (4, "not_found")
    refused = place("resume", execution, "--json")
    assert (refused.code, error_of(refused)) == (5, "not_resumable")


def test_the_approvals_that_wait_are_listed_with_their_commands(place):
    execution = started(place, "two.yaml")
    listed = place("approvals").out
    assert f"ask-copilot decide {execution} /both/left/money --approve" in listed
    waiting = place("approvals", "--json").json["approvals"]
    mine = [one["path"] for one in waiting if one["execution_id"] == execution]
    assert mine == ["/both/left/money", "/both/right/words"]
    assert place("cancel", execution).code == 0
    still = {one["execution_id"] for one in place("approvals", "--json").json["approvals"]}
    assert execution not in still


def test_a_resume_says_what_it_keeps_what_runs_again_and_why(place):
    execution = started(place, "calls.yaml")
    resumed = place("resume", execution, "--mode", "partial")
    assert resumed.code == 1
    said = [line.rstrip() for line in resumed.out.splitlines()[:4]]
    assert said == [
        "Round 2 keeps what succeeded (partial).",
        "  kept   Send the order",
        "  kept   Keep a note",
        "  again  Book it: it had not succeeded",
    ]
    report = place("resume", execution, "--mode", "partial", "--json").json["execution"]
    assert report["resume_report"]["reused"] == ["/post", "/note"]


def test_what_can_not_be_repeated_is_kept_unless_one_says_so(place, called):
    execution = started(place, "calls.yaml")
    sent = called.requests.count("POST /order")
    kept = place("resume", execution)
    assert "Round 2 runs every step again (full)." in kept.out
    assert (
        "Send the order: what it did can't be repeated; --repeat-effects does it again" in kept.out
    )
    assert called.requests.count("POST /order") == sent
    again = place("resume", execution, "--repeat-effects")
    assert "can't be repeated" not in again.out
    assert called.requests.count("POST /order") == sent + 1


def test_a_resume_that_would_have_to_repeat_it_is_refused(place, called):
    execution = started(place, "loop.yaml")
    sent = called.requests.count("POST /order")
    refused = place("resume", execution, "--json")
    assert (refused.code, error_of(refused)) == (5, "effect_would_repeat")
    assert "/orders/1/post" in refused.json["error"]["message"]
    assert called.requests.count("POST /order") == sent
    assert place("resume", execution, "--repeat-effects").code == 1
    assert called.requests.count("POST /order") == sent + 1


def test_of_a_long_loop_the_first_good_iterations_are_shown(place):
    names = ", ".join(f"n{number}" for number in range(40))
    long = place("run", "every-kind", "--input", f"names=[{names}]")
    assert "(loop, 40 items, " in long.out
    assert "30 more iterations succeeded" in long.out
    assert "[10] Write one" in long.out
    assert "[11] Write one" not in long.out
    execution = re.search(r"[0-9a-f]{32}", long.out)[0]
    steps = place("status", execution, "--json").json["steps"]
    assert sum(step["path"].startswith("/greet/") for step in steps) == 40
