"""What a run has used so far, each against what was expected of it, and what it is doing."""

from collections.abc import Iterator
from decimal import Decimal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...types.engine import Tiles
from ._shown import line, usd

#: Steps under way that are shown with what they are doing.
MOST_UNDER_WAY = 5


def show_usage(console: Console, tiles: Tiles) -> None:
    """Only what is known, or was expected: a run without a model has neither tokens nor cost."""
    table = Table.grid(padding=(0, 2))
    for name, words in (*_spent(tiles), *_time(tiles), *_under_way(tiles)):
        table.add_row(Text(f"  {name}", style="dim"), Text(words))
    if table.row_count:
        console.print(table)


def _spent(tiles: Tiles) -> Iterator[tuple[str, str]]:
    tokens, cost = tiles.tokens, tiles.cost
    expected = tokens.estimated_most or 0
    if tokens.used or expected:
        yield "tokens", f"{tokens.used:,}{_between(tokens.estimated_least, tokens.estimated_most)}"
    if tokens.used or expected or cost.counted_usd:
        spent = usd(cost.counted_usd if cost.used_usd is None else cost.used_usd)
        known = "" if cost.used_usd is not None or not tokens.used else " known, the rest unknown"
        limit = cost.budget_usd
        share = f" ({cost.budget_used_percentage:g} %)" if cost.budget_used_percentage else ""
        budget = "" if limit is None else f" of {usd(limit)}{share}"
        yield "cost", f"{spent}{known}{budget}{_price_range(tiles)}"


def _between(least: int | None, most: int | None) -> str:
    if most is None:
        return ""
    return f", expected {most:,}" if least in {None, most} else f", expected {least:,} to {most:,}"


def _price_range(tiles: Tiles) -> str:
    if tiles.tokens.estimated_most is None:
        return ""
    least, most = tiles.cost.estimated_least_usd, tiles.cost.estimated_most_usd
    if most is None:
        return ", expected unknown: a price is not known"
    low = usd(least or Decimal(0))
    return f", expected {low}" if least == most else f", expected {low} to {usd(most)}"


def _time(tiles: Tiles) -> Iterator[tuple[str, str]]:
    """Time counts while a run works; how long others took says something once there are enough."""
    elapsed = tiles.elapsed
    if elapsed.seconds is None:
        return
    if elapsed.estimated_seconds is not None:
        usual = f"usually {elapsed.estimated_seconds:.1f} s (last {elapsed.samples} runs)"
        yield "time", f"{elapsed.seconds:.1f} s, {usual}"
    elif tiles.status.value == "running":
        yield "time", f"{elapsed.seconds:.1f} s"


def _under_way(tiles: Tiles) -> Iterator[tuple[str, str]]:
    for step in tiles.steps[:MOST_UNDER_WAY]:
        most = f" of {step.most_turns}" if step.most_turns else ""
        turn = f", turn {step.turn}{most}" if step.turn else ""
        using = f", using {line(step.tool)}" if step.tool else ""
        yield "now", f"{line(step.name or step.path)}  {line(step.path)}{turn}{using}"
