"""The diff a person approves: small, stable, with nothing hidden in it."""

import time
from typing import Any

from copilot.fixes import parse
from copilot.pipeline.preview import approval_digest, preview, unified_diff
from copilot.snapshot import Snapshot


def snapshot(*, instructions: str = "", count: int = 3) -> Snapshot:
    steps: list[Any] = [
        {"id": f"s{number}", "action": "read_sheet", "with": {"file": "a.csv", "range": "Old"}}
        for number in range(count)
    ]
    return Snapshot(
        workspace_id="w",
        workflow_id="f",
        version=4,
        definition={"name": "F", "instructions": instructions, "steps": steps},
    )


def fix(step: int = 1, value: str = "New") -> Any:
    return parse(
        {
            "type": "replace_value",
            "path": f"/steps/{step}/with/range",
            "old": "Old",
            "value": value,
        }
    )


def test_a_preview_is_a_unified_diff_of_canonical_yaml() -> None:
    shown, changed = preview(fix(), fix_id="fix_1", base=snapshot())
    assert shown.diff == (
        "--- a/workflow.yaml\n+++ b/workflow.yaml\n@@ -10,7 +10,7 @@\n   action: read_sheet\n"
        "   with:\n     file: a.csv\n-    range: Old\n+    range: New\n - id: s2\n"
        "   action: read_sheet\n   with:\n"
    )
    assert changed.definition["steps"][1]["with"]["range"] == "New"  # type: ignore[index,call-overload]
    assert (shown.fix_id, shown.base_version) == ("fix_1", 4)
    assert shown.summary == "In step 's1', range becomes 'New' instead of 'Old'."


def test_a_new_part_comes_from_nowhere() -> None:
    base = snapshot()
    changed = base.evolve(resource=("template", "A/b\n", {"subject": "Hi", "body": "One\nTwo\n"}))
    assert unified_diff(base, changed) == (
        '--- /dev/null\n+++ b/"templates/A/b\\n.yaml"\n@@ -0,0 +1,4 @@\n+subject: Hi\n+body: |\n'
        "+  One\n+  Two\n"
    )
    assert unified_diff(changed, base).splitlines()[1] == "+++ /dev/null"
    assert unified_diff(base, base) == ""


def test_hidden_characters_are_seen_in_lines_that_stay_too() -> None:
    base = snapshot(instructions="one\u202e\ntwo\nthree\u2028four\n")
    changed = base.evolve(definition={**base.definition, "instructions": "one\u202e\ntwo!\nthree"})
    diff = unified_diff(base, changed)
    assert "\\u202e" in diff
    assert not set(diff) & {"\u202e", "\u2028"}


def test_the_digest_is_bound_to_fix_base_and_diff() -> None:
    one = preview(fix(), fix_id="a", base=snapshot())[0].digest
    assert preview(fix(), fix_id="b", base=snapshot())[0].digest == one
    others = {
        preview(fix(value="Newer"), fix_id="a", base=snapshot())[0].digest,
        preview(fix(step=2), fix_id="a", base=snapshot())[0].digest,
        preview(fix(), fix_id="a", base=snapshot(instructions="x"))[0].digest,
        preview(fix(), fix_id="a", base=snapshot().model_copy(update={"version": 5}))[0].digest,
    }
    assert len(others | {one}) == 5
    same_diff = {approval_digest(fix(step), base_digest="b", diff="d") for step in (0, 1, 2)}
    assert len(same_diff) == 3


def test_a_large_workflow_is_compared_in_a_moment_and_line_by_line() -> None:
    base = snapshot(instructions="word " * 2000, count=2000)
    started = time.perf_counter()
    diff = unified_diff(base, fix(step=1000).apply(base))
    assert time.perf_counter() - started < 15
    assert [line for line in diff.splitlines() if line[0] in "+-"][2:] == [
        "-    range: Old",
        "+    range: New",
    ]
