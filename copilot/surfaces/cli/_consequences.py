"""What a fix would bring about, in some lines below its diff."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...types import Preview
from ._shown import PROSE, line

MOST_SENTENCES = 8


def show_consequences(console: Console, preview: Preview) -> None:
    """Each change in a sentence, what it does to the cost, and what came of trying it."""
    table = Table.grid(padding=(0, 2))
    for word, words in _rows(preview):
        table.add_row(Text(word, style="dim"), Text(line(words, limit=PROSE)))
    if table.row_count:
        console.print(table)


def _rows(preview: Preview) -> Iterator[tuple[str, str]]:
    for number, sentence in enumerate(preview.plain[:MOST_SENTENCES]):
        yield "" if number else "Changes", sentence
    if (left := len(preview.plain) - MOST_SENTENCES) > 0:
        yield "", f"and {left} more"
    if preview.cost_effect is not None:
        yield "Cost", preview.cost_effect.explanation
    elif preview.kind == "change":
        yield "Cost", "Nobody can tell what a run of this workflow takes."
    if preview.dry_run is not None:
        yield "Dry run", preview.dry_run.explanation
