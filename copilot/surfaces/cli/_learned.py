"""What was learned and how far fixes may go, for people."""

from collections.abc import Iterator, Sequence

from rich.console import Console

from ...types.learning import LearningSummary, Level, LevelSetting, SuccessRate, Thumbs
from ._lists import say_if_none, table_of
from ._shown import PROSE, cell, line, moment


def show_learning(console: Console, found: LearningSummary) -> None:
    say_if_none(console, found.fix_types, "No fix has been applied yet.")
    if found.fix_types and not any(one.judged for one in found.fix_types):
        console.print(_none_judged(found.fix_types))
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


def show_levels(console: Console, levels: Sequence[LevelSetting]) -> None:
    table = table_of(3)
    for one in levels:
        table.add_row(cell(one.fix_type), cell(one.effective.value), cell(_source(one)))
    console.print(table)
    for one in levels:
        if one.level is Level.STANDING or one.missing:
            console.print(_acting(one), markup=False, soft_wrap=True)


def _acting(one: LevelSetting) -> str:
    name = line(one.fix_type)
    if not one.missing:
        return f"{name} acts now: what a standing approval covers is applied by itself."
    missing = "; ".join(line(why, limit=PROSE) for why in one.missing)
    if one.level is not Level.STANDING:
        return f"{name} is signed for by a standing approval, which does not act yet: {missing}."
    return f"{name} does not act yet: {missing}."


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
    """'4 of 5 judged fixes, 1 under watch, 2 taken back before they were judged'."""
    noun = "fix" if one.judged == 1 else "fixes"
    judged = [f"{one.verified} of {one.judged:,} judged {noun}"] if one.judged else []
    return ", ".join([*judged, *_not_judged(one)])


def _none_judged(rates: Sequence[SuccessRate]) -> str:
    """'1 fix was applied, and none is judged yet.': the tables say what has become of them."""
    count = sum(one.under_watch + one.undecided + one.taken_back for one in rates)
    applied = "1 fix was" if count == 1 else f"{count:,} fixes were"
    return f"{applied} applied, and none is judged yet."


def _not_judged(one: SuccessRate) -> Iterator[str]:
    if one.under_watch:
        yield f"{one.under_watch:,} under watch"
    if one.undecided:
        yield f"{one.undecided:,} undecided, edited since"
    if one.taken_back:
        back = "it was" if one.taken_back == 1 else "they were"
        yield f"{one.taken_back:,} taken back before {back} judged"


def _source(one: LevelSetting) -> str:
    if one.is_default or one.set_at is None:
        return "default"
    limited = "" if one.level is one.effective else f"{one.level.value}, limited by 'all'; "
    return f"{limited}set by {one.set_by_name} on {moment(one.set_at)}"
