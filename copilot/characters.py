"""Characters a reader can't see, and how to show them: one table for every place that asks."""

import re

#: Code points that print nothing, move other text about or belong to nobody: controls other than
#: tab and line feed, zero-width and directional marks, fillers, variation selectors, tags, private
#: use and non-characters. From the general categories Cc, Cf, Co, Zl, Zp and Default_Ignorable of
#: the Unicode Character Database; the number signs of Arabic and its kin (Cf, but drawn) stay.
_HIDDEN_CLASS = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    r"\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ue000-\uf8ff\ufdd0-\ufdef\ufe00-\ufe0f"
    r"\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    r"\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    + "".join(rf"\U{plane:04x}fffe\U{plane:04x}ffff" for plane in range(1, 14))
    + r"\U000e0000-\U000e0fff\U000efffe-\U0010ffff"
)

HIDDEN = re.compile(f"[{_HIDDEN_CLASS}]")
HIDDEN_RUN = re.compile(f"[{_HIDDEN_CLASS}]+")

#: Blanks of other widths than the space bar's; the Braille blank is drawn as one too.
ODD_SPACE = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000]")

SURROGATE = re.compile("[\ud800-\udfff]")


def has_hidden(text: str) -> bool:
    """Whether *text* has a character nobody can see, or half of one."""
    return HIDDEN.search(text) is not None or SURROGATE.search(text) is not None


def escape_hidden(text: str) -> str:
    r"""*text* with every hidden character written as `\u202e`, so that a reader meets it."""
    shown = HIDDEN.sub(_escape, text)
    return SURROGATE.sub(_escape, shown)


def _escape(found: re.Match[str]) -> str:
    code = ord(found.group())
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
