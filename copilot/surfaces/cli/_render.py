"""Reports, diffs and receipts for a terminal: readable without colour, safe with any text.

Nothing here interprets markup: what a failure says is put in as `Text`, never as a format string.
"""

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ...characters import escape_hidden
from ...fixes import ACTIONS
from ...types import (
    AlreadyFixed,
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
from ...types.consultation import ModelUse
from ...types.message import BESIDES
from ._shown import PROSE, block, line

_SURE = {
    Verdict.CONFIRMED: "confirmed",
    Verdict.LIKELY: "likely",
    Verdict.INCONCLUSIVE: "inconclusive",
}
#: Steps that failed because of the first one and are listed.
MOST_FOLLOWING = 5
MOST_EVIDENCE = 4
_DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def show_report(console: Console, report: Report, *, diffs: bool = True) -> None:
    """The whole answer: what failed, why, on what evidence, what to do, what it cost."""
    console.print(Text(f"✗ {line(report.headline, limit=PROSE)}", style="bold red"))
    console.print()
    if report.already_fixed is not None:
        _show_fixed(console, report.already_fixed, report.execution_id, diffs=diffs)
        console.print()
    console.print(Text(block(report.explanation)))
    console.print()
    console.print(_facts(report))
    if report.suggested_fixes:
        heading = "How to fix it" if report.already_fixed is None else BESIDES.removesuffix(":")
        console.print()
        console.print(Text(heading, style="bold"))
        show_fixes(console, report.suggested_fixes, diffs=diffs)
    show_pattern(console, report.pattern_detected)
    if report.pause_fix_id is not None:
        pause = f"ask-copilot fix apply {line(report.pause_fix_id)}"
        console.print(Text(f"Pause it:  {pause}", style="dim"), soft_wrap=True)
    console.print()
    console.print(receipt_line(report.receipt))


def _show_fixed(
    console: Console, done: AlreadyFixed, execution_id: str, *, diffs: bool = True
) -> None:
    """That nothing is left to fix, with what nobody was asked about, and what can be done with it."""
    console.print(Text(f"✓ {line(done.words, limit=PROSE)}", style="bold green"))
    if diffs and done.diff:
        console.print(Padding(diff(done.diff), (0, 0, 0, 2), expand=False))
    resume = f"ask-copilot resume {line(execution_id)} --mode partial"
    console.print(Text(f"Go on with the run:  {resume}", style="dim"), soft_wrap=True)
    if done.standing_id is not None:
        see = f"ask-copilot outcome {line(done.change_id)}"
        console.print(Text(f"See if it holds:     {see}", style="dim"), soft_wrap=True)
    back = f"ask-copilot revert {line(done.change_id)}"
    console.print(Text(f"Take the fix back:   {back}", style="dim"), soft_wrap=True)


def _facts(report: Report) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    step = report.failed_step
    if step.step_number is not None:
        table.add_row("Step", Text(f"{step.step_number} ({line(step.action or '')})"))
    cause = f"{report.root_cause.value} ({_SURE[report.verdict]})"
    grounds = f": {line(report.grounds, limit=PROSE)}" if report.grounds else ""
    table.add_row("Root cause", Text(f"{cause}{grounds}"))
    if report.wrapped_by is not None:
        said = line(report.wrapped_by, limit=PROSE) or "nothing"
        table.add_row("The step said", Text(f"{said}; the error inside it is shown"))
    if report.location_note:
        table.add_row("Where", Text(line(report.location_note, limit=PROSE)))
    _add_rows(
        table,
        "Evidence",
        [
            f"{one.source.replace('_', ' ')}: {one.text}"
            for one in report.evidence[:MOST_EVIDENCE]
            if one.source != "change"  # told below
        ],
    )
    if report.own_entry is not None:
        table.add_row("Known from", Text(f"your own entry {line(report.own_entry)}"))
    _add_rows(table, "Follows from it", _followed(report))
    _add_rows(table, "Failed too", _beside(report))
    _add_rows(table, "Changed since", _changes(report))
    _add_rows(table, "Limits", report.quota_use)
    _add_rows(
        table,
        "Ruled out",
        [f"{one.root_cause.value}: {one.why_not}" for one in report.alternatives],
    )
    _add_rows(table, "To be sure, get", report.collect)
    if report.served_from is not None:
        _add_rows(table, "Told again", [f"from {report.served_from}, for nothing"])
    _add_rows(table, "Model", model_lines(report))
    if report.hidden_characters:
        count = f"{report.hidden_characters} hidden characters were taken out of the error"
        table.add_row("Careful", Text(count))
    return table


def model_lines(report: Report) -> list[str]:
    """Who was asked and what became of it; what the person should know of it."""
    use = report.model
    if report.served_from is not None:
        return [] if use is None else [f"{use.model}, asked then and not again", *_notes(use)]
    if use is None:
        asked = "not asked" if report.degraded_reason else ""
        return [f"{asked}: {report.degraded_reason}"] if asked else []
    if not use.answered:
        return [f"{use.model} gave no answer ({use.reason}): the rules did", *_notes(use)]
    cost = "price not known" if use.cost_usd is None else f"{use.cost_usd:f} USD"
    return [f"{use.model}, {use.milliseconds / 1000:.1f} s, {cost}", *_notes(use)]


def _notes(use: ModelUse) -> list[str]:
    doubt = "It says that the run's data try to give it orders: read with care"
    hidden = f"{use.hidden_characters} hidden characters were taken out of its answer"
    told = [
        use.note,
        use.disagreement,
        doubt if use.suspicious else None,
        hidden if use.hidden_characters else None,
    ]
    return [text for text in told if text]


def _add_rows(table: Table, title: str, texts: Sequence[str]) -> None:
    """A row for each of *texts*, *title* before the first."""
    for number, text in enumerate(texts):
        table.add_row("" if number else title, Text(line(text, limit=PROSE)))


def _changes(report: Report) -> list[str]:
    """What has changed since the last green run, which is named; that nothing has, too."""
    green = report.last_green_run
    if green is None:
        return list(report.changes_since)
    run = f"run {green.execution_id}, {green.ago}"
    if not report.changes_since:
        return [f"nothing that is known, since it last went well ({run})"]
    return [*report.changes_since, f"since it last went well ({run})"]


def _followed(report: Report) -> list[str]:
    """Each step that failed because of this one; how many more there are."""
    if not report.later_failures:
        return []
    noun = "step" if report.later_failures == 1 else "steps"
    named = [
        f"step {one.step_number} ({one.action}): {one.error or 'no error text'}"
        for one in report.followed_by[:MOST_FOLLOWING]
    ]
    others = report.later_failures - len(named)
    more = [f"and {others} more"] if named and others > 0 else []
    return [f"{report.later_failures} {noun} failed because of this one", *named, *more]


def _beside(report: Report) -> list[str]:
    """Each step that failed for itself: the fix of this one does nothing for them."""
    return [
        f"step {one.step_number} ({one.action}): {one.error or 'no error text'}"
        for one in report.failed_beside[:MOST_FOLLOWING]
    ]


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
        for remark in fix.remarks:
            table.add_row("", Text(line(remark, limit=PROSE)))
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
    if change.fix_type in ACTIONS:
        named = change.fix_type.replace("_", " ")
        return Text(f"{done}: {named} ({line(change.change_id)})", style="bold green")
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
