"""Fixes that are valid and do not last: they are applied, and then the world moves on.

What can be offered looks right at the time; that is what makes it worth watching.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from copilot.types.engine import ResourceKind

from . import limits, names, shapes
from .behaviours import Behaviour, Gone, Looks, Thinks, Uses
from .case import Case
from .faults import Kind
from .plot import Plot, as_book, as_csv
from .world import Place

Spoil = Callable[[Place], None]
#: Of a service that is down for good.
FOR_EVER = 10**6
MOST_GOOD_RUNS = 3


@dataclass(frozen=True, slots=True)
class Wrong:
    """`spoil` makes the fix useless, after so many good runs; none: it never helped."""

    case: Case
    spoil: Spoil
    good_runs: int


def _nothing(_place: Place) -> None:
    """The fix was of no use from the beginning."""


def _from_now_on(behaviour: Behaviour) -> Spoil:
    def spoil(place: Place) -> None:
        place.world.model.of[place.case.key] = behaviour

    return spoil


def service_is_down(plot: Plot) -> Wrong:
    """More retries, and no end of it."""
    case = limits.too_few_retries(plot)
    return Wrong(replace(case, flaky=FOR_EVER), _nothing, 0)


def model_never_answers(plot: Plot) -> Wrong:
    case = replace(limits.short_step_time(plot), behaviour=Thinks(1000))
    return Wrong(case, _nothing, 0)


def agent_never_ends(plot: Plot) -> Wrong:
    case = replace(shapes.turn_limit(plot), behaviour=Looks(1000, "filter_rows"))
    return Wrong(case, _nothing, 0)


def costs_grow(plot: Plot) -> Wrong:
    case = limits.small_step_budget(plot)
    assert isinstance(case.behaviour, Uses)
    dearer = Uses(case.behaviour.tokens * 4, case.behaviour.cost * 4)
    return Wrong(case, _from_now_on(dearer), plot.rng.randint(0, MOST_GOOD_RUNS))


def successor_goes_too(plot: Plot) -> Wrong:
    case = limits.retired_model(plot)
    return Wrong(case, _from_now_on(Gone("gpt-6-luna")), plot.rng.randint(0, MOST_GOOD_RUNS))


def list_grows(plot: Plot) -> Wrong:
    longer = as_csv(plot.rows(plot.columns(), 60))
    return _with_files(plot, shapes.loop_bound, {"people.csv": longer})


def documents_grow(plot: Plot) -> Wrong:
    case = shapes.too_many_documents(plot)
    longer = {name: content * 9 for name, content in case.files.items()}
    return Wrong(case, _rewriting(longer), plot.rng.randint(0, MOST_GOOD_RUNS))


def column_goes(plot: Plot) -> Wrong:
    """The column that was put in is called something else one day."""
    case = names.misspelt_column(plot)
    header, _, rest = case.files["people.csv"].decode().partition("\n")
    before, meant = (json.dumps(one, ensure_ascii=False) for one in (case.definition, case.meant))
    used = [
        name for name in header.strip().split(",") if _count(meant, name) > _count(before, name)
    ]
    other = ["Nr 77" if name in used else name for name in header.strip().split(",")]
    files = {"people.csv": f"{','.join(other)}\n{rest}".encode()}
    return Wrong(case, _rewriting(files), plot.rng.randint(0, MOST_GOOD_RUNS))


def _count(text: str, column: str) -> int:
    return text.count(f"{{{column}}}")


def range_goes(plot: Plot) -> Wrong:
    kind = plot.rng.choice((names.misspelt_range, names.renamed_range))
    book = as_book(plot.rows(plot.columns()), sheets=["Data"], ranges=["Total_2031"])
    return _with_files(plot, kind, {"book.xlsx": book})


def sheet_goes(plot: Plot) -> Wrong:
    book = as_book(plot.rows(plot.columns()), sheets=["zzz 1"], ranges=[])
    return _with_files(plot, names.misspelt_sheet, {"book.xlsx": book})


def template_goes(plot: Plot) -> Wrong:
    """The one that was put in is deleted one day."""
    case = names.misspelt_template(plot)

    def spoil(place: Place) -> None:
        for stored in place.service.resources.list(ResourceKind.TEMPLATE):
            place.service.resources.delete(ResourceKind.TEMPLATE, stored.name)

    return Wrong(case, spoil, plot.rng.randint(0, MOST_GOOD_RUNS))


def _with_files(plot: Plot, kind: Kind, files: Mapping[str, bytes]) -> Wrong:
    return Wrong(kind(plot), _rewriting(files), plot.rng.randint(0, MOST_GOOD_RUNS))


def _rewriting(files: Mapping[str, bytes]) -> Spoil:
    def spoil(place: Place) -> None:
        for name, content in files.items():
            (place.folder / name).write_bytes(content)

    return spoil


SETBACKS: Mapping[str, Callable[[Plot], Wrong]] = {
    made.__name__: made
    for made in (
        service_is_down, model_never_answers, agent_never_ends, costs_grow, successor_goes_too,
        list_grows, documents_grow, column_goes, range_goes, sheet_goes, template_goes,
    )
}  # fmt: skip


def wrongs(seed: int, count: int) -> Iterator[Wrong]:
    """So many, each kind in turn; the same ones for the same *seed*."""
    kinds = tuple(SETBACKS)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        yield SETBACKS[kind](Plot(f"{seed}/wrong/{kind}/{number}", kind))
