"""A fix as a patch: git takes it, the person's text stays, and nothing is written elsewhere."""

import subprocess

import pytest
import yaml

from copilot.errors import InvalidInput
from copilot.fixes import FIXES, parse
from copilot.snapshot import Snapshot, canonical_yaml
from copilot.targets.patch_file import REWRITTEN, checked_path, make_patch
from tests.contracts.test_fixes import FITTING, SNAPSHOT

PATH = "agents/mail.yaml"
#: The definition of the snapshot as somebody keeps it: comments, quotes, blank lines, one line lists.
KEPT = """\
# The digest of the sales team. Ask Ana before you change it.
name: "Digest"   # shown to people

instructions: |
    Use the template 'Outbound v3'. Order by 'leadScore'.
restrictions: {max_contacts_per_run: 150}   # by contract
documents:
    - prices.pdf
budget:
    max_cost_usd: '2'

steps:
    # first the mail
    - id: read
      type: tool
      action: read_sheet
      with:
          file: mail.xlsx
          range: 'UrgentEmails'   # the old name

    - {id: sort, type: agent, prompt: "Sort {{ read }}"}
    - id: fill
      type: tool
      action: render_template
      with: {template: Outbound v3, rows: "{{ sort }}"}   # rows of step 2
    - id: send
      type: tool
      action: send_email
      with:
          messages: "{{ fill }}"
# the end
"""
every_type = pytest.mark.parametrize("name", sorted(FIXES))
every_spelling = pytest.mark.parametrize(
    "spelling", ["kept", "canonical", "windows", "without an end", "json"]
)


def read(text):
    """As the engine reads it, as far as these tests go."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidInput("content", str(error), "") from None


def spelled(how):
    definition = read(KEPT)
    match how:
        case "kept":
            return KEPT
        case "canonical":
            return canonical_yaml(definition)
        case "windows":
            return KEPT.replace("\n", "\r\n")
        case "without an end":
            return KEPT.removesuffix("\n# the end\n")
        case _:
            import json

            return json.dumps(definition, indent=2)


def base_of(text):
    return SNAPSHOT.model_copy(update={"definition": read(text)})


def patched(name, text, path=PATH, **fields):
    base = base_of(text)
    fix = parse({"type": name, **(fields or FITTING[name])})
    changed = fix.apply(base)
    return make_patch(base, changed, path=path, content=text, read=read), changed


def repository(folder, text, path=PATH):
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return file


def git_apply(folder, patch):
    (folder / "fix.patch").write_bytes(patch.encode())
    ran = subprocess.run(
        ["git", "apply", "--whitespace=nowarn", "fix.patch"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    (folder / "fix.patch").unlink()
    return ran


def comments(text):
    return [line.partition("# ")[2].rstrip("\r") for line in text.split("\n") if "# " in line]


def test_the_kept_text_says_what_the_snapshot_does():
    said = read(KEPT) | {"instructions": read(KEPT)["instructions"].rstrip("\n")}
    assert said == SNAPSHOT.definition


@every_type
@every_spelling
def test_git_applies_it_and_the_file_says_what_the_fix_makes(name, spelling, tmp_path):
    text = spelled(spelling)
    made, changed = patched(name, text)
    file = repository(tmp_path, text)
    ran = git_apply(tmp_path, made.patch)
    assert ran.returncode == 0, ran.stderr
    assert read(file.read_bytes().decode()) == changed.definition
    assert made.in_place


@every_type
def test_patch_applies_it_too(name, tmp_path):
    made, changed = patched(name, KEPT)
    file = repository(tmp_path, KEPT)
    (tmp_path / "fix.patch").write_bytes(made.patch.encode())
    subprocess.run(
        ["patch", "-p1", "-s", "-i", "fix.patch"], cwd=tmp_path, check=True, capture_output=True
    )
    assert read(file.read_text()) == changed.definition


@every_type
def test_comments_stay_but_where_the_change_is(name, tmp_path):
    made, _ = patched(name, KEPT)
    file = repository(tmp_path, KEPT)
    git_apply(tmp_path, made.patch)
    lost = set(comments(KEPT)) - set(comments(file.read_text()))
    assert lost <= {"rows of step 2"}
    removed = [line for line in made.patch.splitlines() if line.startswith("-")][1:]
    assert len(removed) <= 3


def test_one_value_is_one_line_with_its_quotes_and_its_comment():
    made, _ = patched("replace_value", KEPT)
    lines = made.patch.splitlines()
    assert [line for line in lines if line[0] in "+-"][2:] == [
        "-          range: 'UrgentEmails'   # the old name",
        "+          range: 'DefinedRange'   # the old name",
    ]
    assert lines[0] == f"diff --git a/{PATH} b/{PATH}"


def test_lines_of_windows_stay_lines_of_windows(tmp_path):
    text = spelled("windows")
    made, _ = patched("update_instructions", text)
    file = repository(tmp_path, text)
    assert git_apply(tmp_path, made.patch).returncode == 0
    after = file.read_bytes()
    assert after.count(b"\r\n") == after.count(b"\n")


def test_what_has_no_place_in_the_text_is_written_anew_and_said(tmp_path):
    text = KEPT.replace("\n    Use the", "\n\n    Use the")
    made, changed = make(text, lambda read: lambda given: {} if "#" in given else read(given))
    assert not made.in_place
    assert made.notes == (REWRITTEN,)
    file = repository(tmp_path, text)
    assert git_apply(tmp_path, made.patch).returncode == 0
    assert read(file.read_text()) == changed.definition


def make(text, reader):
    base = base_of(text)
    changed = parse({"type": "timeout", **FITTING["timeout"]}).apply(base)
    return make_patch(base, changed, path=PATH, content=text, read=reader(read)), changed


HOSTILE = [
    "../../outside",
    "../.git/hooks/pre-commit",
    "/etc/passwd",
    "a\n+++ b/../evil",
    "..",
    "~/x",
    "C:\\x",
    "ä/../ö",
]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_no_name_leads_out_of_the_folder_of_the_definition(name, tmp_path):
    base = base_of(KEPT)
    changed = base.evolve(resource=("template", name, {"subject": "s", "body": "b"}))
    made = make_patch(base, changed, path=PATH, content=KEPT, read=read)
    root = tmp_path / "root"
    root.mkdir()
    repository(root, KEPT)
    assert git_apply(root, made.patch).returncode == 0
    found = {one.relative_to(tmp_path) for one in tmp_path.rglob("*") if one.is_file()}
    new = [one for one in found if "templates" in one.parts]
    assert len(new) == 1
    assert new[0].parent.as_posix() == "root/agents/templates"
    assert yaml.safe_load((tmp_path / new[0]).read_text())["template"][name]["body"] == "b"
    elsewhere = [one for one in found - set(new) if ".git" not in one.parts]
    assert [one.as_posix() for one in elsewhere] == [f"root/{PATH}"]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/x.yaml",
        "../x.yaml",
        "a/../../x.yaml",
        ".git/config",
        "a/.GIT/hooks/x",
        "git~1/x",
        "a\nb.yaml",
        "a\tb",
        'a"b',
        "a\\b",
        "C:x.yaml",
        "-x",
        "~/x",
        "folder/",
        "a\u202eb.yaml",
        "x" * 501,
    ],
    ids=lambda path: ascii(path)[:20],
)
def test_a_path_that_leads_elsewhere_is_refused(path):
    with pytest.raises(InvalidInput, match="path"):
        checked_path(path)


@pytest.mark.parametrize("path", ["mail.yaml", "a b/my mail.yaml", "agents/pösten.yml", "./x.yaml"])
def test_a_plain_path_is_taken_and_git_finds_it(path, tmp_path):
    made, changed = patched("timeout", KEPT, path)
    file = repository(tmp_path, KEPT, path)
    ran = git_apply(tmp_path, made.patch)
    assert ran.returncode == 0, ran.stderr
    assert read(file.read_text()) == changed.definition


def test_a_snapshot_that_nothing_was_changed_in_gives_no_patch():
    base: Snapshot = base_of(KEPT)
    assert make_patch(base, base, path=PATH, content=KEPT, read=read).patch == ""
