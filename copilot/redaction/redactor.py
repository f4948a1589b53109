"""Secrets and personal data replaced by placeholders, and people's put back where that is asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from . import people as persons
from . import scan
from .issued import WORKSPACE, Issued, placeholder
from .known import KnownValues
from .spans import Span, blanked, merged, written
from .unseen import Find, find_seen

#: Taking one secret out may lay bare another beside it, such as the value of a name that was taken
#: for the value of the name before.
MOST_PASSES = 6


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text with placeholders such as `[[openai-key:1]]` and `[[email:2]]`.

    counts: how often each kind was found. restored: what stood for each placeholder of a kind that
    must come back (personal data, never a secret); don't store or log it.
    """

    text: str
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    restored: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    def put_back(self, text: str) -> str:
        """*text*, an answer to this one, with the personal data that its placeholders stand for."""
        if not self.restored:
            return text
        return placeholder().sub(lambda found: self.restored.get(found[0], found[0]), text)


class Redactor:
    """Takes secrets out for good and personal data reversibly, known values first.

    known: the workspace's own secrets by name. people: whether e-mail addresses, card numbers,
    IBANs and the like are masked too; phones and addresses (of machines) only if asked for as well.
    One redactor numbers equal values alike over all its texts, so that a prompt's lines still say
    what is the same; it is not safe for several threads.

    A placeholder that a text brings along is left as it stands, or gets another number where its
    own is taken: nothing is ever restored for it. The redactor's own texts, redacted again, stay.
    """

    def __init__(
        self,
        known: Mapping[str, str] | None = None,
        *,
        people: bool = True,
        phones: bool = False,
        addresses: bool = False,
    ) -> None:
        self._known = KnownValues((known or {}).items())
        self._scanner = (
            scan.everything(phones=phones, addresses=addresses) if people else scan.secrets()
        )
        self._issued = Issued()

    def __repr__(self) -> str:
        return f"<Redactor, {self._known!r}>"

    def redact(self, text: str) -> Redacted:
        """*text* without them; takes any string, in linear time, and twice changes nothing more."""
        if "[[" in text:
            if self._issued.is_own(text):
                return Redacted(text, restored=self._issued.restored(text, persons.KINDS))
            text = self._issued.disowned(text)
        spans = self._spans(text)
        if not spans:
            return Redacted(text)
        counts: dict[str, int] = {}

        def write(span: Span, value: str) -> str:
            counts[span.kind] = counts.get(span.kind, 0) + 1
            return self._issued.number(span.kind, value)

        clean = _replaced(text, spans, self._spans, write)
        self._issued.remember(clean)
        return Redacted(clean, counts, self._issued.restored(clean, persons.KINDS))

    def _spans(self, text: str) -> list[Span]:
        return find_seen(text, self._find)

    def _find(self, text: str) -> list[Span]:
        found = self._scanner.find(text)
        if self._known:
            found += [span._replace(kind=WORKSPACE) for span in self._known.find(text)]
        return found


def mask_secrets(text: str) -> str:
    """*text* with `[[kind]]` for everything that looks like a secret; people's data stays.

    For texts that nobody asks about again: no numbers and no state. Twice changes nothing more.
    """
    return _replaced(text, _find_secrets(text), _find_secrets, lambda span, _: f"[[{span.kind}]]")


def _find_secrets(text: str) -> list[Span]:
    return find_seen(text, scan.secrets().find)


def _replaced(text: str, found: list[Span], find: Find, write: Callable[[Span, str], str]) -> str:
    """*text* with what was *found* in it replaced, and what that lays bare, until there is none."""
    for _ in range(MOST_PASSES):
        kept = _kept(text) if found else []
        if kept:
            found = find(blanked(text, kept))
        spans = merged(found, kept)
        if not spans:
            return text
        text = written(text, spans, write)
        found = find(text)
    return text


def _kept(text: str) -> list[tuple[int, int]]:
    """What is a placeholder already."""
    return [found.span() for found in placeholder().finditer(text)] if "[[" in text else []
