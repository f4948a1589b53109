"""Definitions with steps inside steps: what is refused in which words, and what reads what."""

import pytest

from engine.definition import dependencies, dump_workflow, load_workflow, parse_workflow, to_data
from engine.errors import InvalidDefinition
from tests.engine.nested import approval, branch, echo, loop, parallel


def problems(*steps, **more):
    with pytest.raises(InvalidDefinition) as caught:
        parse_workflow(
            {"name": "x", "inputs": {"day": {}}, "steps": list(steps), **more}, source="w.yaml"
        )
    return list(caught.value.args[0])


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        (
            [{"id": "l", "type": "loop", "until": "true", "steps": [echo("x")]}],
            "w.yaml: l: the field 'max_iterations' is missing: a loop needs a bound, like 100",
        ),
        ([loop("l", echo("x"))], "w.yaml: l: a loop needs `for_each`, `while` or `until`"),
        (
            [loop("l", echo("x"), for_each=5)],
            "w.yaml: l: for_each: give a list, or an expression for one",
        ),
        (
            [branch("b", ("urgent", "true", [echo("x")]), default="urgnt")],
            "w.yaml: b: default: there is no branch 'urgnt'. Did you mean urgent?",
        ),
        (
            [branch("b", ("a", None, [echo("x")]))],
            "w.yaml: b: branches[0]: the branch 'a' needs a condition `when`, or be named as "
            "`default`",
        ),
        (
            [branch("b", ("a", "true", [echo("x")]), ("a", "true", [echo("x")]))],
            "w.yaml: b: branches[1].id: duplicate branch id 'a'",
        ),
        (
            [parallel("p", a=[echo("x"), echo("x")])],
            "w.yaml: p/a/x: duplicate step id 'x': steps 1 and 2",
        ),
        (
            [echo("x"), parallel("p", a=[echo("x")])],
            "w.yaml: p/a/x: the id 'x' is taken: it names a step around this one",
        ),
        (
            [loop("l", loop("m", echo("x"), until="true"), until="true")],
            "w.yaml: l/*/m: as: the name 'loop' is taken: it names the loop around this step. "
            "Give another",
        ),
        (
            [parallel("p", a=[echo("x")]), echo("y", "{{ x }}")],
            "w.yaml: y: with.value: x refers to p/a/x, which may not have run: it is inside p. "
            "Read what p gives, or move this step there",
        ),
        (
            [parallel("p", a=[echo("x")], b=[echo("y", "{{ x }}")])],
            "w.yaml: p/b/y: with.value: x refers to p/a/x, which may not have run: it is inside p. "
            "Read what p gives, or move this step there",
        ),
        (
            [parallel("p", left=[echo("x")]), echo("y", "{{ p.lft }}")],
            "w.yaml: y: with.value: p.lft refers to a branch that p does not have. "
            "Did you mean left?",
        ),
        (
            [parallel("p", a=[echo("x", "{{ y }}")]), echo("y")],
            "w.yaml: p/a/x: with.value: y refers to y, which runs later",
        ),
        (
            [parallel("p", a=[echo("x", "{{ p }}")])],
            "w.yaml: p/a/x: with.value: p refers to what p gives, and p has not ended here",
        ),
        (
            [branch("b", ("a", "dya == 1", [echo("x")]))],
            "w.yaml: b: branches[0].when: dya refers to a step that does not exist",
        ),
        (
            [branch("b", ("a", "inputs.dya == 1", [echo("x")]))],
            "w.yaml: b: branches[0].when: inputs.dya refers to an input that is not declared. "
            "Did you mean day?",
        ),
        (
            [branch("b", ("a", "inputs.day = 1", [echo("x")]))],
            "w.yaml: b: branches[0].when: the condition 'inputs.day = 1' can't be read from '= 1' "
            "on. Write one like: step1.count > 3 and step1.kind == 'order'",
        ),
        (
            [loop("l", echo("x"), until="x2 == 1")],
            "w.yaml: l: until: x2 refers to a step that does not exist. Did you mean x?",
        ),
        (
            [loop("l", echo("x"), **{"while": "x == 1"})],
            "w.yaml: l: while: x refers to l/*/x, which may not have run: it is inside l. "
            "Read what l gives, or move this step there",
        ),
        (
            [loop("l", echo("x", "{{ loop.itme }}"), for_each=[1])],
            "w.yaml: l/*/x: with.value: loop.itme refers to something this loop does not have. "
            "Did you mean item?",
        ),
        (
            [loop("l", echo("x", "{{ loop.item }}"), until="true")],
            "w.yaml: l/*/x: with.value: loop.item refers to something this loop does not have",
        ),
        (
            [loop("l", echo("x"), until="true", state={"total": 0}, update={"totl": 1})],
            "w.yaml: l: update: 'totl' has no first value in `state`. Did you mean total?",
        ),
        (
            [approval("ok", expires_after="soon")],
            "w.yaml: ok: expires_after: write it like 30m, 4h or 2d, not 'soon'",
        ),
        (
            [{"id": "p", "type": "paralel", "branches": []}],
            "w.yaml: p: unknown type 'paralel'. Did you mean parallel?",
        ),
        (
            [parallel("p", merge="namespced", a=[echo("x", bogus=1)])],
            "w.yaml: p/a/x: unknown field 'bogus'",
        ),
        ([parallel("p", a=[])], "w.yaml: p: branches[0].steps: it needs at least one step"),
    ],
    ids=range(26),
)
def test_every_problem_names_file_step_and_field(steps, problem):
    assert problem in problems(*steps)


def test_nesting_has_a_limit():
    step = echo("x")
    for level in range(8):
        step = parallel(f"p{level}", a=[step])
    assert parse_workflow({"name": "x", "steps": [step]}, source="w")
    found = problems(parallel("top", a=[step]))
    assert [one for one in found if "steps are nested deeper than 8 levels" in one]


def test_all_steps_are_counted():
    lanes = [{"id": f"b{n}", "steps": [echo(f"s{i}") for i in range(30)]} for n in range(99)]
    found = problems({"id": "p", "type": "parallel", "branches": lanes})
    assert found == ["w.yaml: a workflow has at most 2000 steps, not 2971"]


@pytest.mark.parametrize(
    ("stages", "problem"),
    [
        ([{"name": "a", "steps": ["x"]}, {"name": "a", "steps": ["y"]}], "duplicate stage 'a'"),
        ([{"name": "a", "steps": ["xx"]}], "there is no step 'xx'. Did you mean x?"),
        ([{"name": "a", "steps": ["x"]}, {"name": "b", "steps": ["x"]}], "x is part of a already"),
    ],
)
def test_stages_are_checked(stages, problem):
    (found,) = problems(echo("x"), echo("y"), stages=stages)
    assert problem in found


EVERYTHING = [
    echo("rows", [1]),
    parallel("fan", merge="append", a=[echo("x", "{{ rows }}")], b=[echo("y", "{{ rows }}")]),
    loop(
        "each",
        echo("x", "{{ row.item }} {{ row.state.n }}"),
        branch("way", ("a", "x == rows", [echo("z", "{{ x }}")])),
        for_each="{{ fan }}",
        state={"n": 0},
        update={"n": "{{ way }}"},
        **{"as": "row"},
    ),
    approval("ok", "{{ each }}?", on_reject=[echo("told", "{{ ok.comment }} {{ rows }}")]),
]


def test_text_and_data_come_back_equal():
    made = parse_workflow({"name": "x", "steps": EVERYTHING}, source="w")
    assert parse_workflow(to_data(made), source="w") == made
    assert load_workflow(dump_workflow(made), source="w.yaml") == made
    assert to_data(made)["steps"] == EVERYTHING


def test_dependencies_of_nested_steps():
    made = parse_workflow({"name": "x", "steps": EVERYTHING}, source="w")
    assert dependencies(made) == {
        "rows": (),
        "fan": ("rows",),
        "fan/a/x": ("rows",),
        "fan/b/y": ("rows",),
        "each": ("rows", "fan"),
        "each/*/x": (),
        "each/*/way": ("rows", "each/*/x"),
        "each/*/way/a/z": ("each/*/x",),
        "ok": ("rows", "each"),
        "ok/reject/told": ("rows", "ok"),
    }


def test_a_line_is_given_deep_inside():
    text = (
        "name: x\nsteps:\n- id: p\n  type: parallel\n  branches:\n  - id: a\n    steps:\n"
        "    - id: y\n      action: echo\n      bogus: 1\n"
    )
    with pytest.raises(InvalidDefinition) as caught:
        load_workflow(text, source="w.yaml")
    assert caught.value.args[0] == ("w.yaml: p/a/y: unknown field 'bogus' (line 10)",)
