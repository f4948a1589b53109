"""What a fix has made is not taken away from something else that uses it by now."""

from typing import Any

import pytest

from copilot.errors import EditedMeanwhile
from copilot.pipeline.apply.usage import places
from copilot.snapshot import Snapshot
from copilot.storage.store import Store
from copilot.testing import ManualClock, MemoryTarget
from copilot.types import Change, ChangeState
from tests.copilot.applying_builders import Desk
from tests.copilot.storage_builders import a_snapshot
from tests.copilot.test_rollback import Place

SEND: dict[str, Any] = {
    "id": "send",
    "name": "Send it",
    "action": "render_template",
    "with": {"template": "xyz"},
}
ASKING: dict[str, Any] = {"id": "ask", "name": "Write", "prompt": "Use the template 'xyz' for it."}


def other(*steps: Any, workspace_id: str = "acme", **facts: Any) -> Snapshot:
    plain = a_snapshot(workspace_id=workspace_id, workflow_id="news")
    return plain.model_copy(
        update={"definition": {"name": "Weekly news", "steps": list(steps), **facts}}
    )


@pytest.fixture
def desk(store: Store, clock: ManualClock) -> Desk:
    return Desk(store, clock)


def beside(desk: Desk, workflow: Snapshot) -> Change:
    """The change, and *workflow* that is stored after it."""
    change = desk.apply()
    kept: MemoryTarget = desk.target
    plain = kept.definitions

    def definitions(workspace_id: str) -> dict[str, Any]:
        mine = workflow.workspace_id == workspace_id
        return {**plain(workspace_id), **({"news": workflow.definition} if mine else {})}

    kept.definitions = definitions  # type: ignore[method-assign]
    return change


def take_back(desk: Desk, change: Change, kind: str = "revert") -> None:
    getattr(desk.applier, kind)(change.change_id, workspace_id="acme", actor="ana")


@pytest.mark.parametrize("kind", ["undo", "revert"])
@pytest.mark.parametrize("step", [SEND, ASKING], ids=["named", "spoken of"])
def test_a_template_that_another_workflow_uses_is_not_taken_away(
    desk: Desk, kind: str, step: Any
) -> None:
    change = beside(desk, other(step))
    entries = desk.told()
    with pytest.raises(EditedMeanwhile) as caught:
        take_back(desk, change, kind)
    assert str(caught.value) == (
        f"The template 'xyz' is by now used in the step '{step['name']}' of the workflow "
        "'Weekly news' (news). Taking the fix back would delete it there too, so nothing was taken "
        "back. Let that use another template first, or leave the fix in place."
    )
    assert (caught.value.diff, "detail" in caught.value.advice) == ("", True)
    assert "xyz" in desk.target.snapshot("acme", "outreach").resources["template"]
    state = desk.store.changes.get("acme", change.change_id).change.state
    assert (state, desk.told()) == (ChangeState.APPLIED, entries)


@pytest.mark.parametrize(
    "workflow",
    [
        other(SEND, workspace_id="elsewhere"),
        other({**SEND, "with": {"template": "xyz 2"}}),
        other({**SEND, "with": {"template": "XYZ"}}),
        other({**SEND, "id": "xyz", "name": "xyz", "with": {"template": "abc"}}),
        other({**ASKING, "prompt": "Nothing of xyz, and nothing of 'xyz 2'."}),
        other(description="xyz"),
    ],
    ids=["workspace", "longer", "capitals", "step", "not quoted", "described"],
)
def test_what_only_looks_like_the_name_stands_in_nobodys_way(
    desk: Desk, workflow: Snapshot
) -> None:
    take_back(desk, beside(desk, workflow))
    assert "xyz" not in desk.target.snapshot("acme", "outreach").resources["template"]


def test_another_place_of_the_same_workflow_keeps_it_too(desk: Desk) -> None:
    change = desk.apply()
    fixed = desk.target.snapshot("acme", "outreach").definition
    desk.target.edit("acme", "outreach", definition={**fixed, "steps": [SEND]})
    with pytest.raises(EditedMeanwhile, match=r"used in the step 'Send it' of this workflow\."):
        take_back(desk, change)
    desk.target.edit("acme", "outreach", definition=fixed)
    take_back(desk, change)


def test_an_edited_template_is_told_as_that(desk: Desk) -> None:
    change = desk.apply()
    desk.target.edit("acme", "outreach", resource=("template", "xyz", {"subject": "Mine"}))
    with pytest.raises(EditedMeanwhile) as caught:
        take_back(desk, change)
    assert str(caught.value).startswith("The template 'xyz' was edited after the fix, so ")
    assert "change the template by hand" in str(caught.value)
    assert "+subject: Mine" in caught.value.diff


def test_the_policy_proposes_where_going_back_would_break_something_else(
    store: Store, clock: ManualClock
) -> None:
    place = Place(store, clock)
    fixed = place.target.snapshot("acme", "outreach").definition
    place.target.edit("acme", "outreach", definition={**fixed, "steps": [SEND]})
    place.fails_again()
    place.intake().catch_up("acme")
    ((_, told),) = place.heard
    assert place.state() is ChangeState.APPLIED
    assert (told.rollback, told.rollback_proposed) == ("refused", True)
    assert "is by now used in the step 'Send it' of this workflow" in (told.rollback_note or "")


@pytest.mark.parametrize(
    ("given", "count"),
    [({"field": "score"}, 1), ({"show_fields": ["score"]}, 1), ({"column": "score"}, 0)],
    ids=["field", "fields", "column"],
)
def test_a_field_is_used_where_it_is_called_a_field(given: dict[str, Any], count: int) -> None:
    definition = other({"id": "fields", "action": "read", "with": given}).definition
    assert len(places(definition, "custom_field", "score")) == count


def test_a_place_stays_the_same_where_steps_move(desk: Desk) -> None:
    first: Any = {"id": "first", "action": "read_sheet", "with": {}}
    there = places(other(SEND).definition, "template", "xyz")
    assert there == places(other(first, SEND).definition, "template", "xyz") != frozenset()
