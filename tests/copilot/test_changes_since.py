"""What is different from the last time it went well, told in plain lines, the likeliest first."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import JsonValue

import knowledge_base
from copilot.bootstrap import open_app
from copilot.errors import NotFound
from copilot.pipeline.context.changes import MOST_CHANGES, ago, changes_since
from copilot.pipeline.diagnose import diagnose, verify
from copilot.pipeline.findings import Findings, look_back
from copilot.pipeline.locate import locate
from copilot.pipeline.report import Surroundings
from copilot.ports import Circumstances, QuotaUse, Touched
from copilot.settings import load
from copilot.sources.engine import EngineSource
from copilot.types import ErrorRecord, RunRecord, RunStatus, StepRecord, StepStatus
from engine.workspace import ResourceKind
from tests.copilot.workflow_bench import Bench, tool

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def ran(
    version: int,
    definition: Mapping[str, JsonValue] | None = None,
    *,
    made: datetime | None = None,
    shapes: Mapping[str, str] | None = None,
) -> Circumstances:
    return Circumstances(
        execution_id=f"e{version}",
        workflow_version=version,
        version_made_at=made,
        definition=dict(definition or {}),
        input_shapes=dict(shapes or {}),
        started_at=NOON - timedelta(hours=5),
    )


def step(step_id: str, **parameters: JsonValue) -> dict[str, JsonValue]:
    return {"id": step_id, "action": "read_sheet", "with": parameters}


def steps(*given: dict[str, JsonValue], **more: JsonValue) -> dict[str, JsonValue]:
    return {"name": "Outreach", **more, "steps": list(given)}


def told(
    green: Circumstances,
    failed: Circumstances,
    *touched: Touched,
    at: str | None = None,
    named: tuple[str, ...] = (),
    **connected: bool,
) -> list[str]:
    found = changes_since(
        green, failed, touched, step_path=at, named=named, connected=connected, failed_at=NOON
    )
    return [one.text for one in found]


def test_a_value_that_changed_is_told_with_its_version_and_when() -> None:
    green = ran(3, steps(step("one"), step("two", range="A")))
    failed = ran(4, steps(step("one"), step("two", range="B")), made=NOON - timedelta(hours=2))
    assert told(green, failed) == [
        "Step 2's range changed from 'A' to 'B' in version 4 (2 hours before this failure)"
    ]


def test_of_several_versions_all_are_spanned() -> None:
    green = ran(1, steps(step("one", range="A")))
    failed = ran(4, steps(step("one", range="B")), made=NOON - timedelta(minutes=1))
    assert told(green, failed) == [
        "Step 1's range changed from 'A' to 'B' after version 1 "
        "(version 4 was made 1 minute before this failure)"
    ]


CHANGED = {
    "added": (step("one"), step("one", range="B"), "Step 1's range was set to 'B' in version 2"),
    "removed": (
        step("one", range="A"),
        step("one"),
        "Step 1's range was removed, it was 'A' in version 2",
    ),
    "number": (
        step("one", rows=5),
        step("one", rows=50),
        "Step 1's rows changed from 5 to 50 in version 2",
    ),
    "long": (
        step("one", body="a" * 99),
        step("one", body="b" * 99),
        "Step 1's body changed in version 2",
    ),
    "inside": (
        {"id": "one", "steps": [step("in", to="A")]},
        {"id": "one", "steps": [step("in", to="B")]},
        "Step 1's steps.in.to changed from 'A' to 'B' in version 2",
    ),
    "model": (
        {"id": "one", "model": "small"},
        {"id": "one", "model": "large"},
        "Step 1's model changed from 'small' to 'large' in version 2",
    ),
    "title": ({"id": "one", "title": "A"}, {"id": "one", "title": "B"}, None),
}


@pytest.mark.parametrize(("old", "new", "line"), CHANGED.values(), ids=CHANGED)
def test_what_of_a_step_has_changed(
    old: dict[str, JsonValue], new: dict[str, JsonValue], line: str | None
) -> None:
    assert told(ran(1, steps(old)), ran(2, steps(new))) == ([line] if line else [])


def test_steps_and_the_rest_of_a_workflow() -> None:
    green = ran(1, steps(step("one"), step("two"), runtime="offline", name="Old"))
    failed = ran(2, steps(step("zero"), step("two"), runtime="openai", instructions="x" * 99))
    assert told(green, failed) == [
        "Step 1 ('zero') was added in version 2",
        "Step 'one' was removed in version 2",
        "The instructions changed in version 2",
        "The runtime changed from 'offline' to 'openai' in version 2",
    ]


def test_the_shape_of_inputs_is_compared_and_never_their_values() -> None:
    green = ran(1, shapes={"a": "text", "b": "a number", "c": "a list of 3"})
    failed = ran(1, shapes={"a": "a number", "c": "a list of 3", "d": "text"})
    assert told(green, failed) == [
        "Input 'a' was text in the last green run and is a number",
        "Input 'b' was not given; the last green run had a number",
        "Input 'd' is new: text",
    ]


def moved(kind: str, name: str, *, version: int = 3, deleted: bool = False) -> Touched:
    return Touched(
        kind=kind, name=name, version=version, at=NOON - timedelta(days=2), deleted=deleted
    )


def test_what_the_workflow_names_or_the_error_does_is_told_of_the_workspace() -> None:
    same = ran(1, steps(step("one", template="Welcome")))
    touched = [
        moved("template", "Welcome"),
        moved("template", "Nobody's"),
        moved("template", "Outbound v3", deleted=True),
        moved("integration", "gmail"),
        moved("custom_field", "leadScore", version=1),
    ]
    assert told(same, same, *touched, named=("Outbound v3",), gmail=False) == [
        "Template 'Outbound v3' was deleted 2 days before this failure",
        "Template 'Welcome' was changed 2 days before this failure",
        "Integration 'gmail' was changed 2 days before this failure; it is not connected",
    ]


def test_what_names_the_missing_thing_comes_first_then_what_is_in_the_failed_step() -> None:
    green = ran(1, steps(step("one", range="A"), step("two", range="A")))
    failed = ran(2, steps(step("one", range="B"), step("two", range="B")))
    lines = told(green, failed, moved("template", "T", deleted=True), at="/two/in", named=("T",))
    assert [line.split(" in version")[0] for line in lines] == [
        "Template 'T' was deleted 2 days before this failure",
        "Step 2's range changed from 'A' to 'B'",
        "Step 1's range changed from 'A' to 'B'",
    ]


def test_no_more_than_ten_are_told() -> None:
    green = ran(1, steps(*(step(f"s{number}", range="A") for number in range(50))))
    failed = ran(2, steps(*(step(f"s{number}", range="B") for number in range(50))))
    lines = told(green, failed, at="/s49")
    assert len(lines) == MOST_CHANGES
    assert lines[0].startswith("Step 50's range")


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ({"seconds": 5}, "less than a minute before"),
        ({"seconds": -5}, "less than a minute before"),
        ({"minutes": 1}, "1 minute before"),
        ({"minutes": 119}, "1 hour before"),
        ({"days": 40}, "40 days before"),
    ],
)
def test_how_long_ago(before: dict[str, int], words: str) -> None:
    assert ago(NOON - timedelta(**before), NOON) == words


# -- over a real engine --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory):
    with open_app(load({}, data=tmp_path_factory.mktemp("changes"))) as app:
        yield app


@pytest.fixture
def bench(app) -> Bench:
    bench = Bench(app)
    bench.files(leads_csv="name\nAda\n")
    return bench


def change(bench: Bench, *given: dict[str, JsonValue]) -> None:
    """A second version of the workflow."""
    bench.service.workflows.replace("w", steps(*given), expected_version=1)


def test_the_report_names_the_change_that_broke_it(bench: Bench) -> None:
    bench.put(tool("read", "read_sheet", file="leads.csv"))
    green = bench.run()
    change(bench, tool("read", "read_sheet", file="gone.csv"))
    report = bench.report()
    assert report.changes_since == (
        "Step 1's file changed from 'leads.csv' to 'gone.csv' in version 2 "
        "(less than a minute before this failure)",
    )
    assert report.last_green_run is not None
    assert report.last_green_run.execution_id == green.id
    assert [one.text for one in report.evidence if one.source == "change"] == [
        report.changes_since[0]
    ]
    assert f"Changed since it last went well: {report.changes_since[0]}." in report.message


def test_a_template_that_was_deleted_is_named(bench: Bench) -> None:
    bench.service.resources.put(ResourceKind.TEMPLATE, "Outbound v3", {"body": "Hello"})
    bench.service.resources.put(ResourceKind.TEMPLATE, "Outbound v2", {"body": "Hello"})
    bench.put(tool("write", "render_template", template="Outbound v3", values={}))
    bench.run()
    bench.service.resources.delete(ResourceKind.TEMPLATE, "Outbound v3")
    report = bench.report()
    assert report.changes_since[0] == (
        "Template 'Outbound v3' was deleted less than a minute before this failure"
    )
    assert "Outbound v2" in report.message


def test_without_a_green_run_there_is_nothing_to_compare(bench: Bench) -> None:
    bench.put(tool("read", "read_sheet", file="gone.csv"))
    report = bench.report()
    assert (report.last_green_run, report.changes_since) == (None, ())


def test_an_answer_served_again_tells_of_its_own_run(bench: Bench) -> None:
    bench.put(tool("read", "read_sheet", file="leads.csv"))
    bench.run()
    change(bench, tool("read", "read_sheet", file="gone.csv"))
    first = bench.run()
    second = bench.run()
    bench.report(first)
    again = bench.report(second)
    assert again.receipt.credits == 0
    assert again.changes_since
    run = EngineSource(bench.app.engine).run(bench.workspace, second.id)
    assert all(verify(one, run) for one in again.evidence if one.source != "change")
    assert again.evidence


def test_other_workspaces_have_no_part_in_it(bench: Bench, app) -> None:
    other = Bench(app)
    other.files(leads_csv="name\nAda\n")
    other.put(tool("read", "read_sheet", file="leads.csv"))
    other.run()
    bench.put(tool("read", "read_sheet", file="gone.csv"))
    failed = bench.run()
    source = EngineSource(app.engine)
    assert source.last_green(bench.workspace, "w", before=failed.completed_at) is None
    assert source.touched(bench.workspace, after=NOON, before=failed.completed_at) == []


class Limits:
    """A history that knows of nothing but limits."""

    def circumstances(self, workspace_id: str, execution_id: str) -> Circumstances:
        raise NotFound("execution")

    def last_green(
        self, workspace_id: str, workflow_id: str, *, before: datetime
    ) -> Circumstances | None:
        return None

    def touched(self, workspace_id: str, *, after: datetime, before: datetime) -> list[Touched]:
        return []

    def quota_use(self, workspace_id: str) -> list[QuotaUse]:
        full = QuotaUse(account="linkedin", limit="100 invitations/day", used=100, resets_at=NOON)
        return [full, *(QuotaUse(account=f"a{n}", limit="9 calls/hour", used=1) for n in range(9))]


@pytest.mark.parametrize(
    ("message", "count"), [("LinkedIn rate limit exceeded", 5), ("Template 'A' not found", 0)]
)
def test_the_use_of_limits_is_told_where_it_is_about_one(message: str, count: int) -> None:
    failed = StepRecord(
        number=1,
        path="/step1",
        action="invite",
        status=StepStatus.FAILED,
        error=ErrorRecord(message=message),
    )
    run = RunRecord(
        source="test",
        workspace_id="acme",
        execution_id="e",
        workflow_id="w",
        workflow_name="w",
        status=RunStatus.FAILED,
        steps=(failed,),
    )
    diagnosis = diagnose(message=message, knowledge=knowledge_base.load())
    found = look_back(Findings(locate(run), diagnosis), run, Limits(), Surroundings())
    shown = found.of_this_run()["quota_use"]
    assert len(shown) == count
    assert shown[:1] in (
        (),
        ("linkedin: 100 of 100 invitations/day used, room again at 2026-03-04 12:00 UTC",),
    )


def test_the_engine_tells_of_the_limits_that_are_used(bench: Bench) -> None:
    assert EngineSource(bench.app.engine).quota_use(bench.workspace) == []


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("x", "text"),
        ("", "empty text"),
        (True, "yes or no"),
        (1.5, "a number"),
        ([1, 2], "a list of 2"),
        ([], "an empty list"),
        ({"b": 1, "a": 2}, "a record with a, b"),
        ({}, "an empty record"),
        (None, "nothing"),
    ],
)
def test_of_an_input_only_its_shape_is_kept(bench: Bench, value: object, shape: str) -> None:
    bench.put(tool("read", "read_sheet", file="leads.csv"), inputs={"given": {}})
    run = bench.app.engine.submit(bench.workspace, "w", inputs={"given": value})
    found = EngineSource(bench.app.engine).circumstances(bench.workspace, run.id)
    assert found.input_shapes == {"given": shape}
