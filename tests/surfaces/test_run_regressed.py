"""A run that fails where a fix was to help says so, and goes back where that was decided."""

import pytest

from tests.copilot.lost_range import lose_the_range

WORKFLOW = "urgent-mail-digest"


@pytest.fixture
def fixed(example):
    """The example with a fix; then the file that it reads loses the range that the fix names."""
    failed = example("run", WORKFLOW, "--json").json["execution"]["id"]
    report = example("analyze", failed, "--json").json
    fix_id = next(one["fix_id"] for one in report["suggested_fixes"] if one["fix_id"])
    digest = example("fix", "preview", fix_id, "--json").json["digest"]
    example.change = example("fix", "apply", fix_id, "--digest", digest, "--json").json["change_id"]
    return example


def test_a_run_that_shows_nothing_of_a_fix_says_nothing(fixed):
    answer = fixed("run", WORKFLOW)
    assert (answer.code, "egressed" in answer.out) == (0, False)
    assert "regressed" not in fixed("run", WORKFLOW, "--json").json


@pytest.mark.parametrize("policy", ["propose", "roll_back"])
def test_it_is_told_that_the_fix_did_not_hold(fixed, policy):
    fixed("settings", "set", f"on_regression={policy}")
    lose_the_range(fixed.folder)
    answer = fixed("run", WORKFLOW)
    assert answer.code == 1
    told = " ".join(answer.out.split())
    assert "Regressed: The same error came back in step 'step2'" in told
    way = f"Go back with: ask-copilot revert {fixed.change}"
    assert (way in told, "rolled back" in told) == (policy == "propose", policy == "roll_back")
    version = fixed("export", WORKFLOW, "--json").json["version"]
    assert version == {"propose": 2, "roll_back": 3}[policy]
