"""What the fixes write is what the engine's own checks and actions understand."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from copilot.fixes import parse
from copilot.pipeline.validate import validate
from copilot.snapshot import Snapshot
from engine.actions import ActionContext, catalog, parameter_models
from engine.actions._address import read_address
from engine.definition.expressions import resolve
from engine.definition.loader import parse_workflow, to_data
from engine.errors import InvalidData, InvalidDefinition
from engine.workspace import Resources, Template

ROWS = [
    {"Name": "Ada", "Email": "ada@acme.example"},
    {"Name": "John Doe", "Email": "john.doe(at)acme"},
    {"Name": "Bob", "Email": "bob@"},
    {"Name": "Eve", "Email": ""},
    {"Name": "Zoë", "Email": "zoe@bücher.example"},
]


class NoSecrets:
    def get(self, workspace_id: str, name: str) -> str | None:
        return None

    def all(self, workspace_id: str) -> Mapping[str, str]:
        return {}


def problems(snapshot: Snapshot) -> Sequence[str]:
    try:
        parse_workflow(snapshot.definition, source="workflow", actions=parameter_models())
    except InvalidDefinition as error:
        return tuple(error.args[0])
    return ()


@pytest.fixture
def base() -> Snapshot:
    workflow = parse_workflow(
        {
            "name": "Outreach",
            "steps": [
                {
                    "id": "read",
                    "action": "read_sheet",
                    "with": {"file": "leads.xlsx", "range": "Old"},
                },
                {
                    "id": "fill",
                    "action": "render_template",
                    "with": {
                        "template": "Outbound v3",
                        "rows": "{{ read }}",
                        "to": "{Name} <{Email}>",
                    },
                },
                {"id": "send", "action": "send_email", "with": {"messages": "{{ fill }}"}},
                {"id": "sum", "prompt": "Sum up {{ send.sentt }}"},
            ],
        },
        source="test",
    )
    return Snapshot(workspace_id="w", workflow_id="f", version=1, definition=to_data(workflow))


def carried_out(snapshot: Snapshot, templates: dict[str, Template]) -> dict[str, Any]:
    """The outputs of all steps between the first and the sending one."""
    context = ActionContext(
        workspace_id="w",
        execution_id="e",
        path="/x",
        effect_key="e:1:/x",
        resources=Resources(templates=templates),
        files=Path(),
        documents=(),
        secrets=NoSecrets(),
    )
    scope: dict[str, Any] = {"read": ROWS}
    workflow = parse_workflow(snapshot.definition, source="test")
    for step in workflow.steps[1:]:
        if getattr(step, "action", None) in ("filter_rows", "render_template"):
            action = catalog()[step.action]
            given: Any = resolve(step.parameters, scope)  # type: ignore[union-attr]
            ran = action.run(action.Parameters.model_validate(given), context)
            scope[step.id] = asyncio.run(ran)  # type: ignore[arg-type]
    return scope


@pytest.mark.parametrize(
    ("step", "parameter", "field"), [("send", "messages", "to"), ("fill", "rows", "Email")]
)
def test_the_rows_a_check_lets_through_are_those_the_mail_step_takes(
    base: Snapshot, step: str, parameter: str, field: str
) -> None:
    fix = parse(
        {
            "type": "skip_invalid",
            "step": step,
            "parameter": parameter,
            "field": field,
            "check": "email",
        }
    )
    changed = validate(fix, base, problems=problems)
    scope = carried_out(changed, {"Outbound v3": Template(body="Hello {Name}")})
    workflow = parse_workflow(changed.definition, source="test")
    send = next(one for one in workflow.steps if one.id == "send")
    messages: Any = resolve(send.parameters, scope)["messages"]  # type: ignore[union-attr,index,call-overload]
    assert [message["to"].split()[0] for message in messages] == ["Ada", "Zoë"]
    for message in messages:
        read_address(message["to"])
    with pytest.raises(InvalidData):
        read_address(carried_out(base, {"Outbound v3": Template(body="x")})["fill"][1]["to"])


def test_a_created_template_is_one_the_engine_renders(base: Snapshot) -> None:
    data = {"name": "Outbound v3", "subject": "For {Name}", "body": "Hello {Name}"}
    changed = validate(parse({"type": "create_template", **data}), base, problems=problems)
    content = changed.resources["template"]["Outbound v3"]
    scope = carried_out(changed, {"Outbound v3": Template.model_validate(content)})
    assert scope["fill"][0] == {
        "to": "Ada <ada@acme.example>",
        "subject": "For Ada",
        "body": "Hello Ada",
    }


def test_a_corrected_reference_is_one_the_engine_reads(base: Snapshot) -> None:
    data = {"path": "/steps/3/prompt", "old": "Sum up {{ send.sentt }}"}
    fix = parse({"type": "replace_value", **data, "value": "Sum up {{ send.sent }}"})
    changed = validate(fix, base, problems=problems)
    workflow = parse_workflow(changed.definition, source="test")
    prompt = workflow.steps[3].prompt  # type: ignore[union-attr]
    assert resolve(prompt, {"send": {"sent": 2}}) == "Sum up 2"
