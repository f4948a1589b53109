"""Makes any text safe to work on: bounded in length, free of control characters and terminal codes."""

import re

HEAD = 48 * 1024
TAIL = 16 * 1024

_TERMINAL = re.compile(
    r"\x1b(?:\[[0-9;:?]{0,32}[@-~]|\][^\x07\x1b]{0,256}(?:\x07|\x1b\\)|[@-Z\\^_])"
)
_BREAKS = re.compile("\r\n?|[\u2028\u2029\x85]")
_BLANKS = re.compile("[\x0b\x0c\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_UNWANTED = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ue000-\ue01f\U000f0000-\U0010ffff]"
)
_SURROGATES = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """*text* without terminal codes, control and invisible characters, at most 64 K characters.

    A longer text keeps its first 48 K and its last 16 K characters: Python puts the error last,
    nearly everything else puts it first.
    """
    if len(text) > HEAD + TAIL:
        text = f"{text[:HEAD]}\n{text[-TAIL:]}"
    if text.isascii() and text.isprintable():
        return text
    if "\x1b" in text:
        text = _TERMINAL.sub("", text)
    text = _BREAKS.sub("\n", text)
    text = _BLANKS.sub(" ", text)
    return _SURROGATES.sub("\ufffd", _UNWANTED.sub("", text))
