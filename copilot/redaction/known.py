"""Values known to be secret, found exactly, in every form programs write them in."""

import base64
import html
import json
import re
import urllib.parse
from collections.abc import Iterable

from .automata import compiled, encodable
from .spans import KNOWN, Span

#: A value shorter than this stands in too many harmless words to be masked.
SHORTEST = 6
_SHORTEST_FORM = 6
_BATCH = 500


def forms(value: str) -> set[str]:
    """*value* as it is, quoted for URLs, JSON and HTML, in hexadecimal, and in base64 wherever in a
    longer text it was encoded."""
    data = value.encode("utf-8", "surrogatepass")
    written = {
        value,
        urllib.parse.quote(data, safe=""),
        urllib.parse.quote(data),
        urllib.parse.quote_plus(data),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
        html.escape(value),
        data.hex(),
        data.hex().upper(),
    }
    written.add(json.dumps(json.dumps(value)[1:-1])[1:-1])
    written.add(
        re.sub(r"%[0-9A-F]{2}", lambda code: code[0].lower(), urllib.parse.quote(data, safe=""))
    )
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        written.add(encode(data).decode())
        for offset in range(3):
            written.add(_inside(encode(b"\0" * offset + data).decode(), offset, len(data)))
    return {form for form in written if len(form) >= _SHORTEST_FORM}


def _inside(encoded: str, offset: int, length: int) -> str:
    """The characters of base64 that *length* bytes after *offset* others alone decide."""
    first = (offset * 8 + 5) // 6
    return encoded[first : (offset + length) * 8 // 6]


class KnownValues:
    """The secrets of an installation by name; shorter ones than 6 characters are left out."""

    def __init__(self, named: Iterable[tuple[str, str]]) -> None:
        self._names: dict[str, str] = {}
        for name, value in named:
            if len(value) >= SHORTEST:
                for form in forms(value):
                    self._names.setdefault(encodable(form), name)
        # the longest first, so that a value inside another one does not split it
        ordered = sorted(self._names, key=lambda form: (-len(form), form))
        self._gates = [
            compiled(map(_literal, ordered[first : first + _BATCH]))
            for first in range(0, len(ordered), _BATCH)
        ]

    def __repr__(self) -> str:
        return f"<KnownValues, {len(self._gates)} gates>"

    def __bool__(self) -> bool:
        return bool(self._names)

    def find(self, text: str) -> list[Span]:
        """Where one of them is; the kind of each is the name of its secret."""
        if not self._gates:
            return []
        text = encodable(text)
        found: list[Span] = []
        for gate in self._gates:
            if gate.search(text) is not None:
                found += (
                    Span(*each.span(), self._names[each.group()], KNOWN)
                    for each in gate.finditer(text)
                )
        return found


def _literal(text: str) -> str:
    return re.sub(r"([^\w\s]|\n)", lambda char: rf"\x{{{ord(char[0]):x}}}", text)
