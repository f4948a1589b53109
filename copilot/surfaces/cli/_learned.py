"""What was learned and how far fixes may go, for people."""

from collections.abc import Iterable

from rich.console import Console

from ...types.learning import LearningSummary, LevelSetting, SuccessRate, Thumbs
from ._lists import say_if_none, table_of
from ._shown import cell, counted, line, moment


def show_learning(console: Console, found: LearningSummary) -> None:
    say_if_none(console, found.fix_types, "No fix has been applied yet.")
    for title, rates in (
        ("Fix types", found.fix_types),
        ("Root causes", found.root_causes),
        ("Knowledge-base entries", found.entries),
        ("Runtimes", found.runtimes),
        ("Models", found.models),
    ):
        _show_rates(console, title, rates)
    for title, thumbs in (
        ("What people say, by runtime", found.thumbs_by_runtime),
        ("What people say, by root cause", found.thumbs_by_cause),
    ):
        _show_thumbs(console, title, thumbs)
    for name in found.not_offered:
        console.print(f"{line(name)} is not offered as a fix: too few have held.", markup=False)


def show_levels(console: Console, levels: Iterable[LevelSetting]) -> None:
    table = table_of(3)
    for one in levels:
        table.add_row(cell(one.fix_type), cell(one.effective.value), cell(_source(one)))
    console.print(table)


def _show_rates(console: Console, title: str, rates: tuple[SuccessRate, ...]) -> None:
    if not rates:
        return
    console.print(f"\n{title}", style="bold")
    table = table_of(3)
    for one in rates:
        table.add_row(cell(one.name), cell(_share(one)), cell(_counts(one)))
    console.print(table)


def _show_thumbs(console: Console, title: str, thumbs: tuple[Thumbs, ...]) -> None:
    if not thumbs:
        return
    console.print(f"\n{title}", style="bold")
    table = table_of(2)
    for one in thumbs:
        said = f"helpful {one.helpful}, not helpful {one.not_helpful}"
        table.add_row(cell(one.name), cell(said))
    console.print(table)


def _share(one: SuccessRate) -> str:
    """'80 % hold (95 %: 49 to 94)'."""
    if one.rate is None or one.low is None or one.high is None:
        return "not judged yet"
    return f"{one.rate:.0%} hold (95 %: {one.low * 100:.0f} to {one.high * 100:.0f})"


def _counts(one: SuccessRate) -> str:
    waiting = f", {one.undecided} under watch" if one.undecided else ""
    return f"{one.verified} of {counted(one.judged, 'judged fix')}{waiting}"


def _source(one: LevelSetting) -> str:
    if one.is_default or one.set_at is None:
        return "default"
    limited = "" if one.level is one.effective else f"{one.level.value}, limited by 'all'; "
    return f"{limited}set by {one.set_by_name} on {moment(one.set_at)}"
