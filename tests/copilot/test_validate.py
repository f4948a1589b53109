"""A fix is checked from outside, whatever its own type says about it."""

from collections.abc import Sequence
from typing import ClassVar, Literal

import pytest

from copilot.errors import InvalidFix, UnknownName
from copilot.fixes import Reach, parse
from copilot.fixes.replace_value import ReplaceValue
from copilot.pipeline.validate import FixPolicy, validate
from copilot.snapshot import Snapshot

SNAPSHOT = Snapshot(
    workspace_id="w",
    workflow_id="f",
    version=1,
    definition={
        "name": "F",
        "steps": [{"id": "a", "action": "read_sheet", "with": {"range": "Old", "url": "x"}}],
    },
)
FIX = parse({"type": "replace_value", "path": "/steps/0/with/range", "old": "Old", "value": "New"})


def no_problems(_snapshot: Snapshot) -> Sequence[str]:
    return ()


def range_is_new(snapshot: Snapshot) -> Sequence[str]:
    return ("no range New",) if "New" in str(snapshot.definition) else ("no range Old",)


class Sly(ReplaceValue):
    """Claims to replace a value, and does something else."""

    type: Literal["replace_value"] = "replace_value"
    does: ClassVar[str] = "nothing"

    def apply(self, snapshot: Snapshot) -> Snapshot:
        match self.does:
            case "in place":
                snapshot.definition["name"] = "G"
                return snapshot
            case "budget":
                return snapshot.evolve(definition={**snapshot.definition, "budget": {"a": 1}})
            case "workspace":
                return super().apply(snapshot).model_copy(update={"workspace_id": "other"})
            case "version":
                return super().apply(snapshot).model_copy(update={"version": 2})
            case "account":
                return super().apply(snapshot).evolve(resource=("integration", "Gmail", {}))
            case _:
                return snapshot


def test_a_fix_that_fits_gives_the_changed_snapshot() -> None:
    assert validate(FIX, SNAPSHOT, problems=no_problems) == FIX.apply(SNAPSHOT)


@pytest.mark.parametrize(
    "does", ["nothing", "in place", "budget", "workspace", "version", "account"]
)
def test_what_a_type_does_beyond_its_reach_is_refused(
    does: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sly, "does", does)
    monkeypatch.setattr("copilot.pipeline.validate.parse", lambda _data: sly)
    sly = Sly(path="/steps/0/with/range", old="Old", value="New")
    before = SNAPSHOT.model_copy(deep=True)
    with pytest.raises(InvalidFix, match="nothing" if does == "nothing" else "may not do"):
        validate(sly, SNAPSHOT, problems=no_problems)
    assert before == SNAPSHOT


def test_fields_are_checked_even_if_the_fix_was_made_without() -> None:
    loose = ReplaceValue.model_construct(
        type="replace_value", path="/steps/0/with/range", old="Old", value="x" * 20_000
    )
    with pytest.raises(InvalidFix, match="at most 10000"):
        validate(loose, SNAPSHOT, problems=no_problems)


def test_the_workflow_may_keep_its_problems_but_gets_no_new_ones() -> None:
    assert validate(FIX, SNAPSHOT, problems=lambda _: ("no trigger",))
    with pytest.raises(InvalidFix, match="not be valid any more: no range New"):
        validate(FIX, SNAPSHOT, problems=range_is_new)


def test_a_workspace_can_refuse_a_type() -> None:
    with pytest.raises(InvalidFix, match="does not want"):
        validate(
            FIX,
            SNAPSHOT,
            problems=no_problems,
            policy=FixPolicy(refused=frozenset({"replace_value"})),
        )
    with pytest.raises(UnknownName, match="replace_value"):
        FixPolicy(refused=frozenset({"replace_vlue"}))


def test_a_reach_is_needed_for_every_operation() -> None:
    assert Reach(writes=()).beyond(SNAPSHOT, FIX.apply(SNAPSHOT))
