"""The words of a message with their values set aside, so that messages of one template look alike.

'retry lead 17 in 5s' and 'retry lead 4 in 9s' have one shape and two lists of values. What follows
is worked out from the shape alone, so it is done once for each shape and not for each message.
"""

from copilot.pipeline.normalize import marks
from copilot.pipeline.normalize.codes import keeps_pair, may_keep_number
from copilot.pipeline.normalize.words import Role, Word, read_word

MOST_WORDS = 400

_MOST_KNOWN, _MOST_READ = 20_000, 4_000
_LONGEST_READ = 12
_NUMBER = marks.ASIDE + marks.NUMBER
_IS_VALUE, _IS_NUMBER, _IS_PAIR, _IS_MARKED = Role.VALUE, Role.NUMBER, Role.PAIR, Role.MARKED
_HOLD_VALUES = (_IS_VALUE, _IS_NUMBER, _IS_PAIR, _IS_MARKED)

# Caches, never a state: words that are their own shape, and what the latest others are.
_vocabulary: set[str] = set()
_read: dict[str, Word] = {}


def shape_of(text: str) -> tuple[str, list[str]]:
    """The first 400 words of *text*, joined by blanks, and the values that were in them."""
    values: list[str] = []
    words = text.split()
    if len(words) > MOST_WORDS:
        del words[MOST_WORDS:]
    vocabulary = _vocabulary
    before = ""
    for index, word in enumerate(words):
        if word not in vocabulary:
            words[index] = _shape(word, before, values)
        before = word
    return " ".join(words), values


def _shape(text: str, before: str, values: list[str]) -> str:
    if text.isdigit() and text.isascii():
        if may_keep_number(text, before):
            return text
        values.append(text)
        return _NUMBER
    word = _read.get(text) or _read_anew(text)
    role = word.role
    if role is _IS_VALUE:
        return _set_aside(word, marks.ASIDE, word.mark, values)
    if role is _IS_NUMBER:
        if may_keep_number(word.core, before):
            return text
        return _set_aside(word, marks.ASIDE, marks.NUMBER, values)
    if role is _IS_PAIR and not keeps_pair(word.name, word.core):
        return _set_aside(word, marks.PAIR_ASIDE, word.mark, values)
    return text


def _read_anew(text: str) -> Word:
    word = read_word(text)
    if word.role in _HOLD_VALUES:
        if len(text) > _LONGEST_READ and word.role is not _IS_MARKED:
            return word  # a name of its own, hardly to be seen again
        if len(_read) >= _MOST_READ:
            _read.clear()
        _read[text] = word
    elif len(_vocabulary) < _MOST_KNOWN:
        _vocabulary.add(text)
    return word


def _set_aside(word: Word, tag: str, mark: str, values: list[str]) -> str:
    values.append(word.core)
    return f"{word.lead}{word.name}{tag}{mark}{word.trail}"
