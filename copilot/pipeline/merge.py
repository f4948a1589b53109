"""At night: which signatures are one failure in other words.

One message can't tell whether "user backup is locked out" is about a user called backup. Six
messages that differ in that one word can. So keys are compared word by word, and what differs in
one place only, with enough different names there, becomes one group: by aliases, which are only
ever added. More keys never undo what fewer have joined, so it does not matter how many there were
when it was looked at. A group too many costs a second look, a wrong join shows a wrong
explanation: in doubt they stay apart.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

#: Different names that make a place one for names, whatever stands before it.
MANY = 6
#: The same after a noun that names follow ("table", "user"), or where a part was masked as well.
FEW = 2
WITH_MASKED = 3
_LEAST_WORDS = 4
_MOST_WORDS = 60
_MASKED = "<*>"

_WORD = re.compile(r"([(\[{\"'`]*)(.*?)([)\]}\"'`.,;:!?]*)$", re.DOTALL)
_NAME = re.compile(r"[a-z_][a-z_.\-]{0,80}$")
_FAMILY = re.compile(r".*(?:ly|error|errors|exception|warning|ing|n't)$")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Nouns that names follow. None of them is a name itself.
_NOUNS = _words(
    """
    account agent alias bucket calendar campaign channel cluster collection column command component
    connector contact container customer database dataset deployment domain endpoint environment
    event extension field file folder function group handler host image index integration job label
    library list mailbox member method metric model module namespace node object operator option
    package parameter partition path pipeline plugin pod policy process project prompt property
    queue recipient record region relation repository resource role route runtime schema secret
    segment server service sheet space step stream subscription table tag target task template
    tenant tool topic trigger unit user username variable view volume webhook worker workflow
    workspace
    """
)
#: Before what tells the kind of failure: codes, and what happened or was tried.
_TELLING = _words(
    """
    status code errno error sqlstate signal exit state type reason http http/1.1 winerror result
    cause kind category severity level phase mode
    to cannot can't could couldn't can not be been is are was were isn't wasn't must may should
    would will won't did didn't does doesn't do don't has have had already failed unable too
    got became becomes and or a an the this that expected expecting
    """
)
#: Never the name of something: the language of failures, of grammar, and of what has a name.
_PLAIN = _NOUNS | _words(
    """
    a all an and any are argument arguments as at attribute attributes bad be been before but by call
    can cannot class client code connection content could credentials data date did do does empty
    entry execution exist exists expired expression false first for format found from full had has
    have header id ids if in input int integer invalid is it item items its json key keys last
    length limit line local long lost many maximum message minimum missing more must name named
    names new no none not null number object objects of old on one only or order out output page
    permission port position private public query range read reached remote request required
    response result root row rows second seconds selector short size socket some source start
    state statement status string such syntax text than that the their then there these this time
    timeout to token too true two type types unexpected unknown until up url used valid value values
    version was were when while with without write wrong xml yet
    allowed available closed configured connected created defined deleted denied disabled enabled
    exceeded failed forbidden initialized installed locked open opened overloaded refused registered
    rejected reset running stopped supported unauthorized unavailable unsupported
    nonetype password
    econnrefused econnreset econnaborted etimedout enotfound eai_again enoent eacces eperm epipe
    eexist enospc emfile ehostunreach enetunreach eproto eaddrinuse einval eio
    """
)


@dataclass(frozen=True, slots=True)
class Known:
    """A signature that was seen, with its key and label.

    exception: the exception class, which a key does not tell. Only signatures of one class are
    joined.
    """

    signature: str
    key: str
    label: str
    exception: str = ""


@dataclass(frozen=True, slots=True)
class Alias:
    """`signature` is the same failure as `root`, which was seen first, for this reason."""

    signature: str
    root: str
    reason: str


class _Place(NamedTuple):
    """One word of a key, with what makes two keys alike but for this word."""

    around: tuple[int, int, str, str]
    name: str
    after_noun: bool


def merge(known: Sequence[Known], *, apart: Collection[frozenset[str]] = ()) -> tuple[Alias, ...]:
    """*known* is in order of first sight; *apart* are pairs that are never joined.

    Of two signatures with one class and one key only the first can be joined with others: they
    differ in something that a key does not tell, such as a fingerprint.
    """
    rooms: defaultdict[tuple[str, int], dict[str, int]] = defaultdict(dict)
    for number, one in enumerate(known):
        size = one.key.count(" ") + 1
        if _LEAST_WORDS <= size <= _MOST_WORDS:
            rooms[one.exception, size].setdefault(one.key, number)
    groups = _Groups([one.signature for one in known], apart)
    for keys in rooms.values():
        for template, members in _alike(keys):
            groups.join(members, f"the same words but for one name: {template}")
    return groups.aliases()


def _alike(keys: dict[str, int]) -> Iterator[tuple[str, list[int]]]:
    """Of *keys* with one number of words: sets that differ in one name, and what they share."""
    places: defaultdict[tuple[int, int, str, str], dict[str, tuple[int, bool]]]
    places = defaultdict(dict)
    before: dict[tuple[int, str], int] = {}
    behind: dict[tuple[int, str], int] = {}
    for key, number in keys.items():
        for place in _places(key.split(" "), before, behind):
            places[place.around].setdefault(place.name, (number, place.after_noun))
    texts = {number: key for key, number in keys.items()}
    for (_, _, lead, trail), names in places.items():
        if len(names) < FEW or not _is_for_names(names):
            continue
        name, (number, _) = next(iter(names.items()))
        template = texts[number].replace(f"{lead}{name}{trail}", f"{lead}…{trail}", 1)
        yield template, [number for number, _ in names.values()]


def _is_for_names(names: dict[str, tuple[int, bool]]) -> bool:
    if any(after_noun for _, after_noun in names.values()):
        return len(names) >= FEW
    return len(names) >= (WITH_MASKED if _MASKED in names else MANY)


def _places(
    words: Sequence[str], before: dict[tuple[int, str], int], behind: dict[tuple[int, str], int]
) -> Iterator[_Place]:
    """The words of a key that may be names. Equal texts before or behind have equal numbers."""
    ends = [0] * (len(words) + 1)
    for index in range(len(words) - 1, -1, -1):
        ends[index] = behind.setdefault((ends[index + 1], words[index]), len(behind) + 1)
    start, last = 0, "the"
    telling = sum(word.isalpha() for word in words)
    for index, word in enumerate(words):
        lead, core, trail = _split(word)
        others = telling - word.isalpha()
        if others >= _LEAST_WORDS - 1 and last not in _TELLING and _may_be_name(core):
            yield _Place((start, ends[index + 1], lead, trail), core, last in _NOUNS)
        start = before.setdefault((start, word), len(before) + 1)
        last = core


def _split(word: str) -> tuple[str, str, str]:
    match = _WORD.match(word)
    return (match[1], match[2], match[3]) if match is not None else ("", word, "")


def _may_be_name(word: str) -> bool:
    if word == _MASKED:
        return True
    return word not in _PLAIN and _NAME.match(word) is not None and _FAMILY.match(word) is None


class _Groups:
    """Sets of signatures that grow; each is spoken for by the one that was seen first."""

    def __init__(self, signatures: Sequence[str], apart: Collection[frozenset[str]]) -> None:
        self._signatures = signatures
        self._root = list(range(len(signatures)))
        self._reasons: dict[int, str] = {}
        self._strangers: defaultdict[str, set[str]] = defaultdict(set)
        for pair in apart:
            for one in pair:
                self._strangers[one] |= pair - {one}
        self._members: dict[int, set[str]] = {}

    def join(self, numbers: Sequence[int], reason: str) -> None:
        """Make one group of all of *numbers* that may be in one."""
        first, *others = sorted(numbers)
        for other in others:
            one, later = sorted((self._find(first), self._find(other)))
            if one != later and not self._are_apart(one, later):
                self._root[later] = one
                self._reasons[later] = reason
                self._unite(one, later)

    def aliases(self) -> tuple[Alias, ...]:
        return tuple(
            Alias(self._signatures[number], self._signatures[self._find(number)], reason)
            for number, reason in sorted(self._reasons.items())
        )

    def _find(self, number: int) -> int:
        while self._root[number] != number:
            self._root[number] = self._root[self._root[number]]
            number = self._root[number]
        return number

    def _are_apart(self, one: int, other: int) -> bool:
        if not self._strangers:
            return False
        strangers = {name for member in self._of(one) for name in self._strangers.get(member, ())}
        return not strangers.isdisjoint(self._of(other))

    def _of(self, number: int) -> set[str]:
        return self._members.get(number) or {self._signatures[number]}

    def _unite(self, one: int, later: int) -> None:
        if self._strangers:
            self._members[one] = self._of(one) | self._of(later)
