"""One generated workflow of each kind of fault goes all the way, by the rules alone."""

from collections.abc import Mapping

import pytest

from benchmarks.fix_loop import attempts, set_backs
from benchmarks.loop.faults import KINDS, cases
from benchmarks.loop.setback import Setback
from benchmarks.loop.trial import Trial
from benchmarks.loop.world import World, opened
from benchmarks.loop.wrong import SETBACKS, wrongs

SEED = 3
#: No fix writes into a template that other workflows may use too.
WITHOUT_A_FIX = {"misspelt_placeholder"}
HANDED_OVER = {"not_connected", "quota_reached"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory):
    with opened(tmp_path_factory.mktemp("loop")) as world:
        yield world


@pytest.fixture(scope="module")
def trials(world: World) -> Mapping[str, Trial]:
    return {trial.kind: trial for trial in attempts(world, SEED, len(KINDS))}


@pytest.fixture(scope="module")
def setbacks(world: World) -> Mapping[str, Setback]:
    return {one.kind: one for one in set_backs(world, SEED, len(SETBACKS))}


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_is_named_fixed_and_verified(trials: Mapping[str, Trial], kind: str) -> None:
    trial = trials[kind]
    assert trial.diagnosed, trial.words
    if kind in HANDED_OVER:
        assert trial.state == "handed over", trial.words
    elif kind not in WITHOUT_A_FIX:
        assert trial.state == "fixed", trial.words
        assert trial.as_meant is not False


@pytest.mark.parametrize("kind", list(SETBACKS))
def test_a_fix_that_is_of_no_use_is_noticed_and_taken_back(
    setbacks: Mapping[str, Setback], kind: str
) -> None:
    found = setbacks[kind]
    assert found.applied, found.words
    assert found.detected, found.words
    assert found.rolled_back, found.words


def test_the_same_seed_gives_the_same_workflows() -> None:
    one, two, other = (
        [case.definition for case in cases(seed, 3 * len(KINDS))] for seed in (5, 5, 6)
    )
    assert one == two
    assert one != other
    once, twice = ([wrong.case.definition for wrong in wrongs(5, 20)] for _ in range(2))
    assert once == twice


def test_no_two_cases_share_the_reference_that_their_model_knows_them_by() -> None:
    keys = [case.key for case in cases(2, 10 * len(KINDS))]
    assert len(set(keys)) == len(keys)
