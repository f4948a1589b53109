"""Names that only their place gives away: 'table orders does not exist', '(tool: search)'."""

import re

from copilot.pipeline.normalize import marks
from copilot.pipeline.normalize.lexicon import (
    FAILURE_WORDS,
    NAMED_THINGS,
    NOT_NAMES,
    SLASH_WORDS,
    VALUE_LEADS,
    is_code_key,
    words,
)
from copilot.pipeline.normalize.walk import Walk

_EXISTENCE = re.compile(
    r"(?:was |were |is |are |has |have |could |can |cannot |does |do |did )?(?:been )?"
    r"(?:not |n't )?(?:be )?(?:found|exist|exists|defined|recognized|registered|loaded|available"
    r"|installed|configured|accessible|connected|enabled)\b"
    r"|(?:doesn't|isn't|wasn't|couldn't|hasn't|can't) |does not |is not |already exists|is missing"
    r"|is unknown|is undefined|not in\b|has no |has already |cannot be |could not be "
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_\-.$]{0,120}$")
_PREDICATES = words(
    """
    was were is are has have had could can cannot does do did been not be doesn't isn't wasn't
    couldn't hasn't can't doesn\u2019t isn\u2019t wasn\u2019t already found
    """
)
_TAIL_WORDS = 6
_RUNNING_THINGS = words("container pod node deployment daemonset statefulset cronjob")
_PARTS_OF_THEM = words(
    """
    image runtime process sandbox port group registry network spec creation pool
    """
)
_AFTER_NAME = words("in on at from was is")
_CLASSIFYING = words("type value class option rule event key named")
_PREFIXES = ("non-", "un-", "pre-", "self-", "re-", "multi-", "x-", "read-", "write-", "co-")
_TYPED_THINGS = words("file content mime media data image document object url")
_ECHOED = words("parse parsing invalid unparsable parseable")
_DESCRIBING = words(
    """
    invalid unknown unsupported unrecognized illegal bad undefined duplicate unexpected valid known available
    allowed supported possible existing searched remaining
    """
)
_RELATING = words("from of in to for by with on at while during")
_TOLD = words(
    """
    request response operation state failure reason status input output data exit result note
    hint cause call syntax body
    """
)
_BESIDE_CODES = words("cause state message desc error reason by msg")
_POSITIONS = words("line column char position row at")
_EDGE = ".,;:!?)]}"


def fill_slots(walk: Walk) -> None:
    """Masks in `walk.out` the plain words that stand where a name stands."""
    for index in walk.colons:
        _after_colon(walk, index)
    for index in walk.nouns:
        _after_noun(walk, index)


def _mask_word(walk: Walk, index: int) -> None:
    word = walk.out[index]
    core = word.rstrip(_EDGE)
    walk.out[index] = walk.name(core) + word[len(core) :]


def _after_noun(walk: Walk, index: int) -> None:
    """noun, NAME, 'does not exist'."""
    out = walk.out
    if index + 2 >= len(out) or out[index][-1:] in ",.;:!?":
        return
    word, noun = out[index + 1], out[index].lower()
    if noun in _RUNNING_THINGS and _is_running(word, out[index + 2]):
        _mask_word(walk, index + 1)
        return
    lowered = word.lower()
    if lowered in NOT_NAMES or lowered in NAMED_THINGS or _NAME.match(word) is None:
        return
    if _is_identifier(noun, word):
        _mask_word(walk, index + 1)
    elif out[index + 2].lower() in _PREDICATES:
        following = " ".join(out[index + 2 : index + 6]).replace("\u2019", "'")
        if _EXISTENCE.match(following.lower()) is not None:
            _mask_word(walk, index + 1)


def _is_running(word: str, after: str) -> bool:
    """'container web in pod': a name given to something that runs."""
    plain = _NAME.match(word) is not None and word.lower() not in NOT_NAMES | _PARTS_OF_THEM
    return plain and after in _AFTER_NAME


def _is_identifier(noun: str, word: str) -> bool:
    """'model mistral-large', 'table order_items': a form that prose does not have."""
    if noun in _CLASSIFYING:
        return False
    return "_" in word[1:-1] or ("-" in word and not word.startswith(_PREFIXES))


def _after_colon(walk: Walk, index: int) -> None:
    out = walk.out
    if index + 1 >= len(out):
        return
    lead = out[index].strip("([{:,").lower()
    described = index > 0 and out[index - 1].lower() in _TYPED_THINGS
    if is_code_key(lead) and not (lead == "domain" or (lead == "type" and described)):
        return
    word = out[index + 1]
    if _in_parentheses(out, index) and word[-1:] in "),":
        if lead not in _BESIDE_CODES and lead not in FAILURE_WORDS:
            _mask_if_name(walk, index + 1)
        return
    if lead == "output" and _ECHOED & {before.lower() for before in out[:index]}:
        _mask_from(walk, index + 1)
        return
    named = lead in NAMED_THINGS or lead.removesuffix("s") in NAMED_THINGS
    if named or lead in VALUE_LEADS or _is_described(out, index, lead):
        _mask_named(walk, index + 1)


def _is_described(out: list[str], index: int, lead: str) -> bool:
    """'Unsupported frequency: …', 'valid plot kinds: …': what follows is an example of it."""
    if lead in _TOLD or lead in FAILURE_WORDS:
        return False
    for word in reversed(out[max(0, index - 3) : index]):
        lowered = word.strip(_EDGE).lower()
        if lowered in _DESCRIBING:
            return True
        if lowered in _RELATING:
            return False
    return False


def _mask_named(walk: Walk, start: int) -> None:
    """A list up to its last item, one name before a stop, or all the rest."""
    out = walk.out
    end = start
    while end < len(out) - 1 and out[end][-1:] == ",":
        end += 1
    if end > start:
        for place in range(start, end + 1):
            _mask_if_name(walk, place)
    elif start + 1 < len(out) and (out[start][-1:] in ".;)" or out[start + 1] in {"-", "|"}):
        _mask_if_name(walk, start)
    else:
        _mask_tail(walk, start)


def _in_parentheses(out: list[str], index: int) -> bool:
    """Whether `key:` at *index* begins a part of '(key: value, other key: value)'."""
    for place in range(index, max(-1, index - 12), -1):
        word = out[place]
        if word[:1] == "(":
            return True
        if word[-1:] == ")" and place != index:
            return False
    return False


def _mask_if_name(walk: Walk, index: int) -> None:
    core = walk.out[index].rstrip(_EDGE)
    if _NAME.match(core) is not None and core.lower() not in FAILURE_WORDS | SLASH_WORDS:
        _mask_word(walk, index)


def _mask_tail(walk: Walk, start: int) -> None:
    """Everything from *start* to the end is one name, unless it reads like words about a failure."""
    tail = walk.out[start:]
    if not 0 < len(tail) <= _TAIL_WORDS:
        return
    cores = [word.strip(_EDGE + "([{").lower() for word in tail]
    if cores[0] in _POSITIONS or any(
        core in FAILURE_WORDS or word[-1:] in ":(" for core, word in zip(cores, tail, strict=True)
    ):
        return
    if all(core in marks.EVERY_PART for core in cores):
        return
    if not any(marks.JSON_KEY in word for word in tail):
        _mask_from(walk, start)


def _mask_from(walk: Walk, start: int) -> None:
    tail = walk.out[start:]
    whole = " ".join(tail)
    if not tail or marks.KEPT in whole:
        return
    plain = " ".join(word for word in tail if marks.PART.search(word) is None).rstrip(_EDGE)
    walk.out[start:] = [walk.name(plain or whole.translate(marks.TO_EXEMPLAR))]
