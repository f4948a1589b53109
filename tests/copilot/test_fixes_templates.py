"""A misspelt placeholder in a template of the workspace: what a fix may do there, and that it works."""

from typing import Any, Literal

import pytest

from copilot.bootstrap import open_app
from copilot.errors import InvalidFix
from copilot.fixes import parse
from copilot.fixes.create_field import CreateField
from copilot.pipeline.validate import validate
from copilot.settings import load
from copilot.snapshot import Snapshot
from copilot.targets.engine import EngineTarget
from engine.workspace import FIELD_TYPES, ResourceKind
from tests.copilot.workflow_bench import Bench, tool

SUBJECT, BODY = "Dear {first_name} of {compny}", "Hello {frist_name} of {compny} {compny}, see you."
BASE = Snapshot(
    workspace_id="w",
    workflow_id="f",
    version=1,
    definition={
        "name": "F",
        "steps": [{"id": "fill", "action": "render_template", "with": {"template": "Hello"}}],
    },
    resources={"template": {"Hello": {"subject": SUBJECT, "body": BODY, "usage_count": 3}}},
)
PATH = "/resources/template/Hello/body"
LEADS = "first_name,email\nAda,ada@acme.example\nBob,bob@acme.example\n"


def written(value: Any, *, old: Any = BODY, path: str = PATH) -> dict[str, Any]:
    fix = parse({"type": "replace_value", "path": path, "old": old, "value": value})
    changed = validate(fix, BASE, problems=lambda _: ())
    assert changed.definition == BASE.definition
    return changed.resources["template"]["Hello"]


def test_misspelt_placeholders_are_put_right_and_all_else_stays() -> None:
    right = BODY.replace("frist", "first").replace("compny", "company")
    subject = "Dear {first_name} of {company}"
    assert written(right) == {"subject": subject, "body": right, "usage_count": 3}
    fix = parse({"type": "replace_value", "path": PATH, "old": BODY, "value": right})
    assert fix.summary(BASE) == (
        "The template 'Hello' asks for 'first_name' instead of 'frist_name', 'company'"
        " instead of 'compny', in every workflow that uses it."
    )


@pytest.mark.parametrize(
    ("value", "old", "path", "reason"),
    [
        (BODY.replace("see you", "pay here"), BODY, PATH, "only misspelt placeholders"),
        (BODY.replace("frist_name", "password"), BODY, PATH, "only misspelt placeholders"),
        (BODY.replace("{frist_name}", "you"), BODY, PATH, "only misspelt placeholders"),
        (BODY.replace("{frist_name}", "{{ frist_name }}"), BODY, PATH, "only misspelt"),
        (BODY + " {first_name}", BODY, PATH, "only misspelt placeholders"),
        (BODY, BODY, PATH, "is the old one"),
        (BODY.replace("frist", "first"), "Hello", PATH, "does not stand"),
        (1, 3, PATH.replace("body", "subject"), "does not stand"),
        (SUBJECT, SUBJECT, PATH.replace("Hello", "Other"), "names no template 'Other'"),
        ("4", "3", PATH.replace("body", "usage_count"), "path"),
        ("b", "a", "/resources/integration/Gmail/body", "path"),
        ("b", "a", "/resources/template/Hello", "path"),
    ],
)
def test_nothing_else_of_a_template_changes(value: Any, old: Any, path: str, reason: str) -> None:
    with pytest.raises(InvalidFix, match=reason):
        written(value, old=old, path=path)


@pytest.fixture
def bench(tmp_path):
    with open_app(load({}, data=tmp_path)) as app:
        bench = Bench(app)
        bench.files(leads_csv=LEADS)
        yield bench


def scene(bench, *, subject="For {frist_name}", body="Hello {frist_name}", **parameters):
    content = {"subject": subject, "body": body}
    bench.service.resources.put(ResourceKind.TEMPLATE, "Hello", content)
    bench.put(
        tool("read", "read_sheet", file="leads.csv"),
        tool("fill", "render_template", template="Hello", rows="{{ read }}", **parameters),
    )
    return bench.run()


def body_of(bench):
    return bench.service.resources.get(ResourceKind.TEMPLATE, "Hello").content["body"]


def test_the_run_goes_on_with_the_template_put_right_and_an_undo_gives_it_back(bench):
    run = scene(bench)
    report = bench.report(run)
    (fix,) = report.suggested_fixes
    assert fix.type == "replace_value"
    assert "every workflow that uses it" in fix.description
    change = bench.apply(report, "replace_value")
    assert bench.resume(run).status == "succeeded"
    assert body_of(bench) == "Hello {first_name}"
    bench.service.fixes.revert(change.change_id)
    assert body_of(bench) == "Hello {frist_name}"


def test_a_placeholder_that_is_no_slip_is_left_to_a_person(bench):
    report = bench.report(scene(bench, subject="Hi", body="Hello {surname}"))
    assert report.root_cause == "missing_field"
    assert not [one for one in report.suggested_fixes if one.type == "replace_value"]


def test_somebody_who_rewords_the_template_meanwhile_is_not_overwritten(bench):
    report = bench.report(scene(bench))
    (fix,) = report.suggested_fixes
    content = {"subject": "For you", "body": "Good day {frist_name}"}
    bench.service.resources.put(ResourceKind.TEMPLATE, "Hello", content)
    with pytest.raises(InvalidFix, match="does not stand"):
        bench.service.fixes.preview(fix.fix_id)
    assert body_of(bench) == "Good day {frist_name}"


def test_a_fix_stores_nothing_that_a_person_could_not_store(bench):
    bench.put(tool("fill", "render_template", template="Sales//Hello", rows=[]))
    target = EngineTarget(bench.app.engine)
    base = target.snapshot(bench.workspace, "w")
    fix = parse({"type": "create_template", "name": "Sales//Hello", "subject": "Hi", "body": "Hi"})
    with pytest.raises(InvalidFix, match="name: it reads like a path"):
        validate(fix, base, problems=target.problems)
    colour = base.evolve(resource=("custom_field", "shade", {"label": "S", "type": "colour"}))
    (problem,) = target.problems(colour)
    assert problem.startswith("custom_field 'shade', /type: it is no type of a custom field.")


def test_what_a_field_may_hold_is_what_the_engine_stores():
    assert CreateField.model_fields["holds"].annotation == Literal[FIELD_TYPES]
