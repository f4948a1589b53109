"""The answer to a pasted text, for a terminal."""

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ...types import RootCause
from ...types.pasted import PastedDiagnosis, PastedFailure
from ._causes import cause_in_words
from ._shown import PROSE, block, counted, line

#: How many are told whole; of the rest the headline and the cause.
_WHOLE = 3
_MOST_EVIDENCE = 3
_MARGIN = (0, 0, 0, 2)


def show_pasted(console: Console, answer: PastedDiagnosis) -> None:
    """What was found, the first failure first; where nothing was, what to paste."""
    if answer.format_title is not None:
        console.print(Text(_found(answer), style="dim"))
    if answer.cut:
        console.print(Text(f"{answer.cut:,} characters in the middle were not read.", style="dim"))
    for number, failure in enumerate(answer.failures):
        if answer.format_title is not None:
            console.print()
        if number < _WHOLE:
            _show(console, failure, first=len(answer.failures) > 1 and failure.first)
        else:
            _mention(console, failure)
    if answer.advice is not None:
        if answer.failures:
            console.print()
        console.print(Text(block(answer.advice)))


def _found(answer: PastedDiagnosis) -> str:
    total = len(answer.failures)
    seen = sum(one.times for one in answer.failures)
    again = f", {seen:,} times in all" if seen > total else ""
    return f"Read as {line(answer.format_title)}: {counted(total, 'failure')}{again}."


def _show(console: Console, failure: PastedFailure, *, first: bool) -> None:
    console.print(_headline(failure, first=first))
    console.print(
        Text(f"  {cause_in_words(failure.diagnosis.root_cause, failure.diagnosis.verdict)}")
    )
    console.print(Padding(Text(block(failure.diagnosis.explanation)), _MARGIN, expand=False))
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for number, one in enumerate(failure.diagnosis.evidence[:_MOST_EVIDENCE]):
        source = one.source.replace("_", " ")
        table.add_row(
            "" if number else "Evidence", Text(f"{source}: {line(one.text, limit=PROSE)}")
        )
    for number, one in enumerate(failure.diagnosis.alternatives):
        words = f"{one.root_cause.value}: {line(one.why_not, limit=PROSE)}"
        table.add_row("" if number else "Ruled out", Text(words))
    for number, fix in enumerate(failure.diagnosis.fixes):
        words = f"{number + 1}. {line(fix.description, limit=PROSE)}"
        table.add_row("" if number else "How to fix", Text(words))
    if failure.diagnosis.retry_helps is not None:
        table.add_row("Run again", "may help" if failure.diagnosis.retry_helps else "will not help")
    if failure.own_entry:
        table.add_row("Known from", Text(f"your own entry {line(failure.diagnosis.entry)}"))
    if failure.diagnosis.root_cause is not RootCause.UNKNOWN:  # else the advice below says it
        for number, wanted in enumerate(failure.diagnosis.collect):
            table.add_row("" if number else "To be sure", Text(f"paste {line(wanted)}"))
    if table.row_count:
        console.print(Padding(table, _MARGIN, expand=False))


def _headline(failure: PastedFailure, *, first: bool) -> Text:
    times = f"  ({failure.times:,} times)" if failure.times > 1 else ""
    return Text.assemble(
        (f"✗ {line(failure.headline, limit=PROSE)}", "bold red"),
        (times, "dim"),
        ("  first" if first else "", "dim"),
    )


def _mention(console: Console, failure: PastedFailure) -> None:
    console.print(_headline(failure, first=False))
    found = failure.diagnosis
    console.print(Text(f"  {cause_in_words(found.root_cause, found.verdict)}"))
