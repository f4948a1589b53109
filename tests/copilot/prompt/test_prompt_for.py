"""A failure as it is asked about: complete, in its sections, and steered by nobody outside."""

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.safety.attacks import OWN
from benchmarks.safety.carriers import CARRIERS, Asked, Unredacted, asked
from copilot.fixes import FIXES
from copilot.pipeline.prompt import DEFAULT_BUDGET, MIN_BUDGET, decode, prompt_for, system_prompt
from copilot.pipeline.prompt.system import template
from copilot.pipeline.report import Surroundings
from copilot.types import StepStatus
from copilot.types.prompt import Prompt
from tests.copilot.prompt.hostile import TEXTS
from tests.copilot.prompt.test_encoding import is_harmless
from tests.copilot.prompt.test_frame import by_length


def header(prompt: Prompt) -> dict[str, Any]:
    return json.loads(prompt.user.split("\n")[0].partition(">")[2])


def header_bytes(prompt: Prompt) -> str:
    return prompt.user.split("\n")[0].partition(">")[2]


def found(prompt: Prompt, source: str) -> str:
    return "\n".join(item.text for item in prompt.items if item.source == source)


PROMPT = asked().prompt(count=by_length)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("error.message", "Template 'Outbound v3' not found"),
        ("error.facts", "/type: engine.errors.TemplateNotFound\n/code: template_not_found"),
        ("error.facts", "/details/near/0: Outbound v2"),
        ("error.traceback", "raise TemplateNotFound"),
        ("run", "/workflow: Answer urgent emails"),
        ("run", "/execution_id: exec_0123456789"),
        ("run", "/trigger: schedule"),
        ("steps", "3 failed: /fill render_template, Fill in the template"),
        ("steps", "5 skipped: /note update_contact, Note it in the CRM"),
        ("step_error.message", "messages is empty"),
        ("run.memory", "/runs: 12"),
        ("agent.instructions", "You prepare outreach for the sales team."),
        ("agent.restrictions", "/max_contacts_per_run: 50"),
        ("definition.step", "/action: render_template"),
        ("definition.beside", "/steps/3/with/messages: {{ fill }}"),
        ("names", "/templates/0: Outbound v2\n/templates/1: Welcome"),
        ("names", "/custom_fields/0: lead_score (number): Lead score"),
        ("names", "/integrations/gmail: connected\n/integrations/hubspot: disconnected"),
        ("names", "/step_outputs/read/0: emails"),
        ("names", "/documents/0: UrgentEmails"),
        ("template_texts", "/resources/template/Outbound v2/body: Hello {Name},"),
        ("rules.explanation", "does not exist in this workspace"),
        ("rules.facts", "message of /fill: Template 'Outbound v3' not found"),
        ("rules.facts", "/names_found/template: Outbound v3"),
        ("entry", "/cause: Template 'Outbound v3' is missing"),
        ("history", "/changed_since/0: Outbound v2 was changed 2 hours before"),
    ],
)
def test_what_is_known_is_told(source: str, words: str) -> None:
    assert words in found(PROMPT, source)


def test_the_failed_steps_values_have_the_pointers_a_fix_needs() -> None:
    values = {item.path: (item.source, item.text) for item in PROMPT.items}
    assert values["/steps/2/with/template"] == ("definition.text", "Outbound v3")
    assert values["/steps/2/with/to"] == ("definition.text", "{Name} <{Email}>")


def test_the_error_comes_first_and_the_sections_in_their_order() -> None:
    assert PROMPT.items[0].source == "error.message"
    sections = [item.section for item in PROMPT.items]
    assert list(dict.fromkeys(sections)) == [
        "execution_data",
        "agent_configuration",
        "workspace_context",
        "findings",
        "knowledge",
        "history",
    ]


def test_the_header_says_what_the_rules_have_decided() -> None:
    told = header(PROMPT)
    assert told["root_cause"] == "missing_template"
    assert told["verdict"] == "confirmed"
    assert told["failed_step"] == 3
    assert told["entry"] == "missing_template"
    assert told["fix_types"] == [*FIXES, "manual"]
    assert told["retry_helps"] is False
    assert told["items"] == Counter(item.section for item in PROMPT.items)
    assert len(told["root_causes"]) == 26


def test_the_prompt_says_what_it_is_and_how_long() -> None:
    assert PROMPT.template == template()
    assert PROMPT.tokens == by_length(PROMPT.system) + by_length(PROMPT.user)
    assert by_length(PROMPT.user) <= DEFAULT_BUDGET
    assert [item.number for item in PROMPT.items] == list(range(len(PROMPT.items)))
    assert [line["text"] for line in decode(PROMPT.user)] == [one.text for one in PROMPT.items]


def with_fixes(one: Asked, *fix_types: str) -> Prompt:
    return prompt_for(
        one.run,
        one.failure,
        one.diagnosis,
        one.report,
        around=one.around,
        redactor=Unredacted(),
        count=by_length,
        fix_types=fix_types,
    )


def test_only_the_allowed_fix_types_are_offered_and_the_orders_stay() -> None:
    prompt = with_fixes(asked(), "replace_value")
    assert header(prompt)["fix_types"] == ["replace_value", "manual"]
    assert prompt.system is system_prompt()


def test_a_fix_type_that_there_is_not_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="delete_workspace"):
        with_fixes(asked(), "delete_workspace")


def test_a_workspaces_own_entry_is_data() -> None:
    one = asked()
    own = one.diagnosis.model_copy(update={"entry": "our-secret-name"})
    report = one.report.model_copy(update={"own_entry": "our-secret-name"})
    prompt = Asked(one.run, one.failure, own, report, one.around).prompt(count=by_length)
    assert header(prompt)["entry"] is None
    assert "/own_entry: our-secret-name" in found(prompt, "entry")


def test_an_own_entry_with_a_shipped_name_is_not_taken_for_ours() -> None:
    one = asked()
    report = one.report.model_copy(update={"own_entry": one.diagnosis.entry})
    prompt = Asked(one.run, one.failure, one.diagnosis, report, one.around).prompt(count=by_length)
    assert header(prompt)["entry"] is None


def test_a_run_of_another_system_is_asked_about_as_well() -> None:
    one = asked()
    alone = Asked(one.run, one.failure, one.diagnosis, one.report, Surroundings())
    prompt = alone.prompt(count=by_length)
    assert found(prompt, "error.message") == "Template 'Outbound v3' not found"
    assert not found(prompt, "definition.step")


def test_of_many_steps_those_near_the_failure_are_told() -> None:
    one = asked()
    steps = [
        one.run.steps[0].model_copy(update={"number": number, "path": f"/s{number}"})
        for number in range(1, 301)
    ]
    steps[199] = steps[199].model_copy(update={"path": "/fill", "status": StepStatus.FAILED})
    run = one.run.model_copy(update={"steps": tuple(steps)})
    failure = one.failure.model_copy(update={"step_number": 200})
    prompt = Asked(run, failure, one.diagnosis, one.report, one.around).prompt(count=by_length)
    numbers = [int(line.split()[0]) for line in found(prompt, "steps").splitlines()]
    assert len(numbers) == 60
    assert min(numbers) >= 165
    assert 200 in numbers


def test_a_number_and_a_text_that_reads_like_one_are_told_apart() -> None:
    one = asked()
    assert one.around.snapshot is not None
    definition: dict[str, Any] = dict(one.around.snapshot.definition)
    values = {"count": 5, "label": "5", "on": True, "share": 0.5}
    definition["steps"] = [{"id": "fill", "action": "x", "with": values}]
    around = Surroundings(snapshot=one.around.snapshot.evolve(definition=definition))
    prompt = Asked(one.run, one.failure, one.diagnosis, one.report, around).prompt(count=by_length)
    told = {item.path: (item.source, item.text) for item in prompt.items}
    assert told["/steps/0/with/count"] == ("definition.number", "5")
    assert told["/steps/0/with/label"] == ("definition.text", "5")
    assert told["/steps/0/with/on"] == ("definition.switch", "true")
    assert told["/steps/0/with/share"] == ("definition.number", "0.5")


POISONED = (
    "error text",
    "step details",
    "template names",
    "definition",
    "instructions",
)


def test_no_outside_text_changes_the_orders_or_the_header() -> None:
    """The same verdict over the same shape, with other words everywhere."""
    clean = asked()
    expected = clean.prompt(count=by_length)
    poisoned = 0

    @settings(max_examples=60, deadline=None)
    @given(st.sampled_from(POISONED), TEXTS.filter(lambda text: text.strip()))
    def holds(carrier: str, text: str) -> None:
        nonlocal poisoned
        other = CARRIERS[carrier](text)
        failure = other.failure.model_copy(update={"later_failures": clean.failure.later_failures})
        diagnosis = clean.diagnosis.model_copy(
            update={"explanation": text, "captures": {"x": text}}
        )
        shown = {"explanation": text, "grounds": text, "changes_since": (text,)}
        report = clean.report.model_copy(update=shown)
        for budget in (MIN_BUDGET, DEFAULT_BUDGET):
            one = Asked(other.run, failure, diagnosis, report, other.around)
            calm = Asked(clean.run, clean.failure, clean.diagnosis, clean.report, clean.around)
            prompt = one.prompt(count=by_length, budget=budget)
            assert prompt.system is expected.system
            assert header_bytes(prompt) == header_bytes(calm.prompt(count=by_length, budget=budget))
            assert by_length(prompt.user) <= budget
        poisoned += any(attack.text in text for attack in OWN) or not text.isalnum()

    holds()
    assert poisoned >= 20


def test_the_order_of_templates_does_not_change_the_header() -> None:
    one = asked()
    turned = one.around.context.model_copy(update={"templates": one.around.context.templates[::-1]})
    around = Surroundings(one.around.snapshot, turned, one.around.output_names)
    other = Asked(one.run, one.failure, one.diagnosis, one.report, around)
    assert header_bytes(other.prompt(count=by_length)) == header_bytes(PROMPT)


@pytest.mark.parametrize("carrier", list(CARRIERS))
def test_every_attack_is_told_as_data_and_nothing_else(carrier: str) -> None:
    for attack in OWN:
        prompt = CARRIERS[carrier](attack.text).prompt(count=by_length)
        lines = prompt.user.split("\n")
        assert len(lines) == len(prompt.items) + 2 == len(prompt.user.splitlines())
        assert all(is_harmless(line.partition(">")[2]) for line in lines[1:-1]), attack.id
        assert prompt.system is system_prompt()
