"""What a fix would bring about, told beside its diff, and no approval hangs on it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.fixes import parse
from copilot.pipeline.effects import cost_effect
from copilot.pipeline.preview import preview, unified_diff
from copilot.pipeline.sides import MOST_LINES, sides
from copilot.plain import plain
from copilot.snapshot import Snapshot
from copilot.types import CostEffect, DryRun, Preview, RunRange
from copilot.types.engine import Hints
from copilot.types.outlook import Outlook

MAIL = {
    "name": "Mail",
    "steps": [
        {"id": "read", "name": "Read inbox", "action": "read_sheet", "with": {"range": "UrgentEmails"}},
        {"id": "say", "type": "agent", "prompt": "Sum up {{ read }}."},
    ],
}  # fmt: skip


def snapshot(definition=MAIL, **resources):
    return Snapshot(
        workspace_id="acme",
        workflow_id="w",
        version=1,
        definition=definition,
        resources=resources,
    )


def changed(base, path, old, value):
    fix = parse({"type": "replace_value", "path": path, "old": old, "value": value})
    return fix.apply(base)


def outlook(least=100, most=900, cost="0.02"):
    usd = None if cost is None else Decimal(cost)
    return Outlook(
        definition={},
        name="w",
        instructions="",
        steps=(),
        documents=(),
        hints=Hints(workflow_id="w", pattern="solo", step_count=1, runs=0, note=None),
        risks=(),
        over_limit=(),
        least_tokens=least,
        most_tokens=most,
        least_cost_usd=usd,
        most_cost_usd=usd,
    )


def test_a_changed_line_stands_next_to_the_line_it_was():
    base = snapshot()
    (side,) = sides(base, changed(base, "/steps/0/with/range", "UrgentEmails", "DefinedRange"))
    assert (side.part, side.state, side.cut) == ("workflow.yaml", "changed", False)
    (line,) = [one for one in side.lines if one.kind != "equal"]
    assert line.kind == "changed"
    assert (line.old.strip(), line.new.strip()) == ("range: UrgentEmails", "range: DefinedRange")
    assert line.old_number == line.new_number


def test_a_new_part_is_all_added():
    base = snapshot()
    after = base.evolve(resource=("template", "Hello", {"body": "Dear"}))
    (side,) = sides(base, after)
    assert (side.part, side.state) == ("templates/Hello.yaml", "added")
    assert {(line.kind, line.old) for line in side.lines} == {("added", None)}
    (back,) = sides(after, base)
    assert (back.state, {line.kind for line in back.lines}) == ("removed", {"removed"})


def test_hidden_characters_are_seen_and_much_is_cut():
    base = snapshot()
    long = {"body": "\n".join(f"line {number}" for number in range(1000)), "note": "a\u202eb" * 400}
    (side,) = sides(base, base.evolve(resource=("template", "T", long)))
    assert (len(side.lines), side.cut) == (MOST_LINES, True)
    (side,) = sides(base, base.evolve(resource=("template", "T", {"note": "a\u202eb" * 400})))
    assert all("\u202e" not in line.new and len(line.new) <= 500 for line in side.lines)


@given(
    st.lists(st.sampled_from("abcd"), max_size=40), st.lists(st.sampled_from("abcd"), max_size=40)
)
def test_the_sides_tell_the_diff_that_is_approved(old, new):
    base = snapshot({"name": "x", "steps": list(old)})
    after = base.evolve(definition={"name": "x", "steps": list(new)})
    rows = [line for side in sides(base, after) for line in side.lines]
    said = unified_diff(base, after).splitlines()
    gone = [line.old for line in rows if line.kind in ("changed", "removed")]
    come = [line.new for line in rows if line.kind in ("changed", "added")]
    assert gone == [line[1:] for line in said if line[:1] == "-" and line[:3] != "---"]
    assert come == [line[1:] for line in said if line[:1] == "+" and line[:3] != "+++"]


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (lambda base: changed(base, "/steps/0/with/range", "UrgentEmails", "DefinedRange"),
         "In step 'Read inbox': range becomes 'DefinedRange' instead of 'UrgentEmails'."),
        (lambda base: base.evolve(resource=("template", "Hello", {"body": "Dear"})),
         "Template 'Hello' is created."),
        (lambda base: base.evolve(definition=MAIL | {"steps": [
            MAIL["steps"][0], {"id": "fit", "name": "Fit", "action": "filter_rows"}, MAIL["steps"][1]]}),
         "A new step 'Fit' is put in (filter_rows)."),
        (lambda base: base.evolve(definition=MAIL | {"steps": MAIL["steps"][:1]}),
         "Step 'say' is removed."),
        (lambda base: base.evolve(definition=MAIL | {"instructions": "If it fails, stop."}),
         "In the workflow: instructions is added: 'If it fails, stop.'."),
        (lambda base: base.evolve(definition=MAIL | {"steps": [
            MAIL["steps"][0] | {"retry": {"max_retries": 4}}, MAIL["steps"][1]]}),
         "In step 'Read inbox': retry is added: max_retries 4."),
    ],
    ids=["value", "template", "step", "step gone", "instructions", "retry"],
)  # fmt: skip
def test_each_change_is_one_sentence(after, words):
    base = snapshot()
    assert plain(base, after(base)) == (words,)


def test_very_many_changes_are_counted():
    base = snapshot({"name": "w", "steps": [], **{f"k{n}": n for n in range(60)}})
    told = plain(base, base.evolve(definition={"name": "w", "steps": []}))
    assert (len(told), told[-1]) == (51, "And 10 more changes.")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (outlook(), outlook(), "what it did before: at most 900 tokens"),
        (outlook(0, 0, "0"), outlook(0, 0, "0"), "what it did before: no tokens"),
        (outlook(), outlook(200, 1800, "0.04"),
         "200 to 1,800 tokens (before: 100 to 900); at most $0.0400 (before: $0.0200)"),
        (outlook(), outlook(200, 1800, None), "what it costs is unknown"),
        (outlook(cost=None), outlook(cost=None), "a price is unknown"),
    ],
    ids=["same", "none", "more", "unknown after", "unknown both"],
)  # fmt: skip
def test_the_cost_effect_is_told_and_an_unknown_price_is_never_nothing(before, after, words):
    found = cost_effect(before, after)
    assert words in found.explanation
    assert found.after.most_cost_usd == after.most_cost_usd


def test_the_digest_does_not_depend_on_what_is_told_beside_it():
    base = snapshot()
    fix = parse(
        {
            "type": "replace_value",
            "path": "/steps/0/with/range",
            "old": "UrgentEmails",
            "value": "A",
        }
    )
    shown, after = preview(fix, fix_id="f", base=base)
    used = RunRange(least_tokens=1, most_tokens=2, least_cost_usd=None, most_cost_usd=None)
    told = shown.model_copy(
        update={
            "sides": sides(base, after),
            "plain": plain(base, after),
            "cost_effect": CostEffect(before=used, after=used, explanation="x"),
            "dry_run": DryRun(state="passed", explanation="x"),
        }
    )
    again, _ = preview(fix, fix_id="f", base=base)
    assert told.digest == shown.digest == again.digest
    assert Preview.model_validate_json(told.model_dump_json()) == told


def test_a_preview_from_before_still_reads():
    stored = {"fix_id": "f", "fix_type": "timeout", "base_version": 1, "base_digest": "b",
              "diff": "", "summary": "s", "digest": "d"}  # fmt: skip
    read = Preview.model_validate(stored)
    assert (read.sides, read.plain, read.cost_effect, read.dry_run) == ((), (), None, None)
