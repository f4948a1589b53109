"""A step that fails inside another: named in words, repaired where it stands, watched in any round."""

import asyncio

import pytest

from copilot.bootstrap import open_app
from copilot.definitions import place_of, step_at, steps
from copilot.settings import load
from copilot.sources.engine import EngineSource
from copilot.types import OutcomeState, StepStatus
from copilot.types.message import place
from tests.copilot.workflow_bench import Bench, render, tool

LEADS = "name,email\nAda,ada@acme.example\nBob,bob@acme.example\n"
BROKEN_LEADS = "name,email\nAda,ada@acme.example\nBob,\n"


class SlowModel:
    """Is never done with its answer."""

    async def complete(self, question):
        await asyncio.sleep(600)


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    mail = {"smtp_host": "127.0.0.1", "smtp_sender": "bot@acme.example", "smtp_starttls": False}
    settings = load({}, data=tmp_path_factory.mktemp("inside"), **mail)
    with open_app(settings, model=SlowModel()) as app:
        yield app


@pytest.fixture
def bench(app):
    bench = Bench(app)
    bench.files(leads_csv=LEADS, broken_csv=BROKEN_LEADS)
    return bench


def parallel(step_id, **branches):
    """A parallel step with a list of steps for each branch."""
    listed = [{"id": name, "steps": inside} for name, inside in branches.items()]
    return {"id": step_id, "type": "parallel", "branches": listed}


def loop(step_id, over, *inside, **more):
    more = {"for_each": over, "max_iterations": 10, **more}
    return {"id": step_id, "type": "loop", "steps": list(inside), **more}


READ = tool("read", "read_sheet", file="leads.csv")
GREET = render("greet", "Hello {name}", name="{{ loop.item.nmae }}")


@pytest.mark.parametrize(
    ("number", "path", "words"),
    [
        (None, None, None),
        (3, "/send", "Step 3"),
        (3, None, "Step 3"),
        (3, "send", "Step 3"),
        (2, "/checks/legal/ask", "Step 2, branch 'legal', step 'ask'"),
        (3, "/rows/4/send", "Step 3, iteration 4, step 'send'"),
        (
            3,
            "/checks/legal/rows/4/send",
            "Step 3, branch 'legal', iteration 4, step 'send'",
        ),
        (1, "/ask/reject/tell", "Step 1, branch 'reject', step 'tell'"),
    ],
)
def test_a_place_is_told_in_words(number, path, words):
    assert place(number, path) == words


def test_a_place_is_never_too_long_to_be_read():
    assert len(place(1, "/a" + "/b/c" * 300)) == 300


def test_the_way_in_names_branches_and_iterations_of_the_definition():
    definition = {
        "steps": [
            parallel("fan", a=[tool("send", "x"), loop("rows", "[]", tool("send", "x"))]),
            {"id": "ask", "type": "approval", "message": "?", "on_reject": [tool("tell", "x")]},
        ]
    }
    found = {step.place: step.pointer for step in steps(definition)}
    assert list(found) == [
        "/fan",
        "/fan/a/send",
        "/fan/a/rows",
        "/fan/a/rows/*/send",
        "/ask",
        "/ask/reject/tell",
    ]
    assert step_at(definition, "/fan/a/rows/17/send").place == "/fan/a/rows/*/send"
    assert step_at(definition, "/fan/a/send").pointer == (
        "steps",
        "0",
        "branches",
        "0",
        "steps",
        "0",
    )
    assert step_at(definition, "/ask/reject/tell").id == "tell"
    assert step_at(definition, "/gone/1/send") is None  # there are two of that name


def test_an_iteration_is_only_what_stands_inside_something():
    assert place_of("/3/4/send") == "/3/*/send"
    assert place_of("send") == "send"


def test_the_step_inside_is_the_one_that_failed_not_those_around_it(bench):
    greetings = [loop("all", "{{ read }}", GREET)]
    bench.put(READ, parallel("fan", greetings=greetings, other=[{**READ, "id": "again"}]))
    run = bench.run()
    record = EngineSource(bench.app.engine).run(bench.workspace, run.id)
    failed = [step.path for step in record.steps if step.status is StepStatus.FAILED]
    assert failed == ["/fan", "/fan/greetings/all", "/fan/greetings/all/1/greet"]
    report = bench.report(run)
    where = "Step 2, branch 'greetings', iteration 1, step 'greet'"
    assert report.failed_step.path == "/fan/greetings/all/1/greet"
    assert report.failed_step.step_number == 2
    assert report.later_failures == 0
    assert report.headline.startswith(f"{where} failed: ")
    assert report.message.startswith(f"Your agent failed at {where} because:\n❌ ")


def test_a_value_inside_a_loop_is_replaced_where_it_stands_and_the_fix_holds(bench):
    bench.put(READ, loop("all", "{{ read }}", GREET))
    failed = bench.run()
    change = bench.apply(bench.report(failed), "replace_value")
    definition = bench.service.workflows.get("w").definition
    assert definition["steps"][1]["steps"][0]["with"]["values"]["name"] == "{{ loop.item.name }}"
    assert bench.resume(failed).status == "succeeded"
    for _ in range(3):
        assert bench.run().status == "succeeded"
    bench.service.analyses.failures()  # takes in what has ended
    assert bench.service.fixes.outcome(change.change_id).state is OutcomeState.VERIFIED


def test_a_value_in_a_branch_of_an_approval_is_replaced_too(bench):
    tell = render("tell", "No: {why}", why="{{ read[0].nmae }}")
    branch = {
        "id": "way",
        "type": "branch",
        "default": "b",
        "branches": [{"id": "b", "steps": [tell]}],
    }
    bench.put(READ, branch)
    report = bench.report()
    assert report.failed_step.path == "/way/b/tell"
    bench.apply(report, "replace_value")
    assert bench.run().status == "succeeded"


def test_the_same_failure_in_another_iteration_is_served_again_with_its_own_place(bench):
    take = tool("take", "read_sheet", file="{{ loop.item.file }}")
    bench.files(files_csv="file\nno.csv\n")
    bench.put(tool("read", "read_sheet", file="files.csv"), loop("all", "{{ read }}", take))
    first = bench.report()
    bench.files(files_csv="file\nleads.csv\nno.csv\n")
    second = bench.report()
    assert (first.receipt.credits, second.receipt.credits) == (1, 0)
    assert [first.failed_step.path, second.failed_step.path] == ["/all/1/take", "/all/2/take"]
    assert second.headline.startswith("Step 2, iteration 2, step 'take' failed: ")


def test_rows_are_checked_before_the_step_inside_a_branch_that_takes_them(bench):
    fill = tool(
        "fill", "render_template", body="Hi {name}", subject="Hi", rows="{{ read }}", to="{email}"
    )
    send = tool("send", "send_email", messages="{{ fill }}")
    bench.put(parallel("fan", mail=[tool("read", "read_sheet", file="broken.csv"), fill, send]))
    report = bench.report()
    assert (report.root_cause, report.failed_step.path) == ("invalid_data", "/fan/mail/send")
    bench.apply(report, "skip_invalid")
    definition = bench.service.workflows.get("w").definition
    listed = definition["steps"][0]["branches"][0]["steps"]
    assert [step["id"] for step in listed] == ["read", "fill", "valid_messages", "send"]
    assert listed[3]["with"]["messages"] == "{{ valid_messages }}"


def test_branches_that_fail_by_themselves_are_not_told_as_consequences(bench):
    missing = [[tool(name, "read_sheet", file=f"{name}.csv")] for name in ("one", "two")]
    bench.put(parallel("fan", a=missing[0], b=missing[1]))
    report = bench.report()
    assert report.failed_step.path in {"/fan/a/one", "/fan/b/two"}
    assert report.later_failures == 0


def test_what_was_stopped_because_of_a_failure_is_its_consequence(bench):
    slow = {"id": "slow", "type": "agent", "prompt": "Think."}
    fan = parallel("fan", a=[tool("one", "read_sheet", file="one.csv")], b=[slow])
    bench.put({**fan, "on_failure": "cancel"})
    report = bench.report()
    assert (report.failed_step.path, report.later_failures) == ("/fan/a/one", 1)
    assert "1 step after it failed because of this." in report.message
