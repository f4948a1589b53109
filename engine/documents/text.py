"""Text as it is: txt, md, csv and tsv."""

import codecs
from collections.abc import Iterator
from pathlib import Path

from .refusal import Refused

_PIECE = 1 << 16
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def pieces(path: Path) -> Iterator[str]:
    """In UTF-8, or in UTF-16 with its mark. Another encoding is refused, not guessed."""
    with path.open("rb") as file:
        marked = file.read(2) in _UTF_16
    try:
        with path.open(encoding="utf-16" if marked else "utf-8-sig") as file:
            while piece := file.read(_PIECE):
                if "\x00" in piece:
                    raise Refused("damaged", "is not text: it holds zero bytes")
                yield piece
    except UnicodeError as error:
        raise Refused("damaged", "is not text in UTF-8. Save it with the encoding UTF-8") from error
