"""The workflows of fixtures/workflows can't rot: each is loaded, and carried out with fakes."""

import json
import shutil
from pathlib import Path

import pytest

from engine import errors
from engine.definition import STEP_TYPES, dump_workflow, load_workflow
from engine.definition.steps import branches
from engine.execution import ExecutionStatus
from engine.testing import WORKSPACE, calling
from tests.engine.examples import FOLDER, loaded, opened

EXAMPLES = {
    path.stem: loaded(path.read_text(encoding="utf-8"), source=path.name)
    for path in sorted(FOLDER.glob("*.yaml"))
}
SUCCEEDED, FAILED, PAUSED = (
    ExecutionStatus.SUCCEEDED,
    ExecutionStatus.FAILED,
    ExecutionStatus.PAUSED,
)


@pytest.fixture
def bench(tmp_path):
    with opened(tmp_path) as bench:
        yield bench


def kinds(steps):
    inside = [kinds(held) for step in steps for _, held in branches(step)]
    return {step.type for step in steps}.union(*inside)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_says_what_it_shows_and_survives_being_stored(name):
    assert (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").startswith("# ")
    again = load_workflow(dump_workflow(EXAMPLES[name]), source=name)
    assert again == EXAMPLES[name]


def test_there_is_an_example_of_each_kind_and_one_with_all():
    assert set(STEP_TYPES) <= EXAMPLES.keys()
    for kind in STEP_TYPES:
        assert kind in kinds(EXAMPLES[kind].steps)
    assert kinds(EXAMPLES["everything"].steps) == set(STEP_TYPES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_test_here_carries_the_example_out(name):
    assert f'bench.start(EXAMPLES["{name}"]' in Path(__file__).read_text(encoding="utf-8")


def test_tool_steps_hand_their_rows_on(bench):
    run = bench.start(EXAMPLES["tool"])
    assert run.status is SUCCEEDED
    ada, barbara = json.loads(bench.written("reminders.json"))
    assert (ada["to"], ada["subject"]) == ("Ada <ada@shop.example>", "Invoice 1001")
    assert "250 EUR" in barbara["body"]


def test_a_run_that_fails_goes_on_where_it_broke(bench):
    run = bench.start(EXAMPLES["tool"], sheet="invoice.csv")
    assert (run.status, run.error.code) == (FAILED, "resource_not_found")
    shutil.copy(bench.folder / "invoices.csv", bench.folder / "invoice.csv")
    run = bench.resume(run, "partial")
    assert (run.status, run.round) == (SUCCEEDED, 2)
    assert bench.written("reminders.json")


def test_an_agent_uses_a_tool_and_its_answer_is_checked(bench):
    bench.model.answers = [
        calling("read_sheet"),
        '```json\n{"reply": "Of course.", "refund": true}\n```',
    ]
    run = bench.start(EXAMPLES["agent"], question="May I send it back?")
    assert run.status is SUCCEEDED
    assert bench.written("answer.txt") == "Of course."
    first, second = bench.model.asked
    assert "May I send it back?" in first.prompt
    assert "within 30 days" in first.prompt
    assert "- language: English" in first.system
    assert [tool.name for tool in first.tools] == ["read_sheet", "filter_rows"]
    assert "file" not in first.tools[0].parameters["properties"]
    assert "Edsger" in second.messages[-1].results[0].text


def test_an_answer_that_does_not_fit_its_schema_fails_the_agent_and_is_kept(bench):
    bench.model.answers = ['{"reply": "Of course."}']
    run = bench.start(EXAMPLES["agent"], question="May I send it back?")
    assert (run.status, run.error.code) == (FAILED, "validation_failed")
    answer = bench.step(run, "/answer")
    assert (answer.output, answer.attempts) == ({"reply": "Of course."}, 1)


def test_a_branch_takes_the_first_way_whose_condition_holds(bench):
    run = bench.start(EXAMPLES["branch"])
    assert bench.written("triage.txt") == "Call somebody: The shop is down (Ada)"
    assert bench.step(run, "/route/now/alarm").status.value == "succeeded"
    quiet = {"level": "low", "customer": "Alan", "text": "A typo", "tags": []}
    bench.start(EXAMPLES["branch"], ticket=quiet)
    assert bench.written("triage.txt") == "For the next working day: A typo"
    bench.start(EXAMPLES["branch"], ticket={"level": "low", "tags": []})
    assert bench.written("triage.txt") == "A ticket without text was closed."


def test_parallel_branches_make_one_list(bench):
    run = bench.start(EXAMPLES["parallel"])
    assert run.status is SUCCEEDED
    found = json.loads(bench.written("contacts.json"))
    assert [one["name"] for one in found] == ["Ada", "Grace", "Edsger", "Alan", "Margaret"]
    assert run.output["text"]["body"] == "First: ada@shop.example"


def test_a_loop_goes_through_its_items_and_carries_its_state_on(bench):
    run = bench.start(EXAMPLES["loop"])
    assert run.status is SUCCEEDED
    assert bench.written("letters/2.txt") == "Dear Margaret, this is letter 2."
    assert bench.written("letters/summary.txt") == "2 letters, the last is letters/2.txt"


def test_an_approval_waits_for_a_person_and_goes_on_with_the_answer(bench):
    run = bench.start(EXAMPLES["approval"], **{"raise": 4})
    assert run.status is PAUSED
    (asked,) = bench.engine.workspace(WORKSPACE).executions.waiting()
    assert asked.message == "Publish this? From Monday on all prices rise by 4 %."
    assert (asked.expires_at - asked.asked_at).days == 2
    run = bench.decide(run, "/release", "approved")
    assert run.status is SUCCEEDED
    assert bench.written("prices.txt").endswith("by 4 %. Released by ada.")


def test_a_rejected_approval_goes_its_own_way(bench):
    run = bench.start(EXAMPLES["approval"])
    run = bench.decide(run, "/release", "rejected", "too much")
    assert run.status is SUCCEEDED
    assert bench.written("rejected.txt") == "ada said no: too much"
    assert not (bench.folder / "prices.txt").exists()


def test_a_step_is_tried_again_and_then_falls_back_and_the_run_goes_on_after_a_repair(bench):
    bench.web.answers = [errors.NetworkFailed("refused")] * 4
    bench.mail.answers = [errors.AuthFailed("the password is old"), {"sent": 1}]
    run = bench.start(EXAMPLES["recovery"])
    assert (run.status, run.error.code, run.current_step) == (FAILED, "auth_failed", "told")
    rates = bench.step(run, "/rates")
    assert (rates.attempts, rates.fallback.title, len(rates.output)) == (4, "read_sheet", 3)
    run = bench.resume(run, "partial")
    assert run.status is SUCCEEDED
    assert run.resume_report.reused == ("/rates", "/enough")
    assert (len(bench.web.asked), len(bench.mail.asked)) == (4, 2)
    assert "USD" in bench.written("rates.json")


def test_an_output_that_is_refused_passes_with_a_note_where_the_step_is_not_strict(bench):
    bench.web.answers = [{"body": {"rates": [{"currency": "USD", "rate": 1.1}]}}]
    bench.mail.answers = [{"sent": 1}]
    run = bench.start(EXAMPLES["recovery"])
    assert run.status is SUCCEEDED
    (note,) = bench.step(run, "/enough").feedback
    assert note == "Validation failed: range: 1 item is less than 2"


def test_everything_together(bench):
    bench.web.answers = [errors.UpstreamFailed("down")] * 3
    bench.mail.answers = [{"sent": 1}] * 2
    review = {"verdict": "again", "remarks": "no figures", "body": ""}
    good = {"verdict": "good", "remarks": "", "body": "We sold for 300 EUR."}
    bench.model.answers = ["Hello.", json.dumps(review), "300 EUR.", json.dumps(good)]
    run = bench.start(EXAMPLES["everything"])
    assert (run.status, run.current_step) == (PAUSED, "release")
    progress = bench.engine.progress(WORKSPACE, run.id)
    assert (progress.current_stage, progress.progress_percentage) == ("Send", 50)
    assert progress.stage_progress_percentage == 100
    assert "no figures" in bench.model.asked[2].prompt
    assert "Short sentences" in bench.model.asked[0].prompt
    assert len(run.estimate["steps"]) == 2
    run = bench.decide(run, "/release", "approved")
    assert run.status is SUCCEEDED
    assert [mail.to for mail in bench.mail.asked] == ["ada@fund.example", "grace@fund.example"]
    assert bench.mail.asked[0].body == "We sold for 300 EUR."
