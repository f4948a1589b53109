"""Definitions as text: what is read, what is refused and in which words."""

import contextlib
import json
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from engine.definition import (
    AgentStep,
    Budget,
    Input,
    ToolStep,
    Workflow,
    dump_workflow,
    load_workflow,
    parse_workflow,
    to_data,
)
from engine.errors import InvalidDefinition


class _Nested(BaseModel):
    model_config = ConfigDict(extra="forbid")
    column: str


class ReadSheet(BaseModel):
    model_config = ConfigDict(extra="forbid")
    file: str
    max_rows: int = Field(default=10, le=100)
    where: list[_Nested] = []


ACTIONS = {"read_sheet": ReadSheet}

GOOD = """\
name: Orders
steps:
- id: step1
  action: read_sheet
  with: {file: orders.xlsx}
- id: step2
  prompt: "Summarise {{ step1 }}"
"""


def problems_of(text: str, source: str = "orders.yaml") -> list[str]:
    with pytest.raises(InvalidDefinition) as caught:
        load_workflow(text, source=source, actions=ACTIONS)
    return list(caught.value.args[0])


def with_steps(steps: str) -> str:
    return f"name: Orders\ninputs:\n  day: {{}}\nsteps:\n{steps}"


def test_type_of_a_step_may_be_left_out() -> None:
    workflow = load_workflow(GOOD, source="orders.yaml", actions=ACTIONS)
    assert [type(step) for step in workflow.steps] == [ToolStep, AgentStep]


def test_json_is_read_too() -> None:
    text = json.dumps(to_data(load_workflow(GOOD, source="a"))).replace("Orders", "\\ud83d\\ude00")
    assert load_workflow(text, source="orders.json").name == "😀"
    assert "line 2" in problems_of('{"name": "x",\n oops}', source="orders.json")[0]


def test_every_problem_is_named_at_once_with_its_place() -> None:
    text = """\
name: Orders
instrutions: x
steps:
- id: step1
  action: read_sheat
- id: step2
  action: read_sheet
  with: {fiel: a.xlsx, max_rows: 500}
  retry: {max_retrys: 3}
- id: step2
  type: tol
  action: read_sheet
  with: {file: "{{ inputs.day }}"}
"""
    assert set(problems_of(text)) == {
        "orders.yaml: unknown field 'instrutions'. Did you mean instructions or restrictions?"
        " (line 2)",
        "orders.yaml: step1: unknown action 'read_sheat'. Did you mean read_sheet? (line 4)",
        "orders.yaml: step2: with: unknown field 'fiel'. Did you mean file? (line 8)",
        "orders.yaml: step2: with: the field 'file' is missing (line 8)",
        "orders.yaml: step2: with.max_rows: should be less than or equal to 100, not 500 (line 8)",
        "orders.yaml: step2: retry: unknown field 'max_retrys'. Did you mean max_retries? (line 9)",
        "orders.yaml: step2: unknown type 'tol'. Did you mean tool? (line 10)",
        "orders.yaml: step2: duplicate step id 'step2': steps 2 and 3 (line 10)",
        "orders.yaml: step2: with.file: inputs.day refers to an input that is not declared"
        " (line 13)",
    }


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        (
            "- {id: a, prompt: '{{ b.x }}'}\n- {id: b, prompt: y}",
            "a: prompt: b.x refers to b, which runs later",
        ),
        (
            "- {id: first, prompt: x}\n- {id: b, prompt: '{{ frist }}'}",
            "b: prompt: frist refers to a step that does not exist. Did you mean first?",
        ),
        (
            "- {id: a, prompt: '{{ inputs.dya }}'}",
            "a: prompt: inputs.dya refers to an input that is not declared. Did you mean day?",
        ),
        (
            "- {id: a, prompt: '{{ a }}'}",
            "a: prompt: a refers to what a gives, and a has not ended here",
        ),
        (
            "- {id: a, prompt: '{{ c }}'}\n- {id: b, prompt: '{{ a }}'}\n"
            "- {id: c, prompt: '{{ b.x }} {{ a }}'}",
            "a: these steps wait for each other in a cycle: a -> c -> a",
        ),
        ("- {id: inputs, prompt: x}", "inputs: the id 'inputs' is taken"),
        ("- {id: a, prompt: '{{ a b }}'}", "a: prompt: the expression '{{ a b }}' can't be read"),
        ("- {id: a b, prompt: x}", "a b: id: begin with a letter or _"),
        ("- {prompt: x}", "step number 1: the field 'id' is missing"),
        ("- {id: a, action: read_sheet, with: {file: {{ x }}}}", "Put an expression in quotes"),
        (
            "- {id: a, action: read_sheet, with: {file: x, where: [{colum: y}]}}",
            "a: with.where[0]: unknown field 'colum'. Did you mean column?",
        ),
    ],
)
def test_problem(steps: str, problem: str) -> None:
    found = problems_of(with_steps(steps))
    assert any(problem in one for one in found), found


def test_one_cycle_is_one_problem() -> None:
    steps = "- {id: a, prompt: '{{ b }}'}\n- {id: b, prompt: '{{ a }} {{ a.x }}'}"
    assert len(problems_of(with_steps(steps))) == 1


def test_values_behind_expressions_are_checked_when_they_are_known() -> None:
    steps = (
        "- {id: a, action: read_sheet, with: {file: x, max_rows: '{{ inputs.day }}',"
        " where: '{{ inputs.day }}'}}"
    )
    workflow = load_workflow(with_steps(steps), source="orders.yaml", actions=ACTIONS)
    assert workflow.steps[0].id == "a"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("no", "no"), ("Yes", "Yes"), ("on", "on"), ("12:30:45", "12:30:45"), ("007", "007"),
        ("2026-01-31", "2026-01-31"), ("1_000", "1_000"), ("0x1F", "0x1F"), ("=", "="),
        ("+1", "+1"), (".5", ".5"), ("1.", "1."), ("NaN", "NaN"), ("'true'", "true"),
        ("true", True), ("False", False), ("null", None), ("~", None), ("12", 12), ("-1.5", -1.5),
        ("1e3", 1000.0), ("0", 0), ("1" * 301, "1" * 301), ("<<", "<<"), ('"\\u00e9"', "é"),
    ],
)  # fmt: skip
def test_scalars_mean_what_they_look_like(written: str, read: Any) -> None:
    text = GOOD + f"memory: {{value: {written}, no: 1}}\n"
    value = load_workflow(text, source="a").memory["value"]
    assert (value, type(value)) == (read, type(read))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name: &a x\nsteps: *a", "the alias *a is not allowed"),
        ("name: &a x", "the anchor &a is not allowed (line 1)"),
        ("name: !!python/object:os.system x", "the tag tag:yaml.org,2002:python/object"),
        ("name: x\nname: y", "the key 'name' is there twice (line 2)"),
        ('{"name": "x", "name": "y"}', "the key 'name' is there twice"),
        ("memory: {a: .nan}", "memory.a: .nan is not a number"),
        ('{"memory": {"a": NaN}}', "memory.a: NaN and infinity"),
        ('{"memory": {"a": 1e999}}', "memory.a: NaN and infinity"),
        ('{"memory": {"a": "\\ud800"}}', "memory.a: holds half a character"),
        ('memory: {a: "\\0"}', "memory.a: holds a NUL character"),
        ('{"memory": {"a\\u0000": 1}}', "memory: the key 'a\\x00' is not plain text"),
        ("memory: {a: 1e999}", "memory.a: NaN and infinity"),
        ("memory: " + "[" * 80, "nested deeper than 64"),
        ('{"memory": ' + "[" * 80 + "]" * 80 + "}", "nested deeper than 64"),
        ("[" * 100_000, "nested deeper than 64"),
        ("{" * 100_000, "a key must be plain text"),
        ("name: " + "x" * 1_000_001, "larger than 1,000,000 bytes"),
        ("", "the text is empty"),
        ("name: x\n---\nname: y", "more than one document"),
        ("name: [", "not valid YAML"),
        ("name: \x07", "not valid YAML"),
        ("name: \ud800", "half a character"),
        ("- 1", "a workflow is a mapping"),
        ('{"memory": ' + "1" * 5000 + "}", "more than 300 digits"),
    ],
    ids=range(24),
)
def test_refused_text(text: str, problem: str) -> None:
    started = time.process_time()
    found = problems_of(text)
    assert any(problem in one for one in found), found
    assert all(one.startswith("orders.yaml: ") for one in found)
    assert time.process_time() - started < 5


def test_problems_are_bounded() -> None:
    found = problems_of("name: x\n" + "".join(f"field{number}: 1\n" for number in range(5000)))
    assert len(found) == 101
    assert found[-1] == "orders.yaml: and 4901 more problems"


def test_many_references_are_checked_in_linear_time() -> None:
    steps = "".join(
        f"- {{id: s{n}, prompt: '{{{{ s{n + 1} }}}} {{{{ s{n + 2} }}}}'}}\n" for n in range(1990)
    )
    text = with_steps(steps + "- {id: s1990, prompt: x}\n- {id: s1991, prompt: '{{ s0 }}'}")
    started = time.process_time()
    assert any("in a cycle: s0 -> " in one for one in problems_of(text)[:101])
    assert time.process_time() - started < 5


@pytest.mark.parametrize("data", [None, 3, [], {"name": {1: 2}}, {"name": object()}, {"steps": {}}])
def test_data_that_is_no_workflow(data: Any) -> None:
    with pytest.raises(InvalidDefinition):
        parse_workflow(data, source="fix")


TEXT = st.characters(codec="utf-8", exclude_characters="\0")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(TEXT, max_size=30)
    | st.sampled_from(["no", "1e5", "-0", "007", "12:30", "~", "null", " x ", "a: b", "#", "\n\n"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(TEXT, max_size=8), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
PLAIN = JSON.filter(lambda value: "{{" not in json.dumps(value))
WORKFLOWS = st.builds(
    Workflow,
    name=st.text(TEXT, min_size=1, max_size=20),
    instructions=st.text(TEXT, max_size=60),
    restrictions=st.dictionaries(st.text(TEXT, max_size=5), JSON, max_size=2),
    inputs=st.dictionaries(st.sampled_from(["day", "who"]), st.builds(Input, default=JSON)),
    documents=st.lists(st.text(TEXT, max_size=5), max_size=2).map(tuple),
    budget=st.builds(Budget, max_cost_usd=st.sampled_from([None, Decimal("0.20"), Decimal(5)])),
    steps=st.tuples(
        st.builds(
            ToolStep,
            id=st.just("a"),
            action=st.just("read_sheet"),
            parameters=st.dictionaries(st.text(TEXT, max_size=5), PLAIN, max_size=3),
            timeout_seconds=st.floats(min_value=0.001, max_value=3600),
        ),
        st.builds(AgentStep, id=st.just("b"), prompt=st.just("read {{ a }}"), max_turns=st.just(3)),
    ),
)


@given(WORKFLOWS)
@settings(max_examples=100, deadline=None)
def test_data_and_text_lead_back_to_the_same_workflow(workflow: Workflow) -> None:
    data = to_data(workflow)
    assert parse_workflow(json.loads(json.dumps(data)), source="a") == workflow
    text = dump_workflow(workflow)
    assert load_workflow(text, source="a") == workflow
    assert dump_workflow(load_workflow(text, source="a")) == text


@pytest.mark.parametrize("text", ["1e5", "-0", "1E3", "12", "no", "~", "12:30", "\x85", "a\r\nb"])
def test_text_that_looks_like_something_else_stays_text(text: str) -> None:
    workflow = load_workflow(GOOD, source="a").model_copy(update={"memory": {text: [text]}})
    assert load_workflow(dump_workflow(workflow), source="a").memory == {text: [text]}


def test_canonical_yaml_reads_well() -> None:
    workflow = load_workflow(GOOD + "instructions: |\n  One.\n  Two.\n", source="a")
    assert dump_workflow(workflow) == (
        "name: Orders\n"
        "instructions: |\n"
        "  One.\n"
        "  Two.\n"
        "steps:\n"
        "- id: step1\n"
        "  type: tool\n"
        "  action: read_sheet\n"
        "  with:\n"
        "    file: orders.xlsx\n"
        "- id: step2\n"
        "  type: agent\n"
        "  prompt: Summarise {{ step1 }}\n"
    )


FRAGMENTS = st.lists(
    st.sampled_from(["name: x\n", "steps:\n", "- id: a\n", "  prompt: '{{ a }}'\n", "{", "}", "[", "]",
                     ": ", "- ", "&a ", "*a ", "!!x ", "'", '"', "|\n", "\t", "#", "\x00", "\ud800",
                     "{{", "}}", ",", "a", "1", "é", "? ", "%YAML 1.1\n", "---\n", "<<: "]),
    max_size=25,
).map("".join)  # fmt: skip


def complaints(text: str, source: str) -> list[str]:
    try:
        load_workflow(text, source=source, actions=ACTIONS)
    except InvalidDefinition as error:
        return str(error).splitlines() or ["nothing said"]
    return []


@given(FRAGMENTS | st.text(st.characters(exclude_categories=()), max_size=60))
@settings(max_examples=400, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    for source in ("a.yaml", "a.json"):
        found = complaints(text, source)
        assert not found or found[0].startswith(source)


@given(JSON)
@settings(max_examples=200, deadline=None)
def test_any_data_is_read_or_refused(data: Any) -> None:
    for candidate in (data, {"name": "x", "steps": data}, {"name": "x", "steps": [data]}):
        with contextlib.suppress(InvalidDefinition):
            assert isinstance(parse_workflow(candidate, source="a", actions=ACTIONS), Workflow)
