"""What is looked at before a resource is stored, by whatever way it comes."""

import json

import pytest
import sqlalchemy as sa

from engine.engine import Engine
from engine.errors import InvalidDefinition
from engine.storage.resource_checks import flaws
from engine.storage.tables import RESOURCE
from engine.testing import actions, inline_engine, tool, workflow
from engine.workspace import FIELD_TYPES, CustomField, ResourceKind, leads_inside


@pytest.fixture
def engine(tmp_path):
    with inline_engine(tmp_path, actions=actions()) as one:
        yield one


def write_as_it_was(engine: Engine, kind, name, content):
    """A row from before there were rules."""
    engine.put_resource("acme", kind, "made", {"type": "text"})
    row = {"name": name, "content": json.dumps(content)}
    with engine.database.begin() as connection:
        connection.execute(sa.update(RESOURCE).where(RESOURCE.c.name == "made").values(row))


@pytest.mark.parametrize(
    ("kind", "name", "content", "place"),
    [
        ("custom_field", "shade", {"type": "colour"}, "/type"),
        ("document", "Rates", {"path": "../rates.pdf"}, "/path"),
        ("integration", "Gmail", {"type": "gmail", "connected": "yes"}, "/connected"),
        ("template", "../x", {"body": "Hi"}, "name"),
    ],
    ids=["type", "path", "boolean", "name"],
)
def test_a_change_that_would_store_nonsense_stores_nothing(engine, kind, name, content, place):
    stored = engine.put_workflow("acme", workflow(tool("a")), workflow_id="w")
    change = (kind, name, content, 0)
    with pytest.raises(InvalidDefinition, match=f"^{kind} '{name}', {place}: "):
        engine.apply_change(
            "acme",
            change_id="c",
            workflow_id="w",
            expected_version=stored.version,
            workflow=workflow(tool("b")),
            resources=[change],
        )
    assert engine.workflow("acme", "w").version == stored.version
    assert engine.resources("acme").versions == {}


def test_every_type_of_a_field_can_be_stored(engine):
    for kind in FIELD_TYPES:
        engine.put_resource("acme", "custom_field", kind, {"type": kind})
    assert set(engine.resources("acme").resources.custom_fields) == set(FIELD_TYPES)


def test_what_was_stored_before_a_rule_is_read_and_can_be_taken_away(engine):
    write_as_it_was(engine, "custom_field", "../x", {"label": "Shade", "type": "colour"})
    field = engine.resources("acme").resources.custom_fields["../x"]
    assert field == CustomField(label="Shade", type="colour")
    engine.put_resource("acme", "custom_field", "../x", {"label": "Shade", "type": "text"})
    engine.put_resource("acme", "custom_field", "../x", None)
    assert engine.resources("acme").versions == {}


def test_all_flaws_are_found_and_no_value_is_repeated():
    content = {"type": 3, "connected": "quiet-otter", "more~/": "quiet-otter"}
    found = flaws(ResourceKind.INTEGRATION, "a//b", content, is_new=True)
    assert [one.place for one in found] == ["name", "/type", "/connected", "/more~0~1"]
    assert "quiet-otter" not in repr(found)


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        ("rates.pdf", True),
        ("a/b/c.csv", True),
        ("..rates.pdf", True),
        ("", False),
        (".", False),
        ("/etc/passwd", False),
        ("a/../../b", False),
        ("c:b", False),
        ("a\\b", False),
        ("a\nb", False),
    ],
)
def test_a_path_leads_inside_by_how_it_is_written(path, inside):
    assert leads_inside(path) is inside
