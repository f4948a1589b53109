"""A file that an extractor will not read, and why."""

from typing import Literal, TypeAlias

Reason: TypeAlias = Literal[
    "damaged", "encrypted", "empty", "too_large", "too_slow", "unsupported", "not_installed"
]


class Refused(Exception):
    """`Refused(reason, words)`; the words go behind the document's name."""

    def __init__(self, reason: Reason, words: str) -> None:
        super().__init__(reason, words)
        self.reason: Reason = reason
        self.words = words
