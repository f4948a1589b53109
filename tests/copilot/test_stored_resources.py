"""What was stored before there were rules for it: who reads it, and that it can be edited."""

import json

import pytest
import sqlalchemy as sa

from copilot.bootstrap import open_app
from copilot.errors import InvalidInput
from copilot.settings import load
from copilot.types.engine import ResourceKind
from copilot.types.principal import Principal, Role
from engine.errors import InvalidDefinition
from engine.storage.tables import RESOURCE

TEMPLATE, INTEGRATION = ResourceKind.TEMPLATE, ResourceKind.INTEGRATION
KEY = "sk-live-51HxYzAbCdEfGhIjKlMnOp"
WRITTEN = {"type": "smtp", "settings": {"password": {"value": "Walnut4821x"}, "port": 25}}


@pytest.fixture
def app(tmp_path):
    with open_app(load({}, data=tmp_path), dispatch=False) as app:
        yield app


def resources(app, role):
    principal = Principal(id=role.value, name="Ada", workspace_id="default", role=role)
    return app.copilot.serve(principal).resources


def write_as_it_was(app, kind, name, content):
    """A row from before there were rules."""
    made = {"body": "Hi"} if kind is TEMPLATE else {"type": "smtp"}
    resources(app, Role.OWNER).put(kind, "made", made)
    row = {"name": name, "content": json.dumps(content)}
    with app.engine.database.begin() as connection:
        connection.execute(sa.update(RESOURCE).where(RESOURCE.c.name == "made").values(row))


@pytest.mark.parametrize(
    "name", ["../x", " Hi ", "/x", KEY], ids=["path", "blanks", "slash", "key"]
)
def test_what_has_a_name_from_before_a_rule_can_be_edited(app, name):
    owner = resources(app, Role.OWNER)
    write_as_it_was(app, INTEGRATION, name, {"type": "smtp"})
    assert owner.put(INTEGRATION, name, {"type": "gmail"}).content["type"] == "gmail"
    with pytest.raises(InvalidInput, match="/type: it is empty"):
        owner.put(INTEGRATION, name, {"type": ""})


@pytest.mark.parametrize("name", ["../x", " Hi ", "a\x00b", "a\ud800"])
def test_a_new_one_or_one_that_is_gone_may_not_have_such_a_name(app, name):
    owner = resources(app, Role.OWNER)
    with pytest.raises(InvalidInput, match="name: "):
        owner.put(TEMPLATE, name, {"body": "Hi"})


def test_what_was_taken_away_is_new_again(app):
    owner = resources(app, Role.OWNER)
    write_as_it_was(app, TEMPLATE, "../x", {"body": "Hi"})
    owner.delete(TEMPLATE, "../x")
    with pytest.raises(InvalidInput, match="name: "):
        owner.put(TEMPLATE, "../x", {"body": "Hi"})
    with pytest.raises(InvalidDefinition):
        app.engine.put_resource("default", TEMPLATE, "../x", {"body": "Hi"})


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_who_may_not_edit_an_account_reads_no_secret_in_it(app, role):
    write_as_it_was(app, INTEGRATION, "Mail", WRITTEN)
    reading = resources(app, role)
    (listed,) = reading.list()
    assert listed == reading.get(INTEGRATION, "Mail")
    assert listed.content["settings"] == {"password": {"value": "[[secret]]"}, "port": 25}


def test_who_may_edit_it_reads_it_as_it_is_and_has_to_take_the_secret_out(app):
    write_as_it_was(app, INTEGRATION, "Mail", WRITTEN)
    owner = resources(app, Role.OWNER)
    content = owner.get(INTEGRATION, "Mail").content
    assert content["settings"] == WRITTEN["settings"]
    with pytest.raises(InvalidInput, match="/settings/password/value: "):
        owner.put(INTEGRATION, "Mail", content)


def test_other_texts_are_shown_as_they_are(app):
    write_as_it_was(app, TEMPLATE, "Hi", {"body": "password: Walnut4821x"})
    (listed,) = resources(app, Role.VIEWER).list()
    assert listed.content["body"] == "password: Walnut4821x"
