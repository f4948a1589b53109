"""What a resume has kept from before a fix says nothing of the fix."""

from dataclasses import replace
from datetime import timedelta

import pytest

from copilot.bootstrap import open_app
from copilot.pipeline.watch import judge
from copilot.settings import load
from copilot.storage.findings import Finding
from copilot.testing import ManualClock
from copilot.types import StepStatus
from engine.workspace import ResourceKind
from tests.copilot.test_fixes_shape_engine import Bench, SmallModel, ask, render, tool
from tests.copilot.test_watch import WATCH, a_run

MODEL_DOWN = "retry_policy"


@pytest.fixture
def model():
    return SmallModel()


@pytest.fixture
def bench(tmp_path, model):
    with open_app(load({}, data=tmp_path), model=model) as app:
        yield Bench(app)


def test_a_step_that_a_resume_has_kept_from_before_the_fix_does_not_verify_it(bench, model):
    bench.put(
        ask("x", "risky one", retry={"max_retries": 0}),
        render("seen", "Said: {what}", what="{{ x }}"),
        tool("y", "render_template", template="Nope", values={"a": "b"}),
    )
    before = [bench.run() for _ in range(3)]
    model.is_down = True
    bench.apply(bench.report(bench.run()), MODEL_DOWN)
    (change, *_) = bench.service.fixes.changes("w")
    nope = {"subject": "s", "body": "b {a}"}
    bench.service.resources.put(ResourceKind.TEMPLATE, "Nope", nope)
    model.read.clear()
    for run in before:
        assert bench.resume(run, "partial").status.value == "succeeded"
    assert model.read == [], "nobody has asked the model with the fix"
    found = bench.service.fixes.outcome(change.change_id)
    assert (found.state, found.passes) == ("not_exercised", 0)
    model.is_down = False
    bench.run()
    assert bench.service.fixes.outcome(change.change_id).passes == 1


@pytest.mark.parametrize(
    ("kept", "seconds", "finding"),
    [
        (True, -1, Finding.UNREACHED),
        (True, 1, Finding.PASSED),
        (False, -1, Finding.PASSED),
    ],
    ids=["kept-from-before", "kept-from-after", "of-this-round"],
)
def test_only_what_was_kept_from_before_says_nothing(kept, seconds, finding):
    run = a_run(StepStatus.SUCCEEDED)
    begun = ManualClock().time
    given = {"kept": kept, "started_at": begun}
    steps = tuple(step.model_copy(update=given) for step in run.steps)
    watch = replace(WATCH, applied_at=begun - timedelta(seconds=seconds))
    told = judge(watch, run.model_copy(update={"steps": steps}), (), root_of=str)
    assert told is finding
