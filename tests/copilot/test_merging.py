"""A change is taken out of a definition that was edited since, or it is said that it can't be."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.pipeline.apply.merging import EditedSince, without_change


def steps(*names: str, **fields: Any) -> dict[str, Any]:
    """A definition with these steps; *fields*: of the step of that name."""
    return {
        "name": "W",
        "steps": [
            {"id": name, "with": {"path": "a.csv"}, **fields.get(name, {})} for name in names
        ],
    }


FIXED = {"two": {"retry": {"max_retries": 4}}}


def test_an_edit_elsewhere_stays() -> None:
    now = steps("one", "two", "three", one={"with": {"path": "b.csv"}}, **FIXED)
    now["description"] = "Mine"
    found = without_change(steps("one", "two", "three"), steps("one", "two", "three", **FIXED), now)
    kept = steps("one", "two", "three", one={"with": {"path": "b.csv"}})
    assert found == {**kept, "description": "Mine"}


def test_another_field_of_the_same_step_stays_too() -> None:
    now = steps("one", "two", two={**FIXED["two"], "title": "Read it"})
    found = without_change(steps("one", "two"), steps("one", "two", **FIXED), now)
    assert found == steps("one", "two", two={"title": "Read it"})


def test_what_the_fix_wrote_and_somebody_edited_is_not_overwritten() -> None:
    now = steps("one", two={"retry": {"max_retries": 2}})
    now = steps("one", "two", two={"retry": {"max_retries": 2}})
    with pytest.raises(EditedSince):
        without_change(steps("one", "two"), steps("one", "two", **FIXED), now)


@pytest.mark.parametrize("gone", ["one", "two"], ids=["beside it", "itself"])
def test_a_step_that_is_gone(gone: str) -> None:
    left = [name for name in ("one", "two") if name != gone]
    now = steps(*left, **{name: FIXED[name] for name in left if name in FIXED})
    if gone == "two":
        with pytest.raises(EditedSince):
            without_change(steps("one", "two"), steps("one", "two", **FIXED), now)
    else:
        assert without_change(steps("one", "two"), steps("one", "two", **FIXED), now) == steps(
            "two"
        )


def test_a_step_that_the_fix_added_goes_and_one_that_came_since_stays() -> None:
    before, after = steps("one", "two"), steps("one", "extra", "two")
    now = steps("one", "extra", "mine", "two", "last")
    assert without_change(before, after, now) == steps("one", "mine", "two", "last")


def test_a_step_that_the_fix_took_out_comes_back_to_its_place() -> None:
    before, after = steps("one", "two", "three"), steps("one", "three")
    assert without_change(before, after, steps("one", "three", "mine")) == steps(
        "one", "two", "three", "mine"
    )


def test_steps_that_somebody_moved_where_the_fix_added_one_are_in_the_way() -> None:
    before, after = steps("one", "two"), steps("one", "extra", "two")
    with pytest.raises(EditedSince):
        without_change(before, after, steps("two", "extra", "one"))


def test_a_list_without_ids_is_one_part() -> None:
    before, after = {"tags": ["a", "b"]}, {"tags": ["a", "c"]}
    assert without_change(before, after, {"tags": ["a", "c"], "x": 1}) == {
        "tags": ["a", "b"],
        "x": 1,
    }
    with pytest.raises(EditedSince):
        without_change(before, after, {"tags": ["a", "c", "d"]})


VALUES = st.recursive(
    st.integers(0, 3) | st.sampled_from(["a", "b"]) | st.none(),
    lambda inner: (
        st.dictionaries(st.sampled_from("pqrs"), inner, max_size=3)
        | st.lists(
            st.tuples(st.sampled_from("uvw"), inner).map(
                lambda pair: {"id": pair[0], "x": pair[1]}
            ),
            max_size=3,
            unique_by=lambda member: member["id"],
        )
        | st.lists(st.integers(0, 2), max_size=3)
    ),
    max_leaves=8,
)
DEFINITIONS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


@given(DEFINITIONS, DEFINITIONS)
def test_without_an_edit_all_is_as_it_was(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert without_change(before, after, after) == before


@given(DEFINITIONS, DEFINITIONS)
def test_a_change_of_nothing_takes_nothing(before: dict[str, Any], now: dict[str, Any]) -> None:
    assert without_change(before, before, now) == now


@given(DEFINITIONS, DEFINITIONS, VALUES)
def test_what_the_change_did_not_touch_stays_as_it_is_now(
    before: dict[str, Any], after: dict[str, Any], edit: Any
) -> None:
    now = copy.deepcopy(after) | {"mine": edit}
    assert without_change(before, after, now) == {**before, "mine": edit}


@given(DEFINITIONS, DEFINITIONS, DEFINITIONS)
def test_an_edit_is_never_lost(
    before: dict[str, Any], after: dict[str, Any], now: dict[str, Any]
) -> None:
    """Putting the change back in gives what there was before it was taken out."""
    given = copy.deepcopy((before, after, now))
    try:
        found = without_change(before, after, now)
    except EditedSince:
        pass
    else:
        for name in now.keys() | before.keys() | after.keys():
            if before.get(name, "absent") == after.get(name, "absent"):
                assert found.get(name, "absent") == now.get(name, "absent")
    assert given == (before, after, now)
