"""Every fix type keeps the same promises; a new file in `copilot/fixes` is tested by being there."""

import inspect
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from copilot.errors import InvalidFix
from copilot.fixes import ALIASES, FIXES, AnyFix, Ceilings, Change, json_schema, parse, type_of
from copilot.pipeline.preview import preview
from copilot.pipeline.validate import FixPolicy, validate
from copilot.snapshot import Snapshot

SNAPSHOT = Snapshot(
    workspace_id="acme",
    workflow_id="digest",
    version=3,
    definition={
        "name": "Digest",
        "instructions": "Use the template 'Outbound v3'. Order by 'leadScore'.",
        "restrictions": {"max_contacts_per_run": 150},
        "documents": ["prices.pdf"],
        "budget": {"max_cost_usd": "2"},
        "steps": [
            {
                "id": "read",
                "type": "tool",
                "action": "read_sheet",
                "with": {"file": "mail.xlsx", "range": "UrgentEmails"},
            },
            {"id": "sort", "type": "agent", "prompt": "Sort {{ read }}"},
            {
                "id": "fill",
                "type": "tool",
                "action": "render_template",
                "with": {"template": "Outbound v3", "rows": "{{ sort }}"},
            },
            {
                "id": "send",
                "type": "tool",
                "action": "send_email",
                "with": {"messages": "{{ fill }}"},
            },
        ],
    },
    resources={"template": {"Outbound v2": {"subject": "Hello", "body": "Hello {name}"}}},
    resource_versions={"template/Outbound v2": 1},
)

#: One fix of every type that fits the snapshot above.
FITTING: dict[str, dict[str, Any]] = {
    "replace_value": {
        "path": "/steps/0/with/range",
        "old": "UrgentEmails",
        "value": "DefinedRange",
    },
    "update_instructions": {"old": "Outbound v3", "new": "Outbound v2"},
    "create_template": {"name": "Outbound v3", "subject": "Hello", "body": "Hello {name}"},
    "create_field": {"name": "leadScore", "label": "Lead score"},
    "adjust_restrictions": {"name": "max_contacts_per_run", "old": 150, "value": 100},
    "skip_invalid": {"step": "send", "parameter": "messages", "field": "to", "check": "email"},
    "map_input": {"path": "/steps/2/with/rows", "old": "sort", "reads": "read"},
    "add_fallback": {"step": "fill", "parameter": "template", "value": "Outbound v2"},
    "split_step": {"step": "sort", "list": "read", "most": 50},
    "retry_policy": {"step": "read", "max_retries": 4, "backoff_seconds": 5.0},
    "timeout": {"step": "read", "seconds": 120.0},
    "raise_budget": {"limit": "max_cost_usd", "value": 3.5},
    "set_loop_bound": {"step": "sort", "value": 20},
    "switch_runtime": {"step": "sort", "model": "gpt-6-luna", "runtime": "openai"},
    "bind_documents": {"bindings": [{"document": "prices.pdf", "steps": ["sort"]}]},
}

#: What the owner of that workspace lets a fix raise at most, and whom one may ask there.
ALLOWED = FixPolicy(
    ceilings=Ceilings(
        cost_usd=Decimal(5),
        tokens=100_000,
        turns=50,
        seconds=3600,
        models=frozenset({("openai", "gpt-6-luna")}),
    )
)

every_type = pytest.mark.parametrize("name", sorted(FIXES))


def fitting(name: str) -> Change:
    return parse({"type": name, **FITTING[name]})


def test_every_type_has_an_example_here() -> None:
    assert FITTING.keys() == FIXES.keys()


@every_type
def test_the_type_is_the_file_name(name: str) -> None:
    model = FIXES[name]
    assert model.__module__ == f"copilot.fixes.{name}"
    assert model.model_fields["type"].default == name
    assert type_of(fitting(name)) == name


@every_type
def test_it_says_what_it_is_what_its_fields_mean_and_what_its_button_does(name: str) -> None:
    model = FIXES[name]
    assert inspect.getdoc(model) != inspect.getdoc(Change)
    assert inspect.getdoc(inspect.getmodule(model))
    assert all(word[0].isupper() for word in model.button.split())
    assert fitting(name).question.startswith("Would you like me to ")
    assert fitting(name).question.endswith("?")
    fields = model.model_json_schema()["properties"]
    assert not [key for key, one in fields.items() if key != "type" and "description" not in one]


@every_type
def test_it_declares_its_reach(name: str) -> None:
    reach = FIXES[name].reach
    assert reach.writes
    assert reach.approver in ("editor", "owner")
    for _, pattern in reach.writes:
        assert pattern.startswith(("/definition/", "/resources/"))
        assert pattern not in ("/definition/**", "/resources/**")


def strings(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if schema.get("type") == "string" and "const" not in schema and "enum" not in schema:
            yield schema
        for value in schema.values():
            yield from strings(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from strings(value)


@every_type
def test_every_string_has_a_bound(name: str) -> None:
    found = list(strings(FIXES[name].model_json_schema()))
    assert found
    assert all(one["maxLength"] <= 10_000 for one in found)


@every_type
def test_it_refuses_fields_it_does_not_know_and_fields_of_another_type(name: str) -> None:
    with pytest.raises(InvalidFix, match="bogus"):
        parse({"type": name, **FITTING[name], "bogus": 1})
    for key in FITTING[name]:
        with pytest.raises(InvalidFix):
            parse({"type": name, **FITTING[name], key: ["x"]})


@every_type
def test_a_fix_is_a_value(name: str) -> None:
    fix = fitting(name)
    assert hash(fix) == hash(fitting(name))
    with pytest.raises(ValidationError):
        fix.type = "other"  # type: ignore[attr-defined]


@every_type
def test_it_comes_back_from_json(name: str) -> None:
    class Holder(BaseModel):
        fixes: tuple[AnyFix, ...]

    fix = fitting(name)
    assert parse(fix.model_dump(mode="json")) == fix
    held = Holder(fixes=(fix,))
    assert Holder.model_validate_json(held.model_dump_json()) == held


@every_type
def test_applying_is_pure_and_changes_something_once(name: str) -> None:
    fix = fitting(name)
    before = SNAPSHOT.model_copy(deep=True)
    changed = fix.apply(SNAPSHOT)
    assert before == SNAPSHOT
    assert fix.apply(SNAPSHOT) == changed != SNAPSHOT
    assert fix.has_effect(SNAPSHOT)
    assert not fix.has_effect(changed)
    assert changed.version == SNAPSHOT.version
    assert changed.resource_versions == SNAPSHOT.resource_versions


@every_type
def test_it_stays_within_its_own_reach(name: str) -> None:
    fix = fitting(name)
    assert fix.reach.beyond(SNAPSHOT, fix.apply(SNAPSHOT)) == ()
    changed = validate(fix, SNAPSHOT, problems=lambda _: (), policy=ALLOWED)
    assert changed == fix.apply(SNAPSHOT)


@every_type
def test_its_preview_shows_a_diff_and_says_it_in_words(name: str) -> None:
    shown, changed = preview(fitting(name), fix_id="fix_1", base=SNAPSHOT)
    assert changed == fitting(name).apply(SNAPSHOT)
    assert shown.fix_type == name
    assert any(line.startswith("+") for line in shown.diff.splitlines()[2:])
    assert shown.summary.endswith(".")
    assert shown.base_digest == SNAPSHOT.digest


def test_the_schema_has_every_type_and_nothing_open() -> None:
    models = json_schema()["anyOf"]
    assert {model["properties"]["type"]["const"] for model in models} == FIXES.keys()
    assert all(model["additionalProperties"] is False for model in models)


@pytest.mark.parametrize("alias", sorted(ALIASES))
def test_an_older_name_means_the_same(alias: str) -> None:
    name = ALIASES[alias]
    assert parse({"type": alias, **FITTING[name]}) == fitting(name)
