"""Cut texts keep both ends, whole characters and whole placeholders, and say what is gone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.pipeline.prompt.budget import fitted, floor, need, shares
from copilot.pipeline.prompt.clipping import CUT, Clipped, clip
from copilot.pipeline.prompt.encoding import Line
from tests.copilot.prompt.hostile import TEXTS

SAFE = TEXTS.map(lambda text: text.encode("utf-8", "replace").decode())


def test_the_head_gets_sixty_percent_and_the_tail_forty() -> None:
    assert clip("a" * 500 + "b" * 500, 100) == Clipped("a" * 60 + CUT + "b" * 40, 900)


@settings(max_examples=300, deadline=None)
@given(SAFE, st.integers(0, 400))
def test_what_is_left_is_the_two_ends_and_the_count_is_exact(text: str, most: int) -> None:
    found = clip(text, most)
    size = len(text.encode())
    if size <= most:
        assert found == Clipped(text)
    elif most == 0:
        assert found == Clipped("", size)
    else:
        kept = size - found.dropped_bytes
        assert kept <= most
        ends = [
            (text[:place], text[place - len(text) :] if place < len(text) else "")
            for place in range(len(found.text) - len(CUT) + 1)
        ]
        assert found.text.count(CUT) >= 1
        head, tail = next(
            (head, found.text[len(head) + len(CUT) :])
            for head, _ in ends
            if found.text.startswith(head + CUT)
            and text.endswith(found.text[len(head) + len(CUT) :])
            and len(head.encode()) <= most * 60 // 100
        )
        assert len(head.encode()) + len(tail.encode()) == kept


@pytest.mark.parametrize("most", range(1, 60))
def test_no_placeholder_is_cut_in_two(most: int) -> None:
    text = "to [[email:1]] and [[email:23]] from [[openai-key:4]] at [[email:1]] again"
    left = clip(text, most).text
    for placeholder in ("[[email:1]]", "[[email:23]]", "[[openai-key:4]]"):
        left = left.replace(placeholder, "")
    assert "[[" not in left
    assert "]]" not in left


NEEDS = st.lists(st.tuples(st.integers(0, 900), st.integers(1, 20)), min_size=1, max_size=8)


@settings(max_examples=300)
@given(NEEDS, st.integers(0, 3000))
def test_shares_are_fair_and_use_what_there_is(wanted: list[tuple[int, int]], total: int) -> None:
    needs, weights = [need for need, _ in wanted], [weight for _, weight in wanted]
    given_out = shares(needs, weights, total)
    assert all(0 <= got <= need for got, need in zip(given_out, needs, strict=True))
    assert sum(given_out) <= total
    if sum(needs) <= total:
        assert given_out == needs
    else:
        assert sum(given_out) > total - len(needs)
        for got, need, weight in zip(given_out, needs, weights, strict=True):
            assert got >= min(need, total * weight // sum(weights))


@settings(max_examples=200, deadline=None)
@given(SAFE, SAFE, st.integers(0, 300), st.sampled_from([1.0, 2.5, 4.0]))
def test_a_fitted_line_fits(text: str, path: str, more: int, bytes_a_token: float) -> None:
    def count(written: str) -> int:
        return int(len(written.encode()) / bytes_a_token) + 1

    line = Line(section="findings", source="error.message", path=path, text=text)
    room = floor(line, count) + more
    found = fitted(line, room, count)
    assert need(found, count) <= room
    if need(line, count) <= room:
        assert found == line
    elif found.text != text:
        assert found.dropped_bytes > 0
