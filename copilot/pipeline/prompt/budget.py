"""Who gets how many tokens: what one does not need goes to the others."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from .clipping import clip
from .encoding import Line, body

#: For a line's mark and its end. No mark has more bytes, and no tokenizer gives a byte two tokens.
MARK_TOKENS = 32
#: No text is written out further than this, in bytes, whatever the budget.
MOST_BYTES = 50_000
MOST_PATH_BYTES = 600
#: Counts that no line exceeds: they leave room for those that a line really has.
_LARGE = 10**8


def shares(needs: Sequence[int], weights: Sequence[int], total: int) -> list[int]:
    """How much each gets of *total*: at most its need, else its part by weight.

    Nobody gets less than its part while another gets more than it needs.
    """
    given = [0] * len(needs)
    left, weight = total, sum(weights)
    for place in sorted(range(len(needs)), key=lambda one: needs[one] / weights[one]):
        given[place] = max(0, min(needs[place], left * weights[place] // weight))
        left -= given[place]
        weight -= weights[place]
    return given


def nested_shares(
    groups: Sequence[Sequence[tuple[int, int]]], weights: Sequence[int], total: int
) -> list[list[int]]:
    """The same in two steps: among groups, then inside each, whose members are (need, weight)."""
    needs = [sum(need for need, _ in group) for group in groups]
    of_groups = shares(needs, weights, total)
    return [
        shares([need for need, _ in group], [weight for _, weight in group], part)
        for group, part in zip(groups, of_groups, strict=True)
    ]


def floor(line: Line, count: Callable[[str], int]) -> int:
    """Tokens of *line* with next to nothing in it: whatever outside text says, this does not change."""
    empty = Line(
        section=line.section,
        source=line.source,
        path=" ",
        text="",
        hidden=_LARGE,
        dropped_bytes=_LARGE,
    )
    return count(body(empty)) + MARK_TOKENS


def need(line: Line, count: Callable[[str], int]) -> int:
    return count(body(line)) + MARK_TOKENS


def fitted(line: Line, tokens: int, count: Callable[[str], int]) -> Line:
    """*line* with its text, and where that is not enough its path, clipped to fit *tokens*.

    `tokens` is at least its floor.
    """
    most = len(line.text.encode())
    found = line
    while (over := need(found, count) / tokens) > 1 and most > 0:
        most = min(most - 1, int(most / over))
        cut = clip(line.text, most)
        found = replace(line, text=cut.text, dropped_bytes=line.dropped_bytes + cut.dropped_bytes)
    most = len(line.path.encode())
    while need(found, count) > tokens and most > 0:
        most //= 2
        found = replace(found, path=clip(line.path, most).text)
    return found
