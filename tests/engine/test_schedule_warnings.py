"""Hints about what a scheduled agent is told to do."""

import time

import pytest

from engine.definition.workflow import Trigger, Workflow
from engine.schedule.warnings import agent_steps, estimated_turns, schedule_warnings

DAILY = Trigger(type="schedule", schedule="1d")


def flow(prompt, *, instructions="", trigger=DAILY, **more):
    steps = [{"id": "ask", "type": "agent", "prompt": prompt}]
    return Workflow.model_validate(
        {"name": "w", "instructions": instructions, "trigger": trigger, "steps": steps, **more}
    )


def codes(prompt, **more):
    return [(one.code, one.severity) for one in schedule_warnings(flow(prompt, **more))]


@pytest.mark.parametrize(
    "prompt",
    [
        "For each company, write a note.",
        "Go through the inbox and answer.",
        "Do it one by one.",
        "Keep asking the vendor until you get an answer.",
        "Repeat this for the rest.",
        "Work until all tickets are closed.",
        "Iterate over the rows.",
    ],
)
def test_a_loop_is_a_high_risk(prompt):
    assert codes(prompt) == [("loop_pattern", "high")]


@pytest.mark.parametrize(
    "prompt",
    [
        "Summarise the 50 companies in the sheet.",
        "Write to 1,200 new customers.",
        "Compare 25 different product pages.",
        "Cover these:\n" + "\n".join(f"- company {n}" for n in range(20)),
        "Cover these:\n" + "\n".join(f"{n}. company" for n in range(1, 31)),
    ],
)
def test_a_large_list_is_a_medium_risk(prompt):
    assert codes(prompt) == [("large_list", "medium")]


@pytest.mark.parametrize(
    "prompt",
    [
        "Summarise the report in 200 words.",
        "Write to the 5 customers of yesterday.",
        "Be brief. Each sentence counts, and everyone reads it.",
        "Cover these:\n" + "\n".join(f"- company {n}" for n in range(19)),
        "Tell me the weather of 2026.",
        "",
    ],
)
def test_plain_tasks_bring_no_warning(prompt):
    assert codes(prompt or "-") == []


@pytest.mark.parametrize(
    ("text", "turns"),
    [
        ("Say hello.", 3),
        ("Search the web for news, then look up the price.", 5),
        ("Find three investors and research them; add a row to the table for the best.", 6),
        ("Update the record, insert two rows, and delete the old sheet.", 6),
        ("Read the research.", 4),
    ],
)
def test_turns_are_searches_and_table_operations_and_three(text, turns):
    assert estimated_turns(text) == turns


def test_more_than_thirty_turns_are_a_high_risk():
    assert codes("Search the web. " * 27) == []
    (warning,) = schedule_warnings(flow("Search the web. " * 28))
    assert (warning.code, warning.severity, warning.step) == ("many_turns", "high", "ask")
    assert "about 31 turns" in warning.message


def test_instructions_count_in_every_estimate_and_are_warned_about_once():
    steps = [{"id": name, "type": "agent", "prompt": "Search. " * 15} for name in ("one", "two")]
    instructions = "Search. " * 14 + "For each result, say why."
    found = schedule_warnings(flow("-", instructions=instructions, steps=steps))
    assert [(one.code, one.step) for one in found] == [
        ("loop_pattern", None),
        ("many_turns", "one"),
        ("many_turns", "two"),
    ]
    assert found[0].message.startswith("In the instructions there is a loop ('For each')")


def test_a_workflow_that_nobody_schedules_gets_no_warning():
    assert codes("For each of 50 companies, search.", trigger=Trigger()) == []


def test_agent_steps_are_found_wherever_they_are():
    inner = flow("one").steps[0]
    assert list(agent_steps(({"then": [inner]}, (inner, None), "text"))) == [inner, inner]


@pytest.mark.parametrize("piece", ["keep ", "add ", "1" * 9 + " ", "- ", "\n", "until "])
def test_no_prompt_takes_long(piece):
    prompt = (piece * 100_000)[:99_999].strip() or "-"
    began = time.perf_counter()
    schedule_warnings(flow(f"x{prompt}"))
    assert time.perf_counter() - began < 1
