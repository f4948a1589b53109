"""Reports, diffs and receipts for a terminal: readable without colour, safe with any text.

Nothing here interprets markup: what a failure says is put in as `Text`, never as a format string.
"""

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ...characters import escape_hidden
from ...types import (
    Change,
    Outcome,
    OutcomeState,
    Pattern,
    Preview,
    Receipt,
    Report,
    SuggestedFix,
    Verdict,
)
from ...types.account import NewApiKey
from ._shown import PROSE, block, line

_SURE = {
    Verdict.CONFIRMED: "confirmed",
    Verdict.LIKELY: "likely",
    Verdict.INCONCLUSIVE: "inconclusive",
}
_DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def show_report(console: Console, report: Report, *, diffs: bool = True) -> None:
    """The whole answer: what failed, why, on what evidence, what to do, what it cost."""
    console.print(Text(f"✗ {line(report.headline, limit=PROSE)}", style="bold red"))
    console.print()
    console.print(Text(block(report.explanation)))
    console.print()
    console.print(_facts(report))
    if report.suggested_fixes:
        console.print()
        console.print(Text("How to fix it", style="bold"))
        show_fixes(console, report.suggested_fixes, diffs=diffs)
    show_pattern(console, report.pattern_detected)
    console.print()
    console.print(receipt_line(report.receipt))


def _facts(report: Report) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    step = report.failed_step
    if step.step_number is not None:
        table.add_row("Step", Text(f"{step.step_number} ({line(step.action or '')})"))
    table.add_row("Root cause", Text(f"{report.root_cause.value} ({_SURE[report.verdict]})"))
    for number, evidence in enumerate(report.evidence[:4]):
        source = evidence.source.replace("_", " ")
        table.add_row(
            "" if number else "Evidence",
            Text(f"{line(source)}: {line(evidence.text, limit=PROSE)}"),
        )
    if report.later_failures:
        noun = "step" if report.later_failures == 1 else "steps"
        table.add_row(
            "Follows from it", Text(f"{report.later_failures} {noun} failed after this one")
        )
    return table


def show_fixes(console: Console, fixes: Sequence[SuggestedFix], *, diffs: bool = True) -> None:
    """Numbered, best first; those that can be applied show their diff and id."""
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right")
    table.add_column()
    for number, fix in enumerate(fixes, start=1):
        table.add_row(f" {number}.", Text(line(fix.description, limit=PROSE)))
        if diffs and fix.preview:
            table.add_row("", diff(fix.preview))
        if fix.fix_id:
            table.add_row("", Text(f"[{line(fix.action)}] {line(fix.fix_id)}", style="dim"))
    console.print(table)


def diff(text: str) -> RenderableType:
    """A unified diff, one styled line each; the signs carry the meaning, colour only helps.

    What is hidden is escaped, not dropped: whoever approves a change must see all of it.
    """
    return Group(
        *(
            Text(shown, style=_DIFF_STYLES.get(shown[:1], ""), overflow="fold")
            for shown in escape_hidden(text).splitlines()
        )
    )


def show_pattern(console: Console, pattern: Pattern) -> None:
    """The warning of repeated failures, when there is one."""
    if pattern.warning is None:
        return
    console.print()
    console.print(Text(f"⚠ {line(pattern.warning, limit=PROSE)}", style="bold yellow"))
    if pattern.recommendation:
        console.print(Text(f"Recommendation: {line(pattern.recommendation, limit=PROSE)}"))


def receipt_line(receipt: Receipt) -> Text:
    """'Cost: 1 credit (offline analysis), 99 left'."""
    noun = "credit" if receipt.credits == 1 else "credits"
    left = "no limit set" if receipt.balance is None else f"{receipt.balance} left"
    return Text(f"Cost: {receipt.credits} {noun} ({line(receipt.reason)}); {left}", style="dim")


def outcome_line(outcome: Outcome) -> Text:
    styles = {OutcomeState.VERIFIED: "bold green", OutcomeState.REGRESSED: "bold red"}
    state = outcome.state.value.replace("_", " ").capitalize()
    words = outcome.explanation.removeprefix(f"{state}: ")
    return Text(f"{state}: {line(words, limit=PROSE)}", style=styles.get(outcome.state, ""))


def show_preview(console: Console, preview: Preview) -> None:
    """What would change, in words and as the exact diff."""
    console.print(Text(escape_hidden(preview.summary), style="bold"))
    console.print(Padding(diff(preview.diff), (0, 0, 0, 2), expand=False))


def change_line(change: Change) -> Text:
    done = {"fix": "Applied", "undo": "Undone", "revert": "Reverted"}[change.kind]
    return Text(
        f"{done}: the workflow is now at version {change.version} ({line(change.change_id)})",
        style="bold green",
    )


def key_text(key: NewApiKey) -> Text:
    """A new key, whole: this is the one time that it can be seen."""
    until = "" if key.expires_at is None else f", until {key.expires_at:%Y-%m-%d %H:%M} UTC"
    return Text.assemble(
        f"API key of {line(key.name)} ({key.kind.value}, {key.role.value}{until}), "
        "shown this once and not stored:\n",
        (f"  {line(key.secret)}", "bold"),
    )
