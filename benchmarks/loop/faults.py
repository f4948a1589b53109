"""The kinds of faults there are, each a function that makes a workflow with one."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from . import limits, names, shapes
from .case import Case
from .plot import Plot

Kind: TypeAlias = Callable[[Plot], Case]

KINDS: Mapping[str, Kind] = {
    kind.__name__: kind
    for kind in (
        names.missing_template,
        names.misspelt_template,
        names.misspelt_range,
        names.misspelt_sheet,
        names.renamed_range,
        names.misspelt_file,
        names.misspelt_column,
        names.misspelt_placeholder,
        names.misspelt_filter,
        names.misspelt_answer,
        names.misspelt_item,
        names.misspelt_reference,
        shapes.renamed_output,
        shapes.renamed_input,
        shapes.bad_rows,
        shapes.loop_bound,
        shapes.turn_limit,
        shapes.too_many_documents,
        shapes.too_long_list,
        limits.too_few_retries,
        limits.busy_model,
        limits.short_request_time,
        limits.short_step_time,
        limits.small_step_budget,
        limits.small_run_budget,
        limits.retired_model,
        limits.refusing_model,
        limits.not_connected,
        limits.quota_reached,
    )
}


def cases(seed: int, count: int) -> Iterator[Case]:
    """So many cases, each kind in turn; the same ones for the same *seed*."""
    kinds = tuple(KINDS)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        yield KINDS[kind](Plot(f"{seed}/{kind}/{number}", kind))
