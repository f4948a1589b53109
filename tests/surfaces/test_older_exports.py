"""A file that was exported before the newest version: nothing that was stored since goes unsaid."""

import pytest
import yaml

from copilot.bootstrap import open_app
from copilot.errors import InvalidInput
from copilot.settings import load
from copilot.surfaces.cli._definitions import stored_as
from copilot.surfaces.cli._origins import holds
from copilot.types.principal import Principal, Role

FIRST = """name: Team mail
description: First
steps:
  - {id: a, name: Read, action: write_file, with: {path: a.txt, content: hi}}
  - {id: b, name: Write, action: write_file, with: {path: b.txt, content: hi}}
"""
ADA = {"ASK_COPILOT_USER": "ada"}
BEN = {"ASK_COPILOT_USER": "ben"}


@pytest.fixture
def stored(ask):
    """A workflow's version 1 and nothing else."""
    with open_app(load({}, data=ask.folder / ".ask-copilot")) as app:
        app.owner().workflows.create(FIRST, workflow_id="team-mail")
    return ask


def run(ask, text, *options, name="mine.yaml", env=None):
    """What `run` says to a file with *text*, on one line."""
    answer = ask("run", ask.write(name, text), *options, env=env)
    return answer.code, " ".join((answer.out + answer.err).split())


def exported(ask, *options):
    return ask("export", "team-mail", *options).out


def newest(ask):
    return ask("export", "team-mail", "--json").json["version"]


def test_an_edit_of_another_file_since_is_told_with_a_command_that_shows_it(stored):
    text = exported(stored)
    assert run(stored, text.replace("name: Read", "name: Read all")) != (0, "")
    mine = text.replace("name: Write", "name: Write all")
    answer = stored("run", stored.write("ben.yaml", mine))
    first, *_ = answer.out.splitlines()
    assert first.startswith("Stored as version 3. Version 2, of 20")
    assert "came after version 1, which this file was exported from, and is not all in it" in first
    assert first.endswith("`ask-copilot export team-mail --version 2 | diff ben.yaml -`.")
    assert "name: Read all" in exported(stored, "--version", "2")
    assert exported(stored, "--version", "2").startswith("# Version 2 (")


def test_a_program_is_told_too(stored):
    text = exported(stored)
    assert "notes" not in stored("run", "team-mail", "--json").json
    run(stored, text.replace("name: Read", "name: Read all"))
    file = stored.write("ben.yaml", text.replace("name: Write", "name: Write all"))
    (note,) = stored("run", file, "--json").json["notes"]
    assert note.startswith("Stored as version 3. Version 2, of ")


def test_one_file_that_is_edited_and_run_again_and_again_is_told_nothing(stored):
    text = exported(stored)
    for old, new in (("First", "Second"), ("name: Read", "name: Read all"), ("b.txt", "c.txt")):
        text = text.replace(old, new)
        code, said = run(stored, text)
        assert (code, "Stored as" in said) == (0, False)
    assert newest(stored) == 4


def test_what_somebody_else_stored_since_is_not_dropped_silently(stored):
    text = exported(stored)
    assert run(stored, text.replace("name: Read", "name: Read all"), env=ADA)[0] == 0
    mine = text.replace("name: Write", "name: Write all")
    code, said = run(stored, mine, env=BEN)
    assert (code, newest(stored)) == (3, 2)
    assert (
        "it was exported from version 1 of team-mail, and ada stored version 2 after that" in said
    )
    assert "Compare with `ask-copilot export team-mail | diff mine.yaml -`" in said
    assert run(stored, mine, "--replace", env=BEN)[0] == 0
    assert newest(stored) == 3


def test_an_own_file_is_told_whose_newest_version_it_lacks(stored):
    text = exported(stored)
    assert run(stored, text.replace("name: Read", "name: Read all"), env=ADA)[0] == 0
    code, said = run(stored, FIRST.replace("name: Write", "name: Write all"), env=BEN)
    assert (code, newest(stored)) == (0, 3)
    assert said.startswith(
        "Stored as version 3. Version 2, which ada stored, is not all in it: see it with"
        " `ask-copilot export team-mail --version 2 | diff mine.yaml -`."
    )
    more = FIRST.replace("name: Write", "name: Write more")
    assert "Stored as" not in run(stored, more, env=BEN)[1], "it is their own"


def test_an_own_file_that_builds_on_what_another_has_stored_is_told_nothing(stored):
    theirs = FIRST.replace("name: Read", "name: Read all")
    assert run(stored, theirs, env=ADA)[0] == 0
    mine = theirs.replace("name: Write", "name: Write all")
    assert "Stored as" not in run(stored, mine, env=BEN)[1]


def test_who_took_over_what_somebody_else_stored_may_store_it(stored):
    text = exported(stored)
    theirs = text.replace("name: Read", "name: Read all")
    assert run(stored, theirs, env=ADA)[0] == 0
    code, said = run(stored, theirs.replace("name: Write", "name: Write all"), env=BEN)
    assert (code, "Stored as" in said) == (0, False)


def test_who_may_not_read_the_audit_is_told_and_not_refused(stored):
    text = exported(stored)
    run(stored, text.replace("name: Read", "name: Read all"), env=ADA)
    file = stored.folder / "ben.yaml"
    file.write_text(text.replace("name: Write", "name: Write all"))
    with open_app(load({}, data=stored.folder / ".ask-copilot")) as app:
        ben = Principal(id="ben", name="Ben", workspace_id="default", role=Role.APPROVER)
        owner = ben.model_copy(update={"role": Role.OWNER})
        with pytest.raises(InvalidInput, match="ada stored version 2"):
            stored_as(app.copilot.serve(owner), str(file), replace=False)
        (note,) = stored_as(app.copilot.serve(ben), str(file), replace=False).notes
    assert "Version 2, of " in note


def test_the_newest_export_edited_back_to_an_older_version_is_taken(stored):
    before = exported(stored)
    run(stored, before.replace("First", "Second"))
    code, said = run(stored, exported(stored).replace("Second", "First"))
    assert (code, "Stored as" in said) == (0, False)
    assert newest(stored) == 3
    code, said = run(stored, before.replace("First", "Second"))
    assert (code, "it is an older version of team-mail" in said) == (3, True)


def test_another_name_makes_another_workflow_and_says_of_what(stored):
    text = exported(stored).replace("name: Team mail", "name: Team post")
    code, said = run(stored, text)
    assert code == 0
    assert said.startswith("A new workflow team-post, made from version 1 of team-mail.")
    code, said = run(stored, text.replace("First", "Second"))
    assert said.startswith(
        "Stored as version 2 of team-post, although the file was exported from version 1 of team-mail"
    )
    assert newest(stored) == 1
    assert run(stored, text.replace("First", "Second"))[1].startswith("✓")


def test_a_version_that_is_not_there_yet_is_told_as_that(stored):
    refused = stored("export", "team-mail", "--version", "9", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (3, "invalid_input")
    assert "team-mail has no version 9; the newest is 1" in refused.json["error"]["message"]


def test_a_file_of_ones_own_that_is_new_is_told_nothing(stored):
    assert run(stored, FIRST.replace("Team mail", "Mine"))[1].startswith("✓")


@pytest.mark.parametrize(
    ("newest_edit", "own_edit", "is_held"),
    [
        ({"name: Read": "name: All"}, {"name: Read": "name: All", "hi": "ho"}, True),
        ({"name: Read": "name: All"}, {"hi": "ho"}, False),
        ({"name: Read": "name: All"}, {"name: Read": "name: Some"}, False),
        ({"description: First": "budget: {}"}, {"hi": "ho"}, False),
        ({"content: hi": "content: []"}, {"a.txt": "c.txt"}, False),
    ],
    ids=["held", "dropped", "both-there", "taken-out", "emptied"],
)
def test_a_place_that_has_changed_must_be_as_it_is_now(newest_edit, own_edit, is_held):
    assert holds(_with(own_edit), base=_with({}), newest=_with(newest_edit)) is is_held


def test_a_step_put_in_is_no_change_of_those_after_it_but_another_order_is_one():
    base = _with({})
    one, two = base["steps"]
    new = {**one, "id": "new"}
    assert holds({**base, "steps": [new, one, two]}, base=base, newest=base)
    longer = {**base, "steps": [one, {**two, "name": "All"}]}
    mine = {**base, "steps": [new, *longer["steps"]]}
    assert holds(mine, base=base, newest=longer)
    assert not holds({**base, "steps": [new, one, two]}, base=base, newest=longer)
    turned = {**base, "steps": [two, one]}
    assert not holds({**base, "description": "Mine"}, base=base, newest=turned)
    assert holds({**turned, "description": "Mine"}, base=base, newest=turned)
    assert not holds(base, base=base, newest={**base, "steps": [one]})


def _with(edits):
    text = FIRST
    for old, new in edits.items():
        assert old in text
        text = text.replace(old, new)
    return yaml.safe_load(text)
