"""The knowledge base for a terminal: findings, examples, reasons, figures, entries of one's own."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.text import Text

from knowledge_base.coverage import ClassScore, Coverage
from knowledge_base.linting import Finding
from knowledge_base.trial import Reason, Trial

from ...types import Diagnosis
from ...types.knowledge import OwnEntry
from ._causes import cause_in_words
from ._lists import say_if_none, table_of
from ._shown import PROSE, block, cell, counted, line, moment

_MOST_NAMED = 12


def show_findings(console: Console, findings: Sequence[Finding], *, entries: int) -> None:
    """The errors first, one line each, then how many there are."""
    for one in findings:
        style = "red" if one.level == "error" else "yellow"
        sign = "✗" if one.level == "error" else "!"
        console.print(
            Text.assemble(
                (f"{sign} ", style),
                (line(f"{one.entry}.yaml", limit=PROSE), "bold"),
                f"  {line(one.field)}: {line(one.problem, limit=PROSE)}",
            ),
            soft_wrap=True,
        )
    errors = sum(one.level == "error" for one in findings)
    said = f"{counted(errors, 'error')}, {counted(len(findings) - errors, 'warning')}"
    console.print(Text(f"{_entries(entries)}: {said}."))


def show_trial(console: Console, trial: Trial) -> None:
    """The examples that do not hold, then how many were tried."""
    for one in trial.broken:
        console.print(
            Text.assemble(
                ("✗ ", "red"),
                (line(f"{one.entry}.yaml"), "bold"),
                f"  {line(one.field)}: {line(one.problem, limit=PROSE)}",
            ),
            soft_wrap=True,
        )
        console.print(Text(f"    {line(one.message)}", style="dim"), soft_wrap=True)
    held = trial.examples - len(trial.broken)
    console.print(
        Text(
            f"{held:,} of {counted(trial.examples, 'example')} hold, of {_entries(trial.entries)}."
        )
    )


def _entries(count: int) -> str:
    return f"{count:,} entry" if count == 1 else f"{count:,} entries"


def show_reasons(console: Console, found: Diagnosis, told: Sequence[Reason]) -> None:
    """What was decided, then everything that spoke, the strongest first."""
    console.print(Text(cause_in_words(found.root_cause, found.verdict), style="bold"))
    if found.grounds:
        console.print(Text(f"  {line(found.grounds, limit=PROSE)}"))
    console.print(Text(f"  {block(found.explanation)}"))
    console.print()
    table = table_of(5)
    for one in told:
        sign = Text("✓", style="green") if one.won else Text("·", style="dim")
        table.add_row(
            sign,
            str(one.weight),
            cell(one.entry),
            Text(f"{line(one.text)} ({one.place})"),
            Text(line(one.why, limit=PROSE), style="bold" if one.won else "dim"),
        )
    console.print(table)
    say_if_none(console, told, "No pattern of any entry speaks about this text.")


def show_coverage(console: Console, found: Coverage) -> None:
    """The shares, then each class, the worst first, then what never matched."""
    if not found.cases:
        console.print(Text("The corpus has no failures: nothing was measured."))
        return
    console.print(
        Text(
            f"{counted(found.cases, 'failure')}: {_share(found.strict)} right, "
            f"{_share(found.lenient)} right or acceptable",
            style="bold",
        )
    )
    console.print()
    table = table_of(5)
    table.add_row(
        *(
            Text(head, style="dim")
            for head in ("root cause", "cases", "recall", "precision", "taken for")
        )
    )
    for score in found.classes:
        table.add_row(
            score.root_cause,
            f"{score.cases:,}",
            _share(score.recall),
            _share(score.precision),
            Text(_mistaken(score), style="dim"),
        )
    console.print(table)
    console.print()
    _show_names(console, "never matched", found.never_matched)
    _show_names(console, "matched, and never decided", found.never_chosen)


def _share(share: float | None) -> str:
    return "none" if share is None else f"{share:.0%}"


def _mistaken(score: ClassScore) -> str:
    return ", ".join(f"{name} {times}" for name, times in score.mistaken_for)


def _show_names(console: Console, what: str, names: Sequence[str]) -> None:
    shown = ", ".join(names[:_MOST_NAMED])
    more = (
        f" and {len(names) - _MOST_NAMED:,} more (--json has all)"
        if len(names) > _MOST_NAMED
        else ""
    )
    said = f": {shown}{more}" if names else ""
    console.print(Text(f"{_entries(len(names))} {what}{said}"))


def written_out(found: Coverage) -> Mapping[str, Any]:
    """The figures as one document, with the shares that follow from the counts."""
    classes = [
        {
            **asdict(one),
            "recall": one.recall,
            "precision": one.precision,
            "mistaken_for": dict(one.mistaken_for),
        }
        for one in found.classes
    ]
    return {**asdict(found), "classes": classes, "chosen": dict(found.chosen)}


def show_own(console: Console, entries: Sequence[OwnEntry]) -> None:
    """One line an entry, and what is wrong with those that can't be used any more."""
    table = table_of(4)
    for one in entries:
        what = "in the place of a shipped one" if one.overrides else "new"
        changed = f"{line(one.changed_by_name)}, {moment(one.changed_at)}"
        table.add_row(cell(one.entry_id), cell(one.root_cause or "can't be used"), what, changed)
    console.print(table)
    for one in entries:
        if one.problem:
            console.print(Text(f"! {line(one.problem, limit=PROSE)}", style="yellow"))
    say_if_none(
        console,
        entries,
        "This workspace has no entries of its own. Add one with `ask-copilot kb add FILE`.",
    )
