"""What the rules offer that changes a workflow's shape, and where they offer nothing of it."""

from collections.abc import Sequence
from typing import Any

import pytest

from copilot.runtimes.offline import Suggestion
from copilot.runtimes.offline.bindings import bindings_of
from copilot.snapshot import Snapshot
from tests.copilot.test_offline import proposals


def base(*steps: dict[str, Any], **definition: Any) -> Snapshot:
    resources = definition.pop("resources", {})
    return Snapshot(
        workspace_id="w",
        workflow_id="f",
        version=1,
        definition={"name": "F", **definition, "steps": list(steps)},
        resources=resources,
    )


def of_type(found: Sequence[Suggestion], kind: str) -> list[dict[str, Any]]:
    return [dict(one.hint.parameters) for one in found if one.fix and one.hint.type == kind]


def reads(found: Sequence[Suggestion]) -> list[str]:
    return [one["reads"] for one in of_type(found, "map_input")]


READ = {"id": "read", "action": "read_sheet", "with": {"file": "a.csv"}}
SORT = {"id": "sort", "prompt": "Sort", "output": "json"}
FILL = {"id": "fill", "action": "render_template", "with": {"body": "x", "rows": "{{ sort.rows }}"}}


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ({"sort": ["items", "count"], "read": ["rows"]}, ["read.rows"]),
        ({"sort": ["items", "count"], "read": ["Rows"]}, ["read.Rows"]),
        ({"sort": ["items", "count"]}, ["sort.items", "sort.count"]),
        ({"sort": ["a", "b", "c", "d"]}, []),
        ({"sort": ["row", "count"]}, []),
        ({}, ["sort"]),
        ({"later": ["rows"], "sort": ["a", "b", "c", "d"]}, []),
    ],
    ids=["same name", "other case", "few others", "too many", "misspelt", "no parts", "runs later"],
)
def test_an_output_that_is_not_there_is_read_elsewhere(
    outputs: dict[str, list[str]], expected: list[str]
) -> None:
    found = proposals(
        "missing_step_output",
        "/fill",
        base=base(READ, SORT, FILL, {"id": "later", "prompt": "x"}),
        code="variable_not_found",
        name="sort.rows",
        available=outputs.get("sort", []),
        outputs=outputs,
    )
    assert reads(found) == expected


def test_what_follows_a_reference_stays_and_inputs_count_as_well() -> None:
    step = {"id": "end", "prompt": "To {{ read.client.name }} and {{ read.clients }}"}
    found = proposals(
        "missing_step_output",
        "/end",
        base=base(READ, step, inputs={"client": {}}),
        code="variable_not_found",
        name="read.client",
        outputs={"read": ["a", "b", "c", "d"]},
    )
    assert of_type(found, "map_input") == [
        {"path": "/steps/1/prompt", "old": "read.client.name", "reads": "inputs.client.name"}
    ]
    assert found[0].hint.description == (
        "In step 'end', read 'inputs.client', which is called the same, instead of 'read.client'"
    )


def test_a_value_that_is_missing_is_taken_from_a_step_that_has_one_of_that_name() -> None:
    step = {
        "id": "fill",
        "action": "render_template",
        "with": {"body": "{First Name}", "values": {}},
    }
    found = proposals(
        "missing_field",
        "/fill",
        base=base(SORT, step),
        code="field_not_found",
        name="First Name",
        outputs={"sort": ["first_name"]},
    )
    assert of_type(found, "map_input") == [
        {"path": "/steps/1/with/values/First Name", "reads": "sort.first_name"}
    ]


PLAN = {"id": "plan", "prompt": "Plan", "model": "m-1"}
OTHER = {"id": "other", "prompt": "Other", "model": "m-2"}
SEND = {"id": "send", "action": "send_email", "with": {"to": "a@b.example", "body": "{{ plan }}"}}
WORDS = "No answer: this step did not work."


@pytest.mark.parametrize(
    ("cause", "steps", "expected"),
    [
        ("model_unavailable", (PLAN, OTHER), [{"step": "plan", "model": "m-2"}]),
        ("invalid_model_output", (PLAN, OTHER), [{"step": "plan", "model": "m-2"}]),
        ("model_unavailable", (PLAN, {**OTHER, "model": "m-1"}), []),
        ("content_filtered", (PLAN,), [{"step": "plan", "words": WORDS}]),
        ("content_filtered", (PLAN, SEND), []),
        ("content_filtered", ({**PLAN, "output": "json"},), []),
        ("content_filtered", ({**PLAN, "fallback": {"model": "m"}},), []),
        ("missing_field", (PLAN, OTHER), []),
    ],
    ids=[
        "gone",
        "no JSON",
        "only one model",
        "words",
        "words would be sent",
        "words for data",
        "has one",
        "no use",
    ],
)
def test_a_fallback_is_offered_for_an_agent(
    cause: str, steps: tuple[dict[str, Any], ...], expected: list[dict[str, Any]]
) -> None:
    assert of_type(proposals(cause, "/plan", base=base(*steps)), "add_fallback") == expected


def test_a_name_that_another_step_hands_over_gets_a_fallback_and_a_fixed_one_does_not() -> None:
    handed = {"id": "fill", "action": "render_template", "with": {"template": "{{ plan }}"}}
    fixed = {"id": "fill", "action": "render_template", "with": {"template": "Outbound v9"}}
    for step, expected in ((handed, "Outbound v2"), (fixed, None)):
        found = proposals(
            "missing_template", "/fill", base=base(PLAN, step), kind="template", name="Outbound v9"
        )
        offered = of_type(found, "add_fallback")
        assert [one["value"] for one in offered] == ([expected] if expected else [])


def test_a_file_that_another_step_names_gets_the_one_that_is_there() -> None:
    step = {"id": "open", "action": "read_sheet", "with": {"file": "{{ plan }}"}}
    found = proposals(
        "missing_resource",
        "/open",
        base=base(PLAN, step),
        kind="file",
        name="march.csv",
        available=["february.csv"],
    )
    assert [one["value"] for one in of_type(found, "add_fallback")] == ["february.csv"]


LOOP = {
    "id": "all",
    "type": "loop",
    "for_each": "{{ read }}",
    "max_iterations": 40,
    "steps": [{"id": "one", "prompt": "x"}],
}


@pytest.mark.parametrize(
    ("source", "prompt", "expected"),
    [
        (READ, "Sum {{ read }}", [("read", 200)]),
        ({**READ, "with": {"file": "a.csv", "max_rows": 30}}, "Sum {{ read }}", [("read", 30)]),
        ({**READ, "with": {"file": "a.csv", "max_rows": 9000}}, "Sum {{ read }}", [("read", 500)]),
        (LOOP, "Sum {{ all }}", [("all", 40)]),
        ({**LOOP, "output": "last"}, "Sum {{ all }}", []),
        (READ, "Sum {{ read[0] }}", []),
        (SORT, "Sum {{ sort }}", []),
        (READ, "Sum up", []),
        ({**READ, "processors": ["strip_fences"]}, "Sum {{ read }}", []),
    ],
    ids=[
        "a sheet",
        "short",
        "long",
        "a loop",
        "no list",
        "one row",
        "who knows",
        "unread",
        "made over",
    ],
)
def test_a_list_that_is_known_to_be_one_is_split(
    source: dict[str, Any], prompt: str, expected: list[tuple[str, int]]
) -> None:
    steps = [READ, source] if source is LOOP else [source]
    found = proposals("context_length", "/sum", base=base(*steps, {"id": "sum", "prompt": prompt}))
    offered = of_type(found, "split_step")
    assert [(one["list"], one["most"]) for one in offered] == expected


def test_six_documents_for_three_steps_of_which_seven_readings_are_needed() -> None:
    snapshot = base(
        {"id": "quote", "prompt": "Make a quote from the prices and discounts"},
        {"id": "answer", "name": "Answer on returns", "prompt": "Say it in the tone of our brand"},
        {"id": "ship", "prompt": "Plan the shipping by our warehouses, with insurance and prices"},
        documents=[
            "Prices 2026.pdf",
            "discount-list.xlsx",
            "policies/returns.md",
            "Brand.docx",
            "warehouse_v2.csv",
            "insurance.pdf",
        ],
    )
    found = bindings_of(snapshot)
    assert found is not None
    assert dict(found.needs) == {
        "Prices 2026.pdf": ("quote", "ship"),
        "discount-list.xlsx": ("quote",),
        "policies/returns.md": ("answer",),
        "Brand.docx": ("answer",),
        "warehouse_v2.csv": ("ship",),
        "insurance.pdf": ("ship",),
    }
    assert (found.now, found.then) == (18, 7)
    assert found.description.endswith("a document is read 7 times in a run, not 18")
    offered = of_type(proposals("context_length", "/ship", base=snapshot), "bind_documents")
    assert [one["document"] for one in offered[0]["bindings"]] == [*found.needs]


QUOTE = {"id": "quote", "prompt": "Quote by prices"}
LETTER = {"id": "letter", "prompt": "Write a letter"}


@pytest.mark.parametrize(
    ("steps", "more"),
    [
        ((QUOTE, LETTER), {"documents": []}),
        ((QUOTE,), {"documents": ["prices.pdf"]}),
        ((QUOTE, LETTER), {"documents": ["brand.pdf"]}),
        ((QUOTE, LETTER), {"documents": ["prices.pdf"], "instructions": "Mind the prices."}),
        ((QUOTE, LETTER), {"documents": ["list.pdf"]}),
    ],
    ids=["none", "one step", "nobody says so", "for all", "an empty word"],
)
def test_documents_that_stay_with_every_step(steps: tuple[Any, ...], more: dict[str, Any]) -> None:
    assert bindings_of(base(*steps, **more)) is None


def test_what_is_said_of_a_document_counts_as_its_name_does() -> None:
    resources: Any = {"document": {"d1.pdf": {"path": "d1.pdf", "description": "All our prices"}}}
    found = bindings_of(base(QUOTE, LETTER, documents=["d1.pdf"], resources=resources))
    assert found is not None
    assert dict(found.needs) == {"d1.pdf": ("quote",)}
    assert (found.now, found.then) == (2, 1)


def test_documents_are_not_moved_for_a_step_that_reads_none() -> None:
    snapshot = base(QUOTE, LETTER, READ, documents=["prices.pdf"])
    assert of_type(proposals("resource_exhausted", "/read", base=snapshot), "bind_documents") == []
