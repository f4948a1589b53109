"""What `export` prints can be edited and run; a file that lacks a fix is refused."""

import pytest

from copilot.bootstrap import open_app
from copilot.demo import URGENT_MAIL, workflow_text
from copilot.settings import load

FILE = "mail.yaml"


@pytest.fixture
def fixed(example):
    """The example, whose version 2 a fix has made."""
    return _fix(example)


def edited(text):
    changed = text.replace("Read the inbox", "Read all mail")
    assert changed != text
    return changed


def newest(ask):
    return ask("export", URGENT_MAIL, "--json").json["version"]


def test_an_edited_fresh_export_is_taken_again_and_again(fixed):
    text = fixed("export", URGENT_MAIL).out
    for number, name in enumerate(("Read all mail", "Read every mail"), 3):
        file = fixed.write(FILE, text.replace("Read the inbox", name))
        assert fixed("run", file).code == 0
        assert newest(fixed) == number
    assert "range: DefinedRange" in fixed("export", URGENT_MAIL).out


def test_an_edited_export_from_before_a_fix_is_refused_with_the_difference(example):
    before = example("export", URGENT_MAIL).out
    ask = _fix(example)
    file = ask.write(FILE, edited(before))
    refused = ask("run", file)
    assert refused.code == 3
    told = " ".join(refused.err.split())
    assert f"exported from version 1 of {URGENT_MAIL}, and version 2 of {URGENT_MAIL}" in told
    assert f"`ask-copilot export {URGENT_MAIL} | diff {file} -`" in told
    assert newest(ask) == 2
    assert ask("run", file, "--replace").code == 1
    assert newest(ask) == 3


def test_a_fix_before_the_newest_version_is_not_dropped_either(example):
    before = example("export", URGENT_MAIL).out
    ask = _fix(example)
    ask("run", ask.write(FILE, edited(ask("export", URGENT_MAIL).out)))
    assert newest(ask) == 3
    refused = ask("run", ask.write(FILE, edited(before).replace("all mail", "some mail")))
    assert (refused.code, newest(ask)) == (3, 3)


@pytest.mark.parametrize(
    "first",
    [
        "",
        "# Version 2 (000000000000) of urgent-mail-digest.\n",
        "# Version 9 (000000000000) of urgent-mail-digest.\n",
        "# Version 0 (000000000000) of urgent-mail-digest.\n",
    ],
    ids=["none", "of-another", "too-new", "too-old"],
)
def test_a_file_that_only_claims_to_be_the_newest_is_refused(fixed, first):
    file = fixed.write(FILE, first + edited(workflow_text(URGENT_MAIL)))
    refused = fixed("run", file)
    assert refused.code == 3
    assert "holds a fix that was applied here" in " ".join(refused.err.split())
    assert newest(fixed) == 2


def test_what_was_taken_over_by_hand_with_the_first_line_is_taken(fixed):
    first, *_ = fixed("export", URGENT_MAIL).out.splitlines(keepends=True)
    mine = edited(workflow_text(URGENT_MAIL)).replace("UrgentEmails", "DefinedRange")
    assert fixed("run", fixed.write(FILE, "# My own words.\r\n" + first + mine)).code == 0


def test_a_file_of_ones_own_may_not_drop_a_fix_from_before_the_newest_version(fixed):
    mine = edited(workflow_text(URGENT_MAIL))
    text = fixed("export", URGENT_MAIL).out
    fixed("run", fixed.write("theirs.yaml", text.replace("Read the inbox", "Read every mail")))
    refused = fixed("run", fixed.write(FILE, mine))
    assert (refused.code, newest(fixed)) == (3, 3)
    assert "version 2 of urgent-mail-digest holds a fix" in " ".join(refused.err.split())
    with_fix = fixed.write(FILE, mine.replace("UrgentEmails", "DefinedRange"))
    assert (fixed("run", with_fix).code, newest(fixed)) == (0, 4)


def test_a_fix_that_somebody_has_edited_since_is_not_dropped_by_an_own_file(fixed):
    text = fixed("export", URGENT_MAIL).out
    fixed("run", fixed.write("theirs.yaml", text.replace("DefinedRange", "UrgentEmails")))
    mine = fixed.write(FILE, edited(workflow_text(URGENT_MAIL)))
    assert (fixed("run", mine).code, newest(fixed)) == (1, 4)


def test_a_fix_that_was_taken_back_is_nothing_to_lose(example):
    before = example("export", URGENT_MAIL).out
    ask = _fix(example)
    with open_app(load({}, data=ask.folder / ".ask-copilot")) as app:
        (change,) = app.owner().fixes.changes(URGENT_MAIL)
        app.owner().fixes.revert(change.change_id)
    assert ask("run", ask.write(FILE, edited(before))).code == 1
    assert newest(ask) == 4


def test_what_a_fix_touched_is_put_back_and_the_fix_then_taken_back(fixed):
    (change,) = _changes(fixed)
    text = fixed("export", URGENT_MAIL).out
    fixed("run", fixed.write(FILE, text.replace("DefinedRange", "UrgentEmails")))
    refused = fixed("revert", change.change_id, "--json", stdin="y\n")
    assert refused.json["error"]["code"] == "edited_meanwhile"
    fresh = fixed("export", URGENT_MAIL).out
    assert fixed("run", fixed.write(FILE, fresh.replace("UrgentEmails", "DefinedRange"))).code == 0
    assert newest(fixed) == 4
    assert fixed("revert", change.change_id, stdin="y\n").code == 0
    assert newest(fixed) == 5


def test_a_pause_is_no_fix_to_lose(ask):
    steps = "steps: [{id: a, action: read_sheet, with: {file: gone.csv}}]\n"
    with open_app(load({}, data=ask.folder / ".ask-copilot")) as app:
        owner = app.owner()
        owner.workflows.create(f"name: Gone\n{steps}", workflow_id="gone")
        for _ in range(app.policies.of("default").pattern_threshold):
            started = owner.executions.start("gone")
            owner.executions.wait(started.id, 30)
    pause = next(
        one["fix_id"]
        for one in ask("analyze", started.id, "--json").json["actions"]
        if one["type"] == "pause_workflow"
    )
    assert f"Pause it:  ask-copilot fix apply {pause}" in ask("analyze", started.id).out
    _fix(ask, started.id, of_type="pause_workflow")
    digest = ask("nightly").out
    assert "pause_workflow in gone: done (" in digest
    assert ask("workflows", "unpause", "gone").code == 0
    file = ask.write(FILE, f"name: Gone\ndescription: Mine\n{steps}")
    assert ask("run", file).code == 1
    assert ask("export", "gone", "--json").json["version"] == 2


def test_an_export_says_its_version_in_one_line_and_is_else_as_it_was(example):
    text = example("export", URGENT_MAIL).out
    first, _, rest = text.partition("\n")
    assert first.startswith("# Version 1 (")
    assert f" of {URGENT_MAIL}." in first
    assert rest.startswith("name: Urgent mail digest\n")
    assert example("export", URGENT_MAIL).out == text


def _changes(ask):
    with open_app(load({}, data=ask.folder / ".ask-copilot")) as app:
        return app.owner().fixes.changes(URGENT_MAIL)


def _fix(example, failed=None, *, of_type="replace_value"):
    failed = failed or example("run", URGENT_MAIL, "--json").json["execution"]["id"]
    report = example("analyze", failed, "--json").json
    offered = [*report["suggested_fixes"], *report["actions"]]
    fix_id = next(one["fix_id"] for one in offered if one["type"] == of_type)
    assert example("fix", "apply", fix_id, stdin="y\n").code == 0
    return example
