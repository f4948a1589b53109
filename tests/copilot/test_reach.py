"""What differs between two definitions, and which of it a reach covers."""

from typing import Any

import pytest

from copilot.fixes import Difference, Reach, differences
from tests.copilot.fix_builders import workflow


def test_differences_find_steps_by_their_ids() -> None:
    base = workflow()
    listed: Any = base.definition["steps"]
    new = {"id": "new", "action": "x"}

    def compared(*steps: Any) -> list[str]:
        changed = base.evolve(definition={**base.definition, "steps": list(steps)})
        return [str(difference) for difference in differences(base, changed)]

    assert compared(*listed) == []
    assert compared(new, *listed) == ["add /definition/steps/0"]
    assert compared(*listed[1:]) == ["remove /definition/steps/0"]
    assert compared(listed[1], listed[0], listed[2]) == ["change /definition/steps"]
    assert compared(listed[0], {**listed[1], "action": "z"}, new, listed[2]) == [
        "change /definition/steps/1/action",
        "add /definition/steps/2",
    ]


def test_one_and_true_differ() -> None:
    base = workflow(flag=True, count=1)
    other = workflow(flag=1, count=1.0)
    changed = sorted(difference.pointer[-1] for difference in differences(base, other))
    assert changed == ["count", "flag"]


@pytest.mark.parametrize(
    ("pattern", "allowed"),
    [
        ("/definition/{step}/with/**", True),
        ("/definition/{step}/with/*", False),
        ("/definition/*/1/with/**", False),
        ("/definition/{step}/prompt", False),
        ("/resources/template/*", False),
    ],
)
def test_a_reach_is_a_pattern_of_pointers(pattern: str, allowed: bool) -> None:
    base = workflow()
    changed = workflow(columns=["Name", "Email"])
    beyond = Reach(writes=(("change", pattern),)).beyond(base, changed)
    assert (beyond == ()) is allowed
    assert Reach(writes=(("add", pattern),)).beyond(base, changed)


def test_no_reach_covers_what_is_protected_or_changes_a_type() -> None:
    everything = Reach(writes=(("change", "/definition/**"), ("add", "/definition/**")))
    for name, value in {
        "url": "x",
        "headers": {"a": 1},
        "max_rows": "2",
        "baseurl": "y",
        "x" * 200 + "_host": "y",
    }.items():
        assert everything.beyond(workflow(), workflow(**{name: value}))
    assert everything.beyond(workflow(), workflow(deep={"api_key": "x"}))
    assert not everything.beyond(workflow(), workflow(deep={"key": "x"}))
    assert str(Difference("add", ("a", "b/c"))) == "add /a/b~1c"


@pytest.mark.parametrize(
    ("step", "allowed"),
    [
        ({"id": "n", "type": "tool", "action": "filter_rows", "with": {"rows": "x"}}, True),
        ({"id": "n", "type": "tool", "action": "http_request", "with": {"rows": "x"}}, False),
        ({"id": "n", "type": "agent", "prompt": "x"}, False),
        ({"id": "n", "type": "tool", "action": "filter_rows", "documents": ["x"]}, False),
        ({"id": "n", "type": "tool", "action": "filter_rows", "with": {"url": "x"}}, False),
    ],
)
def test_a_reach_says_what_a_new_step_may_do(step: Any, allowed: bool) -> None:
    reach = Reach(writes=(("add", "/definition/steps/*"),), new_actions=frozenset({"filter_rows"}))
    base = workflow()
    listed: Any = base.definition["steps"]
    changed = base.evolve(definition={**base.definition, "steps": [step, *listed]})
    assert (reach.beyond(base, changed) == ()) is allowed
