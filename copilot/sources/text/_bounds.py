"""Text as it was pasted, made fit to be read line by line: bounded, decoded, without decoration."""

import re
from dataclasses import dataclass
from typing import IO

from ...characters import HIDDEN, SEQUENCE

#: What is longer keeps its beginning and its end: what failed stands at one of them.
LARGEST = 5_000_000
_HALF = LARGEST // 2
_MOST_LINE = 20_000
_CHUNK = 1 << 16

_CUT = re.compile(r"\n\[(\d{1,18}) characters left out\]\n")
#: Bytes of UTF-8 that begin no character.
_WITHIN = bytes(range(0x80, 0xC0))

_TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?"
#: At the beginning of a line and followed by a blank: a log's, not the text's own.
_STAMP = re.compile(
    rf"^(?:(?:\[{_TIME}\]|{_TIME}) ?(?:(?:stdout|stderr) [FP] )?){{1,2}}", re.MULTILINE
)
_MARKS = ("\ufeff", "ï»¿")


@dataclass(frozen=True, slots=True)
class Pasted:
    """`cut`: characters in the middle that were left out. `binary`: it is no text at all."""

    text: str
    cut: int = 0
    binary: bool = False


def fetch(stream: IO[bytes]) -> bytes:
    """At most LARGEST bytes of *stream* and a few: its head, a mark, and its tail.

    The mark says how many characters are not there; `pasted` reads it.
    """
    head = stream.read(_HALF)
    encoding = _encoding(head)
    tail, left_out = b"", 0
    while chunk := stream.read(_CHUNK):
        tail += chunk
        if len(tail) > 2 * _HALF:
            left_out += _characters(tail[:-_HALF], encoding)
            tail = tail[-_HALF:]
    left_out += _characters(tail[:-_HALF], encoding)
    mark = f"\n[{left_out} characters left out]\n".encode(encoding) if left_out else b""
    return head + mark + tail[-_HALF:]


def pasted(data: bytes | str) -> Pasted:
    """*data* as lines that end with a line feed. Total on any bytes and any text."""
    text = _decoded(data) if isinstance(data, bytes) else data
    for mark in _MARKS:
        text = text.removeprefix(mark)
    cut = _left_out(data) if isinstance(data, bytes) else 0
    if not cut:
        text, cut = _bounded(text)
    if _is_binary(text):
        return Pasted("", cut, binary=True)
    if "\x1b" in text or not text.isascii():
        text = SEQUENCE.sub("", text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = (line[:_MOST_LINE].rstrip() for line in HIDDEN.sub("", text).split("\n"))
    return Pasted("\n".join(lines).strip("\n"), cut)


def unstamped(text: str) -> str:
    """*text* without the times that a log puts before its lines."""
    return _STAMP.sub("", text)


def _decoded(data: bytes) -> str:
    encoding = _encoding(data)
    return data[2 * (encoding != "utf-8") :].decode(encoding, errors="replace")


def _encoding(data: bytes) -> str:
    starts = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
    return starts.get(data[:2], "utf-8")


def _characters(data: bytes, encoding: str) -> int:
    """How many characters *data* has, which may begin or end within one."""
    return len(data.translate(None, _WITHIN)) if encoding == "utf-8" else len(data) // 2


def _left_out(data: bytes) -> int:
    """How many characters `fetch` left out of *data*; 0 when it did not cut."""
    if len(data) <= LARGEST:
        return 0
    mark = _CUT.match(data[_HALF : _HALF + 200].decode(_encoding(data), errors="replace"))
    return int(mark[1]) if mark else 0


def _bounded(text: str) -> tuple[str, int]:
    if len(text) <= LARGEST:
        return text, 0
    cut = len(text) - LARGEST
    return f"{text[:_HALF]}\n[{cut:,} characters left out]\n{text[-_HALF:]}", cut


def _is_binary(text: str) -> bool:
    """Whether more than a tenth of its beginning is nothing that can be read."""
    head = text[:8_192]
    strange = sum(
        1 for sign in head if sign in "\x00\ufffd" or (sign < " " and sign not in "\t\n\r\x1b\x08")
    )
    return strange * 10 > len(head) > 0
