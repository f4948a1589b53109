"""The comments of a text in YAML, and which of them a change of it has lost."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

import yaml

_BLOCK_STYLES = frozenset({"|", ">"})


def lost_comments(before: str, after: str) -> list[int]:
    """The lines of *before*, from 1, with a comment that *after* does not have as often.

    Both are texts that can be read. Of equal comments the last are taken to be lost.
    """
    left = Counter(comment for _, comment in _comments(after))
    lost: list[int] = []
    for line, comment in _comments(before):
        left[comment] -= 1
        if left[comment] < 0:
            lost.append(line)
    return lost


def _comments(text: str) -> Iterator[tuple[int, str]]:
    """Each comment with its line: what stands from a `#` between what is read."""
    for start, end in _gaps(text):
        line = text.count("\n", 0, start) + 1
        for offset, said in enumerate(text[start:end].split("\n")):
            _, mark, comment = said.partition("#")
            if mark:
                yield line + offset, comment.strip()


def _gaps(text: str) -> Iterator[tuple[int, int]]:
    """Where nothing stands that says anything, from one place up to another."""
    done = 0
    for token in cast("Iterator[Any]", yaml.scan(text, Loader=yaml.SafeLoader)):
        start, end = token.start_mark.index, token.end_mark.index
        if start > done:
            yield done, start
        if isinstance(token, yaml.ScalarToken) and cast("Any", token).style in _BLOCK_STYLES:
            yield start, _line_end(text, start)  # its own mark, and a comment behind that
        done = max(done, end)
    yield done, len(text)


def _line_end(text: str, place: int) -> int:
    end = text.find("\n", place)
    return len(text) if end < 0 else end
