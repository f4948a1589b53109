"""What somebody noted in a file stays beside what it is about; what is lost all the same is said."""

import pytest

from copilot.fixes import parse
from copilot.snapshot import Snapshot
from copilot.targets._yaml_comments import lost_comments
from copilot.targets.patch_file import make_patch
from tests.copilot.test_patch_file import PATH, git_apply, read, repository

MAILER = """\
# our mailer
name: w
instructions: |  # keep in step with the handbook, page 4
  Be kind.
  # no comment: the agent reads it
steps:
  # first of all
  - id: read
    type: tool
    action: read_sheet
    with: {file: leads.csv}
    # the file comes at eight
  # do not touch: legal approved this text in 2024
  - id: send   # goes out at nine
    type: tool
    action: send_email
    with:
      # rows come from marketing
      messages: "{{ read }}"
      subject: "Hello # 1"   # checked by legal
  - id: last
    type: agent   # the reader
    # why this model: see wiki
    model: m1
    prompt: "Sum {{ inputs.list }}"   # one question
documents:
  # from finance
  - prices.pdf   # of this year
inputs:
  list: {type: list}
"""
CHECK = {"step": "send", "parameter": "messages", "field": "to", "check": "email"}
FIXES = {
    "skip_invalid": {"type": "skip_invalid", **CHECK},
    "split_step": {"type": "split_step", "step": "last", "list": "inputs.list"},
    "update_instructions": {"type": "update_instructions", "add": "Be brief."},
}


def made(text, fix, folder):
    base = snapshot(text)
    changed = parse(fix).apply(base)
    patch = make_patch(base, changed, path=PATH, content=text, read=read)
    file = repository(folder, text)
    assert git_apply(folder, patch.patch).returncode == 0
    after = file.read_bytes().decode()
    assert read(after) == changed.definition
    return patch, after.splitlines()


def snapshot(text):
    return Snapshot(workspace_id="acme", workflow_id="w", version=1, definition=read(text))


@pytest.mark.parametrize("fix", FIXES.values(), ids=FIXES.keys())
@pytest.mark.parametrize("ending", ["\n", "\r\n"], ids=["lines", "lines of windows"])
def test_every_comment_stays_on_its_line(fix, ending, tmp_path):
    patch, after = made(MAILER.replace("\n", ending), fix, tmp_path)
    assert (patch.in_place, patch.notes) == (True, ())
    noted = [line for line in MAILER.splitlines() if "#" in line and "{{" not in line]
    assert [line for line in noted if line not in after] == []
    removed = [line for line in patch.patch.splitlines() if line.startswith("-")][1:]
    assert len(removed) <= 1


def test_a_step_comes_between_the_comments_of_its_neighbours(tmp_path):
    _, after = made(MAILER, FIXES["skip_invalid"], tmp_path)
    at = after.index("  - id: valid_messages")
    assert after[at - 1] == "    # the file comes at eight"
    assert "  # do not touch: legal approved this text in 2024" in after[at:]


def test_a_step_before_the_first_leaves_it_its_comment(tmp_path):
    text = MAILER.replace("{file: leads.csv}", "{file: leads.csv, rows: '{{ inputs.list }}'}")
    fix = {"type": "skip_invalid", **CHECK, "step": "read", "parameter": "rows"}
    _, after = made(text, fix, tmp_path)
    at = after.index("  # first of all")
    assert after[at + 1] == "  - id: read"
    assert after.index("steps:") < after.index("  - id: valid_rows") < at


@pytest.mark.parametrize(
    ("more", "lost"),
    [("", "comment on line 27 is"), ("  # and sales\n", "comments on lines 27, 28 are")],
    ids=["one", "two"],
)
def test_a_comment_that_is_lost_all_the_same_is_said(more, lost):
    text = MAILER.replace("  # from finance\n", f"  # from finance\n{more}")
    base = snapshot(text)
    changed = base.evolve(definition=base.definition | {"documents": []})
    patch = make_patch(base, changed, path=PATH, content=text, read=read)
    assert not patch.in_place
    assert patch.notes == (f"The patch writes a part of the file anew: the {lost} lost.",)


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        ("a: 1  # x\n", "a: 2  # x\n", []),
        ("a: 1  # x\n", "a: 2\n", [1]),
        ("# x\na: 1\n# x\n", "# x\na: 1\n", [3]),
        ("a: |  # x\n  # text\n", "a: |\n  # text\n", [1]),
        ("a: '# text'\nb: x#y\n", "a: b\n", []),
        ("a: [1,  # x\n  2]\n", "a: [1, 2]\n", [1]),
        ("a: >-\n  # text\n# x\n", "a: b", [3]),
    ],
    ids=["kept", "lost", "one of two", "behind a mark", "none", "in a list", "under a text"],
)
def test_comments_are_told_from_texts(before, after, lost):
    assert lost_comments(before, after) == lost
