"""Changes of a workflow's shape: what each does, and everything it does not do."""

from typing import Any

import pytest

from copilot.errors import InvalidFix
from copilot.fixes import FIXES, Ceilings, parse
from copilot.pipeline.validate import FixPolicy, validate
from copilot.snapshot import Snapshot

DEFINITION: dict[str, Any] = {
    "name": "Digest",
    "inputs": {"region": {"default": "north"}},
    "documents": ["prices.pdf", "brand.md"],
    "steps": [
        {"id": "read", "type": "tool", "action": "read_sheet", "with": {"file": "a.csv", "header": False}},
        {"id": "call", "type": "tool", "action": "http_request", "with": {"url": "https://x.example", "query": {"q": "a"}}},
        {"id": "sort", "type": "agent", "prompt": "Sort {{ read }} for {{read}} by {{ call.body }}", "model": "m-1"},
        {
            "id": "each",
            "type": "loop",
            "for_each": "{{ read.rows }}",
            "as": "row",
            "max_iterations": 9,
            "steps": [{"id": "judge", "type": "agent", "prompt": "Judge {{ row.item }}", "output": "json"}],
        },
        {
            "id": "fill",
            "type": "tool",
            "action": "render_template",
            "with": {"template": "Old", "rows": "{{ sort.rows }}", "values": {"who": "{{ sort.who }}"}},
        },
        {"id": "send", "type": "tool", "action": "send_email", "with": {"to": "{{ sort.to }}", "messages": "{{ fill }}"}},
        {"id": "end", "type": "agent", "prompt": "End {{ read }}", "tools": ["read_sheet"], "documents": ["own.md"]},
    ],
}  # fmt: skip
BASE = Snapshot(workspace_id="w", workflow_id="f", version=1, definition=DEFINITION)


def applied(kind: str, **fields: Any) -> Any:
    """The steps afterwards, with all the checks but the engine's."""
    changed = validate(parse({"type": kind, **fields}), BASE, problems=lambda _: ())
    return changed.definition["steps"]


def refused(kind: str, **fields: Any) -> str:
    with pytest.raises(InvalidFix) as caught:
        applied(kind, **fields)
    return str(caught.value)


def summary(kind: str, **fields: Any) -> str:
    return parse({"type": kind, **fields}).summary(BASE)


def test_a_reference_is_exchanged_wherever_it_stands_in_a_text() -> None:
    given = {"path": "/steps/2/prompt", "old": "read", "reads": 'call.body["First Name"]'}
    steps = applied("map_input", **given)
    assert steps[2]["prompt"].count('{{ call.body["First Name"] }}') == 2
    assert "{{ call.body }}" in steps[2]["prompt"]
    assert summary("map_input", **given) == (
        "In step 'sort', prompt reads call.body[\"First Name\"] instead of read."
    )


@pytest.mark.parametrize(
    ("path", "old", "reads"),
    [
        ("/steps/3/for_each", "read.rows", "read"),
        ("/steps/3/steps/0/prompt", "row.item", "row.previous"),
        ("/steps/3/steps/0/prompt", "row.item", "call.body"),
        ("/steps/4/with/rows", "sort.rows", "inputs.region"),
        ("/steps/5/with/messages", "fill", "fill.messages"),
    ],
)
def test_it_reads_what_can_be_seen_from_there(path: str, old: str, reads: str) -> None:
    assert f"{{{{ {reads} }}}}" in str(applied("map_input", path=path, old=old, reads=reads))


def test_a_missing_value_is_added_to_an_object_of_the_parameters() -> None:
    given = {"path": "/steps/4/with/values/region", "reads": "inputs.region"}
    assert applied("map_input", **given)[4]["with"]["values"] == {
        "who": "{{ sort.who }}",
        "region": "{{ inputs.region }}",
    }
    assert summary("map_input", **given) == "In step 'fill', region is read from inputs.region."


@pytest.mark.parametrize(
    ("path", "old", "reads", "why"),
    [
        ("/steps/2/prompt", "read", "send.sent", "no step before this one is called 'send'"),
        ("/steps/2/prompt", "read", "sort", "no step before this one is called 'sort'"),
        ("/steps/4/with/rows", "sort.rows", "judge.x", "no step before this one is called 'judge'"),
        ("/steps/4/with/rows", "sort.rows", "row.item", "no step before this one is called 'row'"),
        ("/steps/2/prompt", "read", "inputs.secret_name", "names something confidential"),
        ("/steps/2/prompt", "read", "inputs.place", "declares no such input"),
        ("/steps/2/prompt", "read", "inputs", "declares no such input"),
        ("/steps/3/steps/0/prompt", "row.item", "row.token", "confidential"),
        ("/steps/3/steps/0/prompt", "row.item", "row.rows", "a loop has no 'rows'"),
        ("/steps/2/prompt", "read", "read | upper", "it is no reference"),
        ("/steps/2/prompt", "read", "{{ read }}", "it is no reference"),
        ("/steps/2/prompt", "read", 'read["https://x"]', "it is no reference"),
        ("/steps/2/prompt", "read.rows", "call", "is not read at /steps/2/prompt any more"),
        ("/steps/2/prompt", "read", "read", "it is read there already"),
        ("/steps/5/with/to", "sort.to", "read.to", "who receives something"),
        ("/steps/5/with/messages", "fill", "read", "so they stay the same step's"),
        ("/steps/1/with/url", "x", "read.link", "is not for a fix to change"),
        ("/steps/4/with/rows/x", None, "read", "is not a value of an object"),
        ("/steps/4/with/cc", None, "read", "who receives something"),
        ("/steps/4/with/subject", None, "read", "is not a value of an object"),
        ("/steps/4/with/values/who", None, "read", "something stands at"),
        ("/steps/4/with/values/api_key", None, "read", "is not for a fix to change"),
        ("/steps/4/with/values/to", None, "read", "who receives something"),
        ("/steps/3/max_iterations", "x", "read", "is not in the parameters of a step"),
        ("/steps/9/prompt", "x", "read", "is not in the parameters of a step"),
    ],
)
def test_what_can_not_be_mapped(path: str, old: str | None, reads: str, why: str) -> None:
    fields = {"path": path, "reads": reads} | ({} if old is None else {"old": old})
    assert why in refused("map_input", **fields)


def test_a_fallback_is_the_step_with_one_other_name() -> None:
    given = {"step": "read", "parameter": "file", "value": "b.csv"}
    assert applied("add_fallback", **given)[0]["fallback"] == {
        "action": "read_sheet",
        "with": {"file": "b.csv", "header": False},
    }
    assert summary("add_fallback", **given) == (
        "When step 'read' has failed, it is done with the file 'b.csv' instead."
    )


def test_a_fallback_asks_a_model_that_the_workflow_asks_already() -> None:
    steps = applied("add_fallback", step="judge", model="m-1")
    assert steps[3]["steps"][0]["fallback"] == {"model": "m-1"}


@pytest.mark.parametrize(
    ("given", "approver"),
    [
        ({"step": "judge", "model": "m-1"}, "owner"),
        ({"step": "sort", "words": "Nothing today."}, "editor"),
        ({"step": "read", "parameter": "file", "value": "b.csv"}, "editor"),
    ],
    ids=["another model", "words", "another file"],
)
def test_what_goes_to_another_model_is_for_an_owner_to_approve(given, approver) -> None:
    assert parse({"type": "add_fallback", **given}).approver == approver


def test_a_fallback_to_another_model_is_asked_where_its_workflow_asks() -> None:
    first = {"id": "a", "type": "agent", "model": "m-1", "runtime": "anthropic", "prompt": "x"}
    other = {"id": "b", "type": "agent", "model": "m-2", "prompt": "y"}
    base = BASE.evolve(definition={"name": "w", "steps": [first, other]})
    fix = parse({"type": "add_fallback", "step": "a", "model": "m-2"})
    usable = Ceilings(models=frozenset({("openai", "m-2"), ("anthropic", "m-1")}))
    validate(fix, base, problems=lambda _: (), policy=FixPolicy(ceilings=usable))


def test_a_fallback_of_an_agent_says_fixed_words() -> None:
    given = {"step": "sort", "words": "Nothing today."}
    assert applied("add_fallback", **given)[2]["fallback"]["with"] == {"body": "Nothing today."}
    assert "goes on with 'Nothing today.' in place" in summary("add_fallback", **given)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"step": "read", "parameter": "file"}, "give either"),
        ({"step": "sort", "model": "m-1", "words": "x"}, "give either"),
        ({"step": "sort"}, "give either"),
        ({"step": "evil", "words": "x"}, "no step 'evil'"),
        ({"step": "sort", "words": "See https://x.example"}, "contains a link"),
        ({"step": "sort", "words": "Hello {name}"}, "has a placeholder"),
        ({"step": "sort", "words": "{{ call }}"}, "template syntax"),
        ({"step": "judge", "words": "none"}, "gives data"),
        ({"step": "read", "words": "none"}, "is no agent"),
        ({"step": "sort", "model": "m-1"}, "asks this model itself"),
        ({"step": "judge", "model": "m-2"}, "no other step of this workflow asks the model 'm-2'"),
        ({"step": "call", "parameter": "q", "value": "b"}, "is not for a fix to do again"),
        ({"step": "send", "parameter": "messages", "value": "b"}, "is not for a fix to do again"),
        ({"step": "fill", "parameter": "to", "value": "x"}, "is not for a fix to change"),
        ({"step": "read", "parameter": "sheet", "value": "b"}, "has no name for 'sheet'"),
        ({"step": "read", "parameter": "file", "value": "a.csv"}, "has this value itself"),
        ({"step": "read", "parameter": "file", "value": "../b.csv"}, "climbs out of a folder"),
    ],
)
def test_what_can_be_no_fallback(fields: dict[str, Any], why: str) -> None:
    assert why in refused("add_fallback", **fields)


def test_a_step_is_asked_for_each_item_and_then_for_all_of_them() -> None:
    given = {"step": "sort", "list": "read", "most": 20}
    steps = applied("split_step", **given)
    loop, own = steps[2], steps[3]
    assert (loop["for_each"], loop["as"], loop["max_iterations"]) == ("{{ read }}", "part", 20)
    assert loop["steps"] == [
        {
            "id": "sort_part",
            "type": "agent",
            "prompt": "Sort {{ part.item }} for {{ part.item }} by {{ call.body }}",
            "model": "m-1",
        }
    ]
    assert own["id"] == "sort"
    assert own["prompt"] == "Sort {{ sort_parts }} for {{ sort_parts }} by {{ call.body }}"
    assert steps[4:] == DEFINITION["steps"][3:]
    assert summary("split_step", **given) == (
        "Before step 'sort' a loop asks the same of every item of read, at most 20;"
        " 'sort' then reads what came of them."
    )


def test_a_step_inside_a_loop_is_split_where_it_stands_under_names_that_are_free() -> None:
    steps = applied("split_step", step="judge", list="row.item")
    assert [one["id"] for one in steps[3]["steps"]] == ["judge_parts", "judge"]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"step": "read", "list": "read"}, "is no agent"),
        ({"step": "sort", "list": "call"}, "does not read 'call'"),
        ({"step": "end", "list": "read"}, "the tools of step 'end' are for one question"),
        ({"step": "sort", "list": "read", "most": 501}, "less than or equal to 500"),
        ({"step": "sort", "list": "read", "most": 0}, "greater than or equal to 1"),
        ({"step": "sort", "list": "{{ read }}"}, "it is no reference"),
    ],
)
def test_what_can_not_be_split(fields: dict[str, Any], why: str) -> None:
    assert why in refused("split_step", **fields)


def test_a_step_with_a_budget_of_its_own_is_not_split() -> None:
    step = {**DEFINITION["steps"][2], "budget": {"max_cost_usd": 1}}
    base = BASE.evolve(definition={**DEFINITION, "steps": [DEFINITION["steps"][0], step]})
    assert not parse({"type": "split_step", "step": "sort", "list": "read"}).has_effect(base)


def bindings(*pairs: tuple[str, tuple[str, ...]]) -> list[dict[str, Any]]:
    return [{"document": name, "steps": list(ids)} for name, ids in pairs]


def test_documents_move_to_the_steps_named_and_no_other_place() -> None:
    given = bindings(("prices.pdf", ("sort", "judge")), ("brand.md", ("end",)))
    fix = parse({"type": "bind_documents", "bindings": given})
    changed = validate(fix, BASE, problems=lambda _: ()).definition
    steps: Any = changed["steps"]
    assert changed["documents"] == []
    assert steps[2]["documents"] == ["prices.pdf"]
    assert steps[3]["steps"][0]["documents"] == ["prices.pdf"]
    assert steps[6]["documents"] == ["own.md", "brand.md"]
    assert "'prices.pdf' only with 'sort', 'judge'; 'brand.md' only with" in fix.summary(BASE)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (bindings(("own.md", ("sort",))), "does not give 'own.md' to every step"),
        (bindings(("prices.pdf", ("read",))), "is no agent"),
        (bindings(("prices.pdf", ("evil",))), "no step 'evil'"),
        (bindings(("prices.pdf", ("sort",)), ("prices.pdf", ("end",))), "named twice"),
        (bindings(("prices.pdf", ())), "at least 1 item"),
        ([], "at least 1 item"),
        ([{"document": "prices.pdf", "steps": ["sort"], "all": True}], "Extra inputs"),
    ],
)
def test_what_can_not_be_bound(given: list[dict[str, Any]], why: str) -> None:
    assert why in refused("bind_documents", bindings=given)


@pytest.mark.parametrize("kind", ["map_input", "add_fallback", "split_step", "bind_documents"])
def test_an_editor_approves_a_change_of_shape(kind: str) -> None:
    assert FIXES[kind].reach.approver == "editor"
