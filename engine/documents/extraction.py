"""The text of one file, up to a number of characters; also what the process beside us runs."""

import importlib
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .refusal import Refused

LIMIT_BYTES = 1_500_000_000
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Extracted:
    """`truncated`: there was more text than was asked for."""

    text: str
    truncated: bool


def extract(path: Path, kind: str, most_characters: int) -> Extracted:
    """Calls the extractor *kind* in this process. Raises `Refused`.

    Also `OSError`, and whatever a parser raises for a file that it did not expect.
    """
    try:
        extractor: Any = importlib.import_module(f"{__package__}.{kind}")
    except ModuleNotFoundError as error:
        raise Refused(
            "not_installed",
            f"can't be read: {error.name} is not installed. Run pip install 'ask-copilot[documents]'",
        ) from error
    pieces: Iterator[str] = filter(None, extractor.pieces(path))
    found: list[str] = []
    left = most_characters
    while left > 0 and (piece := next(pieces, None)) is not None:
        found.append(piece)
        left -= len(piece)
    text = "".join(found)[:most_characters]
    more = left < 0 or next(pieces, None) is not None
    return Extracted(_UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text), more)


def main(path: str, kind: str, most_characters: str, seconds: str) -> None:
    """Writes the text, or why there is none, to standard output as JSON."""
    _limit(int(seconds))
    try:
        found = extract(Path(path), kind, int(most_characters))
    except Refused as refused:
        answer: dict[str, Any] = {"reason": refused.reason, "words": refused.words}
    except MemoryError:
        answer = {"reason": "too_large", "words": "needs too much memory to be read"}
    else:
        answer = {"text": found.text, "truncated": found.truncated}
    sys.stdout.write(json.dumps(answer))


def _limit(seconds: int) -> None:
    """No more memory and time than a document needs, and no byte written to any file."""
    try:
        import resource
    except ImportError:  # Windows has none: there the time limit of the parent is left
        return
    for kind, most in (
        (resource.RLIMIT_AS, LIMIT_BYTES),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (allowed, hard))


if __name__ == "__main__":
    main(*sys.argv[1:])
