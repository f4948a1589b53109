"""Why failures are one group, for people: what their texts share, and where they differ."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ..types import Failure
from ..types.group import Difference, Likeness

LISTED = 5
_NAMED = 2
_PARTS_NAMED = 3
_MOST_WORDS = 12
_LONGEST_VALUE = 60
_WORD = re.compile(r"[^\W_](?:[\w.'-]*\w)?")
_CLASS = re.compile(r"\s{0,20}([\w.]{0,200}(?:Error|Exception|Fault|NotFound|Timeout))\s?:")
_MASKED = re.compile(r"<\*>")
_WORD_BEFORE = re.compile(r"([A-Za-z][A-Za-z_]{2,40})[\s:=#\"'`(\[{\u201c\u2018]{0,4}$")
_BEFORE = 60
#: Words that stand before a name and don't say what it is.
_EMPTY = frozenset({"the", "for", "from", "with", "and", "named", "called", "not", "was", "got"})


def explain(failures: Sequence[Failure]) -> Likeness:
    """What *failures* of one group, at least one, have in common."""
    fingerprint = _shared(_fingerprint_of(failure) for failure in failures)
    exception = _shared(_class_of(failure) for failure in failures)
    words = _shared_words([failure.key for failure in failures])
    differences = _differences(failures)
    return Likeness(
        sentence=_sentence(fingerprint, exception, words, differences, len(failures)),
        exception=exception,
        words=words,
        differences=differences,
        looked_at=len(failures),
    )


def _shared(values: Iterable[str | None]) -> str | None:
    """The one value that all have."""
    found = set(values)
    return found.pop() if len(found) == 1 else None


def _fingerprint_of(failure: Failure) -> str | None:
    return (failure.error.fingerprint or "").strip() or None


def _class_of(failure: Failure) -> str | None:
    """As it was told, or as the message begins."""
    kind = (failure.error.type or "").strip()
    if not kind:
        begins = _CLASS.match(failure.error.message)
        kind = begins[1] if begins else ""
    return kind.rpartition(".")[2] or None


def _shared_words(keys: Sequence[str]) -> tuple[str, ...]:
    """The words that stand in every key, in the order of the first, which was seen last."""
    told = [dict.fromkeys(_WORD.findall(_MASKED.sub(" ", key))) for key in dict.fromkeys(keys)]
    return tuple(word for word in told[0] if all(word in other for other in told[1:]))[:_MOST_WORDS]


def _differences(failures: Sequence[Failure]) -> tuple[Difference, ...]:
    """Every part that not all of them have alike, the one with the most values first."""
    seen: dict[str, Counter[str]] = {}
    for failure in failures:
        for part, value in _parts(failure):
            seen.setdefault(part, Counter())[value[:_LONGEST_VALUE]] += 1
    differing = {part: values for part, values in seen.items() if len(values) > 1}
    return tuple(
        Difference(
            part=part,
            values=tuple(values.most_common(LISTED)),
            others=max(0, len(values) - LISTED),
        )
        for part, values in sorted(differing.items(), key=lambda one: (-len(one[1]), one[0]))
    )


def _parts(failure: Failure) -> Sequence[tuple[str, str]]:
    """What was masked out of an error, each with the name of its place."""
    message = failure.error.message
    found: Mapping[tuple[str, str], None] = {
        (_name_of(kind, value, message), value): None for kind, value in failure.entities
    }
    return tuple(found)


def _name_of(kind: str, value: str, message: str) -> str:
    """The word before *value*, 'template' in "Template 'A' not found"; else what kind it is."""
    start = message.find(value)
    before = _WORD_BEFORE.search(message[max(0, start - _BEFORE) : start]) if start > 0 else None
    word = before[1].lower() if before else ""
    says_what = word and word not in _EMPTY and not word.endswith(("error", "exception"))
    return word if says_what else {"str": "text"}.get(kind, kind)


def _sentence(
    fingerprint: str | None,
    exception: str | None,
    words: Sequence[str],
    differences: Sequence[Difference],
    count: int,
) -> str:
    shared: list[str] = []
    if fingerprint is not None:
        shared.append(f"the fingerprint '{fingerprint}', which they came with")
    else:
        if exception is not None:
            shared.append(f"the exception class {exception}")
        if words:
            shared.append(f"the {'word' if len(words) == 1 else 'words'} {', '.join(words)}")
    if count == 1:
        what = f"It has {' and '.join(shared)}" if shared else "Its text has no words"
        return f"One failure so far. {what}."
    if not shared:
        differing = _differing(differences) if differences else ""
        return f"One group by what is listed below: their texts share no words{differing}."
    return f"One group because they share {' and '.join(shared)}{_differing(differences)}."


def _differing(differences: Sequence[Difference]) -> str:
    if not differences:
        return "; they differ in nothing"
    named = ", ".join(_values(one) for one in differences[:_PARTS_NAMED])
    more = len(differences) - _PARTS_NAMED
    return f"; they differ in: {named}{f' and {more} more' if more > 0 else ''}"


def _values(one: Difference) -> str:
    """ "template ('A' 3x, 'B' 2x, 4 others)"."""
    named = [f"'{value}' {times}x" for value, times in one.values[:_NAMED]]
    others = len(one.values) - len(named) + one.others
    if others:
        named.append("1 other" if others == 1 else f"{others} others")
    return f"{one.part} ({', '.join(named)})"
