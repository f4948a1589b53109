"""Text for showing: nothing hidden survives, nothing visible is lost, however long it is."""

import sys
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.characters import escape_hidden, has_hidden
from copilot.pipeline.sanitize import MOST_MARKS, Sanitized, one_line, sanitize

DRAWN_THOUGH_FORMAT = {0x0600, 0x0601, 0x0602, 0x0603, 0x0604, 0x0605, 0x06DD, 0x070F}
DRAWN_THOUGH_FORMAT |= {0x0890, 0x0891, 0x08E2, 0x110BD, 0x110CD}


@pytest.mark.parametrize(
    ("text", "shown", "hidden"),
    [
        ("plain\ttext\n", "plain\ttext\n", 0),
        ("\x1b[31mred\x1b[0m", "red", 9),
        ("\x9b31mred", "red", 4),
        ("\x1b]8;;https://evil.example\x07link\x1b]8;;\x1b\\", "link", 33),
        ("\x1b]0;title with no end, and the error", "0;title with no end, and the error", 2),
        ("Outbound\x1b]8;;http://evil\x07link\x1b]8;;\x07 v3", "Outboundlink v3", 23),
        ("Outbound\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\ v3", "Outboundlink v3", 25),
        ("\x9d8;;http://evil\x9clink\x9d8;;\x9c", "link", 21),
        ("\x1b]8;;http://evil\nand the error", "8;;http://evil\nand the error", 2),
        ("\x1b[38;5;", "38;5;", 2),
        ("\x1b[31", "31", 2),
        ("\x1b[?25l\x1b[2Jx\x1b[1;31m", "x", 17),
        ("\x1bP payload \x1b\\rest", "rest", 13),
        ("\x1b\x1b[0m[0m", "[0m", 5),
        ("\x1b\u200b[31mx", "[31mx", 2),
        ("a\u202eb\u2066c\u200bd\ufeffe", "abcde", 4),
        ("hi\U000e0041\U000e0042", "hi", 2),
        ("a\ufe0f\U000e0101b", "ab", 2),
        ("a\x00\x08\x7fb", "ab", 3),
        ("one\r\ntwo\rthree\u2028four\x85five\x0c", "one\ntwo\nthree\nfour\nfive\n", 0),
        ("a\u00a0b\u3000c", "a b c", 0),
        ("half \ud83d\ude00? \ud800!", "half \ufffd\ufffd? \ufffd!", 0),
        ("e" + "\u0301" * 10 + "!", "e" + "\u0301" * MOST_MARKS + "!", 6),
        ("ก" + "็" * 9 + "!", "ก" + "็" * MOST_MARKS + "!", 5),
        ("Grüße, 你好, مرحبا, 🎉", "Grüße, 你好, مرحبا, 🎉", 0),
    ],
)
def test_what_is_hidden_goes_and_is_counted(text: str, shown: str, hidden: int) -> None:
    assert sanitize(text) == Sanitized(shown, hidden=hidden)


def test_no_invisible_character_survives() -> None:
    every = [chr(code) for code in range(sys.maxunicode + 1) if code not in DRAWN_THOUGH_FORMAT]
    invisible = [
        char
        for char in every
        if unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp") and char not in "\n\t"
    ]
    assert len(invisible) > 130_000
    survivors = set(sanitize("x".join(invisible), limit=10**7).text) - {"x", "\n", "\ufffd"}
    assert not [hex(ord(char)) for char in survivors]


def test_letters_marks_digits_and_signs_survive() -> None:
    kept = [
        char
        for char in map(chr, range(0x20, 0x3000))
        if unicodedata.category(char)[0] in "LNPS" and not has_hidden(char) and char != "\u2800"
    ]
    text = " ".join(kept)
    assert sanitize(text) == Sanitized(text)
    assert len(kept) > 9000


def test_what_is_too_long_keeps_both_ends_and_says_how_much_is_gone() -> None:
    text = "HEAD" + "x" * 50_000 + "TAIL"
    found = sanitize(text, limit=1000)
    assert found.text.startswith("HEAD")
    assert found.text.endswith("TAIL")
    assert f"[{found.cut:,} characters left out]" in found.text
    assert len(found.text) <= 1000
    kept = found.text.replace(f"\n[{found.cut:,} characters left out]\n", "")
    assert len(kept) + found.cut == len(text)
    assert sanitize("x" * 100, limit=100) == Sanitized("x" * 100)
    with pytest.raises(ValueError, match="no room"):
        sanitize("x", limit=99)


ODD = "\x1b[]P\\\x07\x9b\x9c\x9dm0;\r\n\u200b\u202e\u0301\u0e47\ud800\U000e0041\ufe0f a\u00a0"


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.text(st.one_of(st.sampled_from(ODD), st.characters(codec=None)), max_size=300))
def test_it_takes_anything_and_twice_is_once(text: str) -> None:
    once = sanitize(text, limit=120)
    assert sanitize(once.text, limit=120) == Sanitized(once.text)
    assert not has_hidden(once.text)
    assert len(once.text) <= 120
    once.text.encode()
    assert "\n" not in one_line(text)
    assert not has_hidden(escape_hidden(text))


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=300))
def test_plain_text_is_left_alone(text: str) -> None:
    assert sanitize(text) == Sanitized(text)


SHAPES = {
    "plain": "Template 'x' not found. ",
    "escapes": "\x1b",
    "nested": "\x1b\x1b[",
    "csi": "\x1b[0;1;",
    "osc": "\x1b]a",
    "c1 strings": "\x9da",
    "marks": "\u0301",
    "wide": "é\u200b",
    "signs": "\u2014",
    "line ends": "\r",
    "halves": "\ud800",
}


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_time_grows_with_length_only(shape: str) -> None:
    """Five times the text takes about five times as long: a quadratic step would take 25 times."""
    unit = SHAPES[shape]

    def seconds(length: int) -> float:
        text = (unit * (length // len(unit) + 1))[:length]
        started = time.thread_time()
        sanitize(text)
        return time.thread_time() - started

    small = min(seconds(100_000) for _ in range(3))
    assert min(seconds(500_000) for _ in range(3)) < 15 * small + 0.02
