"""Changes of a workflow's shape, all the way: a real run fails, a rule offers, it is applied, it works."""

import pytest

from copilot.bootstrap import open_app
from copilot.settings import load
from engine.errors import ContextTooLong, ModelUnavailable, UpstreamFailed
from engine.ports import Completion
from engine.workspace import ResourceKind
from tests.copilot.workflow_bench import Bench, render, tool

ROOM = 400
ROW = "It came late and the box was open and nobody answered when I wrote to them about it"
REVIEWS = "who,text\n" + "".join(f"P{number},{ROW}\n" for number in range(6))
LEADS = "name,email\nAda,ada@acme.example\nBob,bob@acme.example\n"


class SmallModel:
    """Reads up to `ROOM` characters, and knows only the models it is told of; keeps what it read."""

    def __init__(self):
        self.read = []
        self.gone = set()
        self.is_down = False

    async def complete(self, question):
        self.read.append(question.prompt)
        if self.is_down and "risky" in question.prompt:
            raise UpstreamFailed("The model's server is overloaded (503)", status=503)
        if question.model in self.gone:
            raise ModelUnavailable(f"The model {question.model!r} does not exist")
        if len(question.prompt) > ROOM:
            raise ContextTooLong("This model's maximum context length is 100 tokens")
        return Completion(f"answer {len(self.read)}", 10, 5)


@pytest.fixture(scope="module")
def model():
    return SmallModel()


@pytest.fixture(scope="module")
def app(tmp_path_factory, model):
    with open_app(load({}, data=tmp_path_factory.mktemp("shape")), model=model) as app:
        yield app


@pytest.fixture
def bench(app, model):
    model.read.clear()
    bench = Bench(app)
    bench.files(leads_csv=LEADS, reviews_csv=REVIEWS)
    return bench


def ask(step_id, prompt, **more):
    return {"id": step_id, "prompt": prompt, **more}


def repaired(bench, fix_type, *, mode="partial"):
    """The run that failed, resumed after the first fix of this type was applied; and the report."""
    run = bench.run()
    assert run.status == "failed", run
    report = bench.report(run)
    bench.apply(report, fix_type)
    return bench.resume(run, mode), report


def outputs(bench, run):
    return {step.step_id: step.output for step in bench.app.engine.steps(bench.workspace, run.id)}


READ = tool("read", "read_sheet", file="leads.csv")
REVIEWS_READ = tool("read", "read_sheet", file="reviews.csv")


def test_a_part_that_a_list_does_not_have_is_mapped_to_the_list(bench):
    fill = tool("fill", "render_template", body="Hello {name}", rows="{{ read.rows }}")
    bench.put(READ, fill)
    run, report = repaired(bench, "map_input")
    assert report.root_cause == "missing_step_output"
    assert run.status == "succeeded"
    assert [one["body"] for one in outputs(bench, run)["fill"]] == ["Hello Ada", "Hello Bob"]


def test_an_output_is_read_where_another_step_has_it(bench):
    bench.put(
        render("letter", "Dear all"),
        tool("file", "write_file", path="a.txt", content="{{ letter.body }}"),
        render("last", "Done: {what}", what="{{ file.subject }}"),
    )
    run, _ = repaired(bench, "map_input")
    assert run.status == "succeeded"
    definition = bench.service.workflows.get("w").definition
    assert definition["steps"][2]["with"]["values"] == {"what": "{{ letter.subject }}"}


def test_a_loop_goes_through_the_list_that_is_there(bench):
    each = {
        "id": "each",
        "type": "loop",
        "for_each": "{{ read.contacts }}",
        "max_iterations": 10,
        "steps": [render("greet", "Hello {name}", name="{{ loop.item.name }}")],
    }
    bench.put(READ, each)
    run, _ = repaired(bench, "map_input")
    assert run.status == "succeeded"
    assert len(outputs(bench, run)["each"]) == 2


def test_a_value_that_a_text_asks_for_is_read_from_the_input_of_that_name(bench):
    bench.put(
        render("hello", "{name} of {company}", name="Ada"),
        inputs={"company": {"default": "Acme"}},
    )
    run, report = repaired(bench, "map_input")
    assert report.root_cause == "missing_field"
    assert run.status == "succeeded"
    assert outputs(bench, run)["hello"]["body"] == "Ada of Acme"


def test_a_model_that_is_gone_has_another_one_as_its_fallback(bench, model):
    model.gone = {"m-old"}
    bench.put(
        ask("other", "Say one", model="m-new"),
        ask("plan", "Say two", model="m-old"),
        render("seen", "{what}", what="{{ plan }}"),
    )
    run, report = repaired(bench, "add_fallback")
    assert report.root_cause == "model_unavailable"
    assert run.status == "succeeded"
    assert outputs(bench, run)["seen"]["body"].startswith("answer ")


def test_a_template_that_another_step_names_wrongly_has_a_fallback(bench):
    bench.service.resources.put(ResourceKind.TEMPLATE, "Welcome", {"body": "Welcome {name}"})
    bench.put(
        render("pick", "Farewell"),
        tool("fill", "render_template", template="{{ pick.body }}", values={"name": "Ada"}),
    )
    run, report = repaired(bench, "add_fallback")
    assert report.root_cause == "missing_template"
    assert run.status == "succeeded"
    assert outputs(bench, run)["fill"]["body"] == "Welcome Ada"


def test_words_stand_in_for_an_answer_that_does_not_come(bench, model):
    model.is_down = True
    step = ask("joke", "A risky joke", retry={"max_retries": 0})
    bench.put(step, render("seen", "Today: {joke}", joke="{{ joke }}"))
    run, _ = repaired(bench, "add_fallback")
    model.is_down = False
    assert run.status == "succeeded"
    assert outputs(bench, run)["seen"]["body"] == "Today: No answer: this step did not work."


def test_a_list_that_is_too_long_is_asked_about_part_by_part(bench, model):
    bench.put(
        REVIEWS_READ,
        ask("sum", "What do they say? {{ read }}"),
        render("seen", "Said: {what}", what="{{ sum }}"),
    )
    run, report = repaired(bench, "split_step")
    assert report.root_cause == "context_length"
    assert run.status == "succeeded"
    assert len(model.read) == 1 + 6 + 1
    assert all(f"P{number}" in model.read[1 + number] for number in range(6))
    found = outputs(bench, run)
    assert found["seen"]["body"] == f"Said: {found['sum']}"


def test_each_step_reads_only_the_documents_it_needs(bench, model):
    bench.files(returns_md=ROW * 2, shipping_md=ROW * 2, warranty_md=ROW * 2)
    bench.put(
        ask("back", "How do returns work?"),
        ask("sent", "What does shipping cost?"),
        ask("kept", "How long is the warranty?"),
        documents=["returns.md", "shipping.md", "warranty.md"],
    )
    run, report = repaired(bench, "bind_documents", mode="full")
    assert report.root_cause == "context_length"
    assert "3 times in a run, not 9" in report.suggested_fixes[0].description
    assert run.status == "succeeded"
    assert [prompt.count("Document '") for prompt in model.read] == [3, 1, 1, 1]
    definition = bench.service.workflows.get("w").definition
    assert [step["documents"] for step in definition["steps"]] == [
        ["returns.md"],
        ["shipping.md"],
        ["warranty.md"],
    ]
