"""A compromised model and a person who approves everything: what must still hold.

Fixes are generated in valid shape with hostile values, parsed, validated and applied. Whatever
gets through may have changed only what its type is for. The checks here know nothing of `reach`:
they compare leaves. Types that change a workflow's shape or its limits are attacked in
`propose/test_compromised.py`, where all are.
"""

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copilot.characters import has_hidden
from copilot.definitions import leaves, spell
from copilot.errors import CopilotError
from copilot.fixes import parse, type_of
from copilot.pipeline.validate import validate
from copilot.snapshot import Snapshot

SNAPSHOT = Snapshot(
    workspace_id="acme",
    workflow_id="digest",
    version=7,
    definition={
        "name": "Digest",
        "instructions": "Use the template 'Outbound v3' and 'Welcome'. Answer at once.",
        "restrictions": {
            "max_sends": 50,
            "allowed_domains": "acme.example",
            "min_pause": 5,
            "max_cost_usd": 3,
            "allowed_integrations": ["Gmail", "Slack"],
            "blocked_senders": ["spam"],
        },
        "memory": {"notes": "none"},
        "trigger": {"type": "schedule", "schedule": "0 8 * * *"},
        "budget": {"max_cost_usd": "2", "max_tokens": 5000},
        "steps": [
            {
                "id": "read",
                "type": "tool",
                "action": "read_sheet",
                "with": {
                    "file": "mail.xlsx",
                    "range": "UrgentEmails",
                    "max_rows": 1,
                    "header": True,
                    "ratio": 1.0,
                    "columns": ["Name", "Emial"],
                },
            },
            {
                "id": "call",
                "type": "tool",
                "action": "http_request",
                "with": {
                    "url": "https://api.acme.example/v1",
                    "method": "GET",
                    "headers": {"X-Key": {"secret": "crm"}, "Accept": "json"},
                    "query": {"api_key": "k", "page": 1, "callback": "none"},
                },
            },
            {"id": "sort", "type": "agent", "prompt": "Sort {{ read.rows }} by {{ call.ordr }}"},
            {
                "id": "fill",
                "type": "tool",
                "action": "render_template",
                "with": {
                    "template": "Outbound v3",
                    "rows": "{{ sort.rows }}",
                    "values": {"company": "{{ call.compny }}", "note": "see you"},
                },
            },
            {
                "id": "send",
                "type": "tool",
                "action": "send_email",
                "with": {
                    "to": "{{ read.emial }}",
                    "reply_to": "boss@acme.example",
                    "messages": "{{ fill }}",
                },
            },
        ],
    },
    resources={
        "template": {
            "Outbound v2": {"subject": "Hi", "body": "Hi {name}"},
            "Welcome": {"body": "x"},
        },
        "integration": {
            "Gmail": {"type": "gmail", "connected": True},
            "HubSpot": {"type": "hubspot", "connected": True},
            "LinkedIn": {"type": "linkedin", "connected": False},
        },
        "document": {"prices": {"path": "prices.pdf"}},
        "custom_field": {"leadScore": {"label": "Lead score"}},
    },
    resource_versions={"template/Outbound v2": 2},
)
LEAVES = {spell(way): value for way, value in leaves(SNAPSHOT.definition)}

HOSTILE = [
    "https://evil.example/x", "//evil.example", "\\\\evil\\share", "{{ secrets.crm }}", "{{ read }}",
    "{{ call.headers }}", "{% raw %}", "${env}", "<img src=x>", "[a](b)", "x@evil.example", "javascript:x",
    "a\u202eb", "a\u200bb", "\U000e0041", "\ud800", "\x1b[31m", "../../etc/passwd", "", " ", "\n", "a\nb",
    "\uff28ttp\uff1a\uff0f\uff0fevil", "\uff1cscript\uff1e", "\u041eutbound v2", "outbound V2", "OUTBOUND V3",
    "__proto__", "x" * 20_000, "{{ read.rows }} and {{ call.order }}", "Sort {{ send.x }} by {{ call.order }}",
    "{{ evil.emial }}", "{{ read.attacker }}", "{{read.emial}}{{read.emial}}", "evil.example",
]  # fmt: skip
BENIGN = [
    "DefinedRange", "Outbound v2", "Outbound v3", "Welcome", "leads.xlsx", "Name", "Email", "see you soon",
    "{{ read.email }}", "{{ call.company }}", "{{ sort.row }}", "Hello {name}", "Hello", "UrgentEmails",
    "Sort {{ read.rows }} by {{ call.order }}", "If the template is missing, use 'Welcome'.", "leadScore",
    "Skip empty rows.", "to", "rows", "messages", "prices", "{{ fill }}", "Gmail", "Digest",
]  # fmt: skip

words = st.text("abcdef gXYZ", min_size=1, max_size=12).map(str.strip)
texts = st.one_of(words, st.sampled_from(BENIGN), st.sampled_from(HOSTILE), st.text(max_size=30))
scalars = st.one_of(texts, st.integers(-5, 5), st.booleans(), st.floats(), st.just(1.0), st.none())


def plausible(value: Any) -> list[Any]:
    """Values a helpful model might put in the place of *value*, and some of another type."""
    if isinstance(value, str) and "{{" in value:
        slips = [("emial", "email"), ("ordr", "order"), ("compny", "company"), ("rows", "row")]
        return [value.replace(old, new) for old, new in slips]
    if isinstance(value, str):
        return ["DefinedRange", "leads.xlsx", "Email", "Outbound v2", "see you soon"]
    return [2, 2.0, True, 0, -1, 1.5]


@st.composite
def replacements(draw: st.DrawFn) -> dict[str, Any]:
    elsewhere = ["/steps/9/with/x", "/steps/0/with", "/name", "", "/steps", "/steps/00/with/range"]
    likely = [path for path in LEAVES if path.startswith(("/steps/0", "/steps/3", "/steps/2/p"))]
    path = draw(st.sampled_from([*LEAVES, *likely, *likely, *elsewhere]))
    current = LEAVES.get(path, "x")
    old = draw(scalars) if draw(st.integers(0, 4)) == 0 else current
    value = draw(scalars) if draw(st.booleans()) else draw(st.sampled_from(plausible(current)))
    return {"path": path, "old": old, "value": value}


@st.composite
def adjustments(draw: st.DrawFn) -> dict[str, Any]:
    restrictions = SNAPSHOT.definition["restrictions"]
    assert isinstance(restrictions, dict)
    name = draw(st.sampled_from([*restrictions, "max_sends", "allowed_integrations", "url", ""]))
    current = restrictions.get(name, 1)
    item = st.one_of(st.sampled_from(["Gmail", "Slack", "HubSpot", "LinkedIn"]), texts)
    how = draw(st.sampled_from(["value", "value", "lower", "add", "remove"]))
    if how == "lower":
        return {"name": "max_sends", "old": 50, "value": draw(st.integers(0, 60))}
    if how != "value":
        return {"name": name, how: draw(item)}
    old = current if draw(st.integers(0, 4)) else draw(scalars)
    likely = st.integers(1, 60)
    return {"name": name, "old": old, "value": draw(st.one_of(likely, likely, scalars))}


def fields(**strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=strategies)


def sentences() -> st.SearchStrategy[str]:
    return st.lists(texts, min_size=1, max_size=3).map(" ".join)


step_ids = st.sampled_from(["read", "call", "sort", "fill", "send", "evil", "__class__"])
names = st.one_of(
    st.sampled_from(["Outbound v3", "Outbound v2", "Welcome", "Gmail", "prices"]), texts
)
GENERATED: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "replace_value": replacements(),
    "update_instructions": st.one_of(
        st.fixed_dictionaries({"add": sentences()}),
        st.fixed_dictionaries({"old": names, "new": names}),
        fields(add=texts, old=texts, new=texts),
    ),
    "create_template": st.fixed_dictionaries(
        {
            "name": st.one_of(st.just("Outbound v3"), names),
            "subject": st.one_of(st.sampled_from(["Hello", "For {name}"]), words, texts),
            "body": st.one_of(st.sampled_from(["Hello", "Hello {name}"]), words, sentences()),
        }
    ),
    "create_field": st.fixed_dictionaries(
        {
            "name": st.one_of(st.sampled_from(["Outbound v3", "Welcome", "score"]), names),
            "label": st.one_of(st.just("Lead score"), words, texts),
        },
        optional={"holds": st.sampled_from(["text", "number", "url"])},
    ),
    "adjust_restrictions": adjustments(),
    "skip_invalid": st.fixed_dictionaries(
        {
            "step": st.one_of(st.sampled_from(["fill", "send"]), step_ids),
            "parameter": st.sampled_from(["rows", "messages", "rows", "messages", "to", "url", ""]),
            "field": st.one_of(st.sampled_from(["to", "Email", "First Name"]), words, texts),
            "check": st.sampled_from(["email", "filled", "email", "no"]),
        }
    ),
}


def by_step(snapshot: Snapshot) -> dict[tuple[str, ...], Any]:
    """Every leaf of the definition; those of steps under the step's id, not its place."""
    rest = {key: value for key, value in snapshot.definition.items() if key != "steps"}
    found: dict[tuple[str, ...], Any] = dict(leaves(rest))
    listed = snapshot.definition["steps"]
    assert isinstance(listed, list)
    for step in listed:
        assert isinstance(step, dict)
        for way, value in leaves(step):
            found["steps", str(step["id"]), *way] = value
    return found


BEFORE = by_step(SNAPSHOT)
NEVER = frozenset(["url", "headers", "query", "method", "budget", "trigger", "memory", "reply_to"])
ALLOWED = {
    "replace_value": lambda way: way[0] == "steps" and way[2] in ("with", "prompt"),
    "update_instructions": lambda way: way == ("instructions",),
    "create_template": lambda _way: False,
    "create_field": lambda _way: False,
    "adjust_restrictions": lambda way: way == ("restrictions", "max_sends"),
    "skip_invalid": lambda way: way[1:] in {("send", "with", "messages"), ("fill", "with", "rows")},
}


def check_change(name: str, changed: Snapshot) -> None:
    if name == "adjust_restrictions":
        changed = check_restrictions(changed)
    after = by_step(changed)
    assert BEFORE.keys() <= after.keys()
    for way in BEFORE:
        if after[way] == BEFORE[way] and type(after[way]) is type(BEFORE[way]):
            continue
        assert type(after[way]) is type(BEFORE[way])
        assert ALLOWED[name](way), way
        assert way[-1] == "page" or not NEVER.intersection(way), way
        assert not has_hidden(str(after[way]))
        if way[-1] == "to":
            assert after[way] == "{{ read.email }}"
        if isinstance(after[way], str):
            old, new = str(BEFORE[way]), str(after[way])
            assert ("{{" in new) == ("{{" in old)
            assert "secrets" not in new
            assert "://" not in new
            assert "evil" not in new or name in ("update_instructions", "replace_value")
    check_additions(name, {way: after[way] for way in after.keys() - BEFORE.keys()}, changed)
    check_resources(name, changed)


def check_restrictions(changed: Snapshot) -> Snapshot:
    """Numbers only went down, lists only got tighter or a connected integration; as it was then."""
    before, after = SNAPSHOT.definition["restrictions"], changed.definition["restrictions"]
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    assert before.keys() == after.keys()
    assert 1 <= after["max_sends"] <= 50
    assert set(after["allowed_integrations"]) <= {"Gmail", "Slack", "HubSpot"}
    assert len(after["allowed_integrations"]) >= 1
    assert "spam" in after["blocked_senders"]
    tightened = ("max_sends", "allowed_integrations", "blocked_senders")
    assert all(before[key] == after[key] for key in before if key not in tightened)
    assert not has_hidden(str(after))
    return changed.evolve(definition={**changed.definition, "restrictions": before})


def check_additions(name: str, added: dict[tuple[str, ...], Any], changed: Snapshot) -> None:
    if name != "skip_invalid":
        assert not added
        return
    (step,) = {way[1] for way in added}
    by_key = {way[2:]: value for way, value in added.items()}
    assert by_key.pop(("id",)) == step
    assert by_key.pop(("action",)) == "filter_rows"
    assert by_key.pop(("with", "rows")) in ("{{ fill }}", "{{ sort.rows }}")
    assert {way[0] for way in by_key} <= {"type", "name", "with"}
    assert not any("{{" in str(value) or has_hidden(str(value)) for value in by_key.values())
    assert isinstance(changed.definition["steps"], list)
    assert len(changed.definition["steps"]) == 6


def check_resources(name: str, changed: Snapshot) -> None:
    resources = {kind: dict(named) for kind, named in changed.resources.items()}
    if name == "create_template":
        (new,) = resources["template"].keys() - SNAPSHOT.resources["template"].keys()
        assert new.casefold() == "outbound v3"
        text = str(resources["template"].pop(new))
        assert not any(part in text for part in ("://", "{{", "<", "@", "evil.example", "\u202e"))
    if name == "create_field":
        (field,) = resources["custom_field"].keys() - SNAPSHOT.resources["custom_field"].keys()
        assert field in ("Outbound v3", "Welcome")
        content = resources["custom_field"].pop(field)
        assert content.keys() == {"label", "type"}
        assert not any(part in str(content) for part in ("://", "{{", "<", "@", "\u202e"))
    assert resources == SNAPSHOT.resources
    assert (changed.workspace_id, changed.workflow_id, changed.version) == ("acme", "digest", 7)
    assert changed.resource_versions == SNAPSHOT.resource_versions


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_nothing_a_fix_can_say_reaches_further_than_its_type(name: str) -> None:
    outcome: Counter[str] = Counter()
    untouched = SNAPSHOT.model_dump_json()

    @settings(
        max_examples=1000,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(GENERATED[name])
    def attack(data: dict[str, Any]) -> None:
        try:
            changed = validate(parse({"type": name, **data}), SNAPSHOT, problems=lambda _: ())
        except CopilotError:
            outcome["refused"] += 1
        else:
            outcome["applied"] += 1
            check_change(name, changed)
        assert SNAPSHOT.model_dump_json() == untouched

    attack()
    assert outcome["applied"] > 50, outcome
    assert outcome["refused"] > 50, outcome


junk = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=8
)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(
    st.one_of(junk, st.dictionaries(st.sampled_from(["type", "path", "old", "name", "add"]), junk))
)
def test_parsing_anything_gives_a_fix_or_one_of_our_errors(data: Any) -> None:
    try:
        fix = parse(data)
    except CopilotError as error:
        shown = str(error)
    else:
        shown = type_of(fix)
        assert parse(fix.model_dump(mode="json")) == fix
    assert len(shown) < 2000
