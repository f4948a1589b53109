"""Definitions that were made to hurt or to confuse: refused at once, in words that help."""

import json
import time

import pytest

from engine.actions import parameter_models
from engine.definition import load_workflow
from engine.errors import InvalidDefinition
from engine.run.reach import Reach
from tests.engine.nested import approval, branch, loop, parallel

ACTIONS = parameter_models()
PARTS = Reach().catalogs().parameter_models()
STEP = {"id": "a", "action": "render_template", "with": {"body": "x"}}


def problems(text):
    given = text if isinstance(text, str) else json.dumps({"name": "x"} | text)
    with pytest.raises(InvalidDefinition) as caught:
        load_workflow(given, source="w.yaml", actions=ACTIONS, parts=PARTS)
    return list(caught.value.args[0])


def steps(*listed, **more):
    return {"steps": list(listed), **more}


def one(**fields):
    return steps(STEP | fields)


def looping(levels, most):
    step = STEP
    for level in range(levels):
        step = loop(f"l{level}", step, most=most, **{"while": "true", "as": f"v{level}"})
    return steps(step)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            looping(4, 1000),
            "l3/*/l2/*/l1: max_iterations: with the loops around it, it may go round 1,000,000,000 "
            "times, more than 1,000,000. Lower a bound",
        ),
        (
            looping(1, 10**30),
            f"l0: max_iterations: should be less than or equal to 10000, not {10**30}",
        ),
        (
            looping(1, "{{ inputs.n }}"),
            "l0: max_iterations: give a whole number, not '{{ inputs.n }}'",
        ),
        (
            steps(loop("l", STEP, **{"while": "l.number < 3"})),
            "l: while: l.number refers to what the loop l gives at its end. Did you mean "
            "loop.number?",
        ),
        (
            steps(parallel("p", left=[STEP], right=[STEP | {"with": {"body": "{{ p.left }}"}}])),
            "p/right/a: with.body: p.left refers to what p gives, and p has not ended here",
        ),
        (
            steps(parallel("p", left=[STEP], right=[STEP | {"id": "b", "with": {"body": "{{ a }}"}}])),
            "p/right/b: with.body: a refers to p/left/a, which may not have run: it is inside p. "
            "Read what p gives, or move this step there",
        ),
        (
            steps(parallel("p", merge="error_on_conflct", left=[STEP])),
            "p: merge: should be 'namespaced', 'last_wins', 'append' or 'error_on_conflict', not "
            "'error_on_conflct'. Did you mean error_on_conflict?",
        ),
        (
            steps(branch("b", ("way", "import os; os.system('x')", [STEP]))),
            "b: branches[0].when: the condition \"import os; os.system('x')\" can't be read from "
            "\"os; os.system('x')\" on. Write one like: step1.count > 3 and step1.kind == 'order'",
        ),
        (steps(branch("b", ("way", True, [STEP]))), "b: branches[0].when: give text, not True"),
        (
            steps({"id": "ask", "type": "agent", "prompt": "?", "tools": ["send_emial"]}),
            "ask: tools[0]: unknown action 'send_emial'. Did you mean send_email?",
        ),
        (
            steps({"id": "ask", "type": "agent", "prompt": "?", "tools": ["read_sheet"] * 2}),
            "ask: tools[1]: the tool 'read_sheet' is listed twice",
        ),
        (
            steps({"id": "ask", "type": "agent", "prompt": "?", "runtimee": "x"}),
            "ask: unknown field 'runtimee'. Did you mean runtime?",
        ),
        (one(documents="terms.pdf"), "a: documents: give a list, not 'terms.pdf'"),
        (one(documents=[3]), "a: documents[0]: give text, not 3"),
        (one(id="../../etc"), "../../etc: id: begin with a letter or _, go on with letters, digits or "
         "_, 64 in all, not '../../etc'"),
        (one(id=3), "step number 1: id: give text, not 3"),
        (one(type="tol"), "a: unknown type 'tol'. Did you mean tool?"),
        (one(type=["tool"]), "a: unknown type \"['tool']\". Did you mean tool?"),
        (
            one(retry={"max_retries": 10**6}),
            "a: retry.max_retries: should be less than or equal to 10, not 1000000",
        ),
        (one(validators=["not_emty"]), "a: validators[0]: unknown validator 'not_emty'. Did you mean "
         "not_empty?"),
        (steps("a", STEP), "step number 1: give a mapping of names to values, not 'a'"),
        (steps(), "steps: a workflow needs at least one step"),
        ({"steps": {"a": STEP}}, "steps: give a list"),
        ({"step": [STEP]}, "unknown field 'step'. Did you mean steps or stages?"),
        (steps(STEP, budget=5), "budget: give a mapping of names to values, not 5"),
        (
            steps(STEP, budget={"max_cost_usd": "lots"}),
            "budget.max_cost_usd: give a number, not 'lots'",
        ),
        (
            steps(STEP, trigger={"schedule": "5m"}),
            "trigger.schedule: has no effect where the type is manual. Write `type: schedule`",
        ),
        (
            steps(STEP, trigger={"type": "schedule", "schedule": "5m", "event": "mail"}),
            "trigger.event: has no effect where the type is schedule. Write `type: event`",
        ),
        (
            steps(STEP, stages=[{"name": "s", "steps": ["aa"]}]),
            "stages[0]: there is no step 'aa'. Did you mean a?",
        ),
        (steps(approval("ok", message="")), "ok: message: give some text, not ''"),
        (steps(STEP, name="a\0b"), "name: holds a NUL character, which no database stores"),
        ("name: !!python/object/apply:os.system ['x']", "name: the tag "
         "tag:yaml.org,2002:python/object/apply:os.system is not allowed (line 1)"),
        ("a: &a [x]\nb: [*a, *a]\nname: x", "b[0]: the alias *a is not allowed: write it out (line 2)"),
    ],
    ids=range(33),
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place_and_what_to_write(text, problem):
    assert f"w.yaml: {problem}" in problems(text)


@pytest.mark.parametrize("levels", [9, 12, 60])
@pytest.mark.parametrize("kind", ["loop", "parallel", "branch", "approval"])
def test_steps_in_steps_in_steps_are_one_problem_however_deep(kind, levels):
    step = STEP
    for level in range(levels):
        name = f"s{level}"
        match kind:
            case "loop":
                step = loop(name, step, most=1, **{"while": "true", "as": f"v{level}"})
            case "parallel":
                step = parallel(name, lane=[step])
            case "branch":
                step = branch(name, ("way", "true", [step]))
            case "approval":
                step = approval(name, on_reject=[step])
    (found,) = problems(steps(step))
    assert "nested deeper than" in found


MANY = 20_000


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "x", "steps": ' + "[" * 100_000 + "]" * 100_000 + "}",
        "name: x\nsteps: " + "[" * 100_000,
        steps(
            STEP, {"id": "b", "action": "render_template", "with": {"body": "{{a}}" * MANY}}, x=1
        ),
        steps(STEP, {"id": "b", "action": "render_template", "with": {"body": "{{" * MANY}}),
        steps(
            loop(
                "l",
                STEP,
                **{"while": "true"},
                state={f"s{n}": 0 for n in range(9000)},
                update={f"t{n}": 1 for n in range(9000)},
            )
        ),
        steps(STEP, stages=[{"name": "s", "steps": [f"b{n}" for n in range(MANY)]}]),
        steps(STEP, **{f"field{n}": 1 for n in range(MANY)}),
        steps(*(STEP | {"id": f"a{n}", "action": f"nosuch{n}"} for n in range(1900))),
        steps(
            *(
                branch(f"b{n}", ("way", "(" * 79 + "true" + ")" * 79, [STEP | {"id": f"c{n}"}]))
                for n in range(900)
            )
        ),
    ],
    ids=range(9),
)
def test_no_definition_takes_long_to_be_refused(text):
    started = time.process_time()
    assert len(problems(text)) <= 101
    assert time.process_time() - started < 10
