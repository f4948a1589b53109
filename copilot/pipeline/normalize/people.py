"""People's names, which stand in no quotes: 'contact John Doe', 'for lead Jane Roe-Smith'."""

import re

from copilot.pipeline.normalize import marks
from copilot.pipeline.normalize.lexicon import FAILURE_WORDS, NOT_NAMES, words
from copilot.pipeline.normalize.walk import Walk
from copilot.types import Entity

_PERSON = (
    "contact|lead|prospect|customer|client|recipient|subscriber|attendee|guest|member|employee"
    "|candidate|applicant|student|patient|assignee|invitee"
)
_WORD = r"[A-Z][A-Za-z'\u2019.\-\u00c0-\u024f]{0,40}"
#: After a lower-case noun any capitalized words are a name; at the start of a sentence only two or
#: more with a lower-case word behind them: in 'Contact Not Found' everything is capitalized.
_NAMED = re.compile(
    rf"\b(?P<inside>{_PERSON}) (?P<name>{_WORD}(?: {_WORD}){{0,3}})(?=$|[\s.,;:!?)])"
    rf"|^(?i:(?P<first>{_PERSON})) (?P<full>{_WORD}(?: {_WORD}){{1,3}})(?= [a-z])"
)
_TITLES = words("""email mail phone number name list record owner group type status support api""")


def mask_people(text: str, walk: Walk) -> str:
    """*text* with the names of people masked; each becomes an entity of kind 'name'."""
    return _NAMED.sub(lambda match: _masked(match, walk), text)


def _masked(match: re.Match[str], walk: Walk) -> str:
    name = match["name"] or match["full"]
    if any(_is_plain(word) for word in name.split()):
        return match[0]
    core = name.rstrip(".")
    walk.entities.append(Entity("name", core))
    return f"{match['inside'] or match['first']} {marks.NAME}{name[len(core) :]}"


def _is_plain(word: str) -> bool:
    """Whether a capitalized word is one of the language of errors rather than of names."""
    bare = word.rstrip(".")
    lowered = bare.lower()
    return (
        (bare.isupper() and len(bare) > 1)
        or lowered in FAILURE_WORDS
        or lowered in NOT_NAMES
        or lowered in _TITLES
    )
