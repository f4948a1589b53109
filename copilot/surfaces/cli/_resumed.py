"""What a resume keeps, what it runs again, and why, in plain words."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...types.engine import Execution, ResumeReport, StaleStep
from ._shown import line

#: Steps of one kind that are named; the rest are counted.
MOST_NAMED = 12
_HEADINGS: Mapping[str, str] = {
    "full": "runs every step again",
    "partial": "keeps what succeeded",
    "dependencies": "runs what failed again, with the steps it needs",
}
_REASONS: Mapping[str, str] = {
    "asked": "",
    "not_done": "it had not succeeded",
    "definition_changed": "it was changed in the workflow",
    "input_changed": "{because} runs again",
    "needed_again": "the failed step needs it",
    "gone": "the workflow has no such step any more",
}


def show_resumed(console: Console, resumed: Execution, names: Mapping[str, str]) -> None:
    """The next round and what it makes of those before. *names* are of steps, by path."""
    report = resumed.resume_report
    if report is None:
        return
    console.print(f"Round {resumed.round} {_HEADINGS[report.mode]} ({report.mode}).")
    show_round(console, report, names)


def show_round(console: Console, report: ResumeReport, names: Mapping[str, str]) -> None:
    """What the round keeps, and what runs again."""
    table = Table.grid(padding=(0, 2))
    for word, words in (*_kept(report, names), *_again(report, names)):
        table.add_row(Text(f"  {word}", style="dim"), Text(words))
    if table.row_count:
        console.print(table)


def _kept(report: ResumeReport, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    effects = set(report.kept_effects)
    outermost = [
        path
        for path in report.reused
        if path not in effects and not any(path.startswith(f"{one}/") for one in report.reused)
    ]
    for path in outermost[:MOST_NAMED]:
        yield "kept", _named(path, names)
    yield from _rest("kept", outermost, cut=report.reused_total > len(report.reused))
    for path in report.kept_effects[:MOST_NAMED]:
        words = "what it did can't be repeated; --repeat-effects does it again"
        yield "kept", f"{_named(path, names)}: {words}"
    yield from _rest("kept", report.kept_effects, cut=False)


def _again(report: ResumeReport, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The innermost steps, whose containers run again because of them."""
    if report.mode == "full":
        return
    stale = [
        one
        for one in report.stale
        if not any(other.path.startswith(f"{one.path}/") for other in report.stale)
    ]
    for one in stale[:MOST_NAMED]:
        yield ("gone" if one.reason == "gone" else "again"), _why(one, names)
    yield from _rest("again", stale, cut=report.stale_total > len(report.stale))


def _why(stale: StaleStep, names: Mapping[str, str]) -> str:
    because = "what it reads" if stale.because is None else _named(f"/{stale.because}", names)
    reason = _REASONS[stale.reason].format(because=because)
    return f"{_named(stale.path, names)}: {reason}" if reason else _named(stale.path, names)


def _named(path: str, names: Mapping[str, str]) -> str:
    """A step by its name; one inside another with its path, for it may run many times."""
    name = names.get(path)
    if name is None:
        return line(path)
    return f"{line(name)} ({line(path)})" if path.count("/") > 1 else line(name)


def _rest(word: str, items: Sequence[object], *, cut: bool) -> Iterator[tuple[str, str]]:
    left = len(items) - MOST_NAMED
    if left > 0 or cut:
        yield word, f"and {left} more" if not cut and left > 0 else "and more"
