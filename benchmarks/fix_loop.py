"""Whether the rules alone find, fix and verify faults, and take back fixes that turn out wrong.

    python -m benchmarks.fix_loop [--seed N] [--workflows 60] [--wrong 20] [--kind NAME] [--json]

Each workflow is generated from the seed with one fault in it and goes all the way through the real
application: it runs and fails, is explained without a model, the first fix that can be applied is
approved and applied, the run is resumed, and new runs follow until the watch says that the fix held.
Every other fix offered is applied and taken back. An account to connect and an allowance that is
used up can't be fixed: for them a hand-over counts as diagnosed, and as not fixed. The wrong fixes
are valid ones that never help, or stop helping after a few good runs.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from .loop import delay, tallies
from .loop.faults import KINDS, cases
from .loop.setback import Setback, set_back
from .loop.trial import Trial, attempt
from .loop.world import World, opened
from .loop.wrong import wrongs
from .normalize import Figure

#: Most of what a case takes is waiting: for a pause between attempts, or for a slow server.
AT_ONCE = 4
Item = TypeVar("Item")
Result = TypeVar("Result")


def main() -> None:
    options = _options()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as world:
        delays = delay.measure(world, options.seed)
        trials = attempts(world, options.seed, options.workflows, only=options.kind)
        setbacks = set_backs(world, options.seed, options.wrong)
    seconds = time.perf_counter() - started
    figures = [*_figures(trials, setbacks, seed=options.seed, seconds=seconds), delays]
    if options.json:
        found = {
            "figures": [figure.as_json() for figure in figures],
            "kinds": [row.as_json() for row in tallies.rows(trials)],
            "wrong": [row.as_json() for row in tallies.wrong_rows(setbacks)],
            "missed": tallies.missed(trials, setbacks),
        }
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    print(f"{'figure':<62}{'value':>9}{'aim':>9}")
    print("\n".join(figure.line() for figure in figures))
    print("\n".join(("", *tallies.table(trials, setbacks))))


def attempts(world: World, seed: int, count: int, *, only: str | None = None) -> list[Trial]:
    """What became of so many cases, or of those of one kind among them."""
    todo = [case for case in cases(seed, count) if only in (None, case.kind)]
    return _each(todo, lambda number, case: attempt(world, case, f"case{number}"))


def set_backs(world: World, seed: int, count: int) -> list[Setback]:
    todo = list(wrongs(seed, count))
    return _each(todo, lambda number, wrong: set_back(world, wrong, f"wrong{number}"))


def _each(todo: Sequence[Item], do: Callable[[int, Item], Result]) -> list[Result]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(do, range(len(todo)), todo))


def _figures(
    trials: Sequence[Trial], setbacks: Sequence[Setback], *, seed: int, seconds: float
) -> Iterator[Figure]:
    count = len(trials) or 1
    facts = {"seed": seed, "workflows": len(trials), "seconds": round(seconds)}
    diagnosed = sum(one.diagnosed for one in trials)
    yield Figure("injected faults diagnosed", diagnosed / count, 0.95, facts=facts)
    meant = [one.as_meant for one in trials if one.state == "fixed" and one.as_meant is not None]
    facts = {
        "handed over": sum(one.state == "handed over" for one in trials),
        "as the author meant it": f"{sum(meant)} of {len(meant)}",
    }
    fixed = sum(one.state == "fixed" for one in trials)
    yield Figure("injected faults fixed and verified", fixed / count, 0.85, facts=facts)
    made = [one for one in setbacks if one.applied]
    facts = {"applied": len(made), "detected": sum(one.detected for one in made)}
    share = sum(one.rolled_back for one in made) / (len(made) or 1)
    yield Figure("wrong fixes detected and rolled back", share, 1, facts=facts)
    facts = {"offered": sum(one.offered for one in trials)}
    unusable = sum(len(one.unusable) for one in trials)
    what = "fixes offered that can't be applied, or taken back"
    yield Figure(what, unusable, 0, at_least=False, facts=facts)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workflows", type=int, default=60)
    parser.add_argument("--wrong", type=int, default=20)
    parser.add_argument("--kind", choices=sorted(KINDS), help="only this kind of fault")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
