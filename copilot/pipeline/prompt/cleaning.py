"""Outside text made fit to be sent: hidden characters out, then secrets, in this order.

The other order would let a secret through that is split by characters nobody can see. Cutting
comes after both, or half of a secret would no longer be known as one.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from ...redaction import Redactor
from ...untrusted import Untrusted
from ...untrusted.cap import RENDER
from ..sanitize import SHORTEST_LIMIT, sanitize
from .clipping import CUT

#: No text is looked at further than this, in characters: its beginning and its end are.
LONGEST = 50_000
_MARK = "\ufffd"
_BEGINNING = LONGEST * 6 // 10
#: What is dropped on both sides of such a gap: a secret that it cuts in two is not known as one.
_MARGIN = 8_192


@dataclass(frozen=True, slots=True)
class Clean:
    """A text and its place without hidden characters and secrets.

    hidden: how many were taken out of both. skipped: bytes of the text that nobody looked at.
    redacted, restored: as the redactor tells them.
    """

    text: str
    path: str
    hidden: int
    redacted: Mapping[str, int]
    restored: Mapping[str, str]
    skipped: int = 0


def clean(text: Untrusted, redactor: Redactor) -> Clean:
    """*text* and its path, sanitized and then redacted."""
    washing = _Washing(redactor)
    path, _ = washing.wash(text.reveal_path(RENDER))
    shown, skipped = washing.wash(text.reveal(RENDER))
    return Clean(shown, path, washing.hidden, washing.redacted, washing.restored, skipped)


class _Washing:
    """What is found in the texts of one item, added up."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self.hidden = 0
        self.redacted = Counter[str]()
        self.restored = dict[str, str]()

    def wash(self, text: str) -> tuple[str, int]:
        """*text* sanitized and redacted, and how many bytes of it were too many to look at."""
        if len(text) <= LONGEST:
            return self._once(text), 0
        begin = self._once(text[:_BEGINNING])
        end = self._once(text[_BEGINNING - LONGEST :])
        begin, end = begin[: max(0, len(begin) - _MARGIN)], end[_MARGIN:]
        return "".join((begin, CUT, end)), max(1, _size(text) - _size(begin) - _size(end))

    def _once(self, text: str) -> str:
        seen = sanitize(text, limit=max(SHORTEST_LIMIT, len(text)))
        found = self._redactor.redact(seen.text)
        bare = seen.text.replace(_MARK, "")
        if bare != seen.text:  # names come with a mark for each character that could not be seen
            whole = self._redactor.redact(bare)
            found = whole if sum(whole.counts.values()) > sum(found.counts.values()) else found
        self.hidden += seen.hidden
        self.redacted.update(found.counts)
        self.restored.update(found.restored)
        return found.text


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
