"""From a template with marks to what is shown and stored: key, signature, exemplar, label, facets."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from copilot.pipeline.normalize import marks
from copilot.pipeline.normalize.facets import read_facets
from copilot.pipeline.normalize.lexicon import MESSAGE_KEYS, is_code_key

VERSION = "n1"
_LONGEST_KEY = 2000
_LONGEST_LABEL = 160
_UPPER_TO_LOWER = str.maketrans({chr(c): chr(c + 32) for c in range(ord("A"), ord("Z") + 1)})

_P = marks.ANY
_LIST = re.compile(rf"({_P})(?:(?:, ?|; ?| and | or | ?\| ?|, and |, or )[\"']?{_P})+")
_GLUED = re.compile(rf"({_P})(?:[.:/,+!@#%*=-]?{_P})+")
_STRAY_QUOTE = re.compile(rf"(?<![A-Za-z])[\"'`]?({_P})[\"'`](?![A-Za-z0-9])")
_DATA = re.compile(
    rf"(?<=[a-z,] )\{{(?:{marks.JSON_KEY}[^{{}}:{marks.JSON_KEY}]{{1,60}}: {_P}(?:, )?){{1,40}}\}}"
)
_DATA_KEY = re.compile(rf"{marks.JSON_KEY}([^{{}}:]{{1,60}}): ")
_ROW = re.compile(r"([(\[])([^()\[\]:=]{0,600})([)\]])")
_ROW_ITEM = re.compile(rf"\s*(?:\S{{1,80}}|{_P}\s\S{{1,40}})?\s*$")
_EMPTY = re.compile(r"(?<![A-Za-z0-9_])(?:\[\s?\]|\{\s?\}|\(\s?\))")
_BRACED = re.compile(rf"[\[{{(]\s?({_P})\s?[\]}})]")
_OPENED = re.compile(r"([{\[(])\s+")
_CLOSED = re.compile(r"\s+([}\])])")
_BLANKS = re.compile(r"\s+")
_BE = re.compile(rf"({marks.NUMBER}(?: [A-Za-z{marks.PLURAL}-]{{1,40}}){{0,3}} )(are|were|have)\b")
_TO_ONE = {"are": "is", "were": "was", "have": "has"}

_EMPTY_PAIRS = re.compile(r"[A-Za-z_][\w.]{0,60} ?= ?(?=[,;)\]}\s]|$)", re.ASCII)
_ASIDE = re.compile(rf" ?[(\[](?=[^()\[\]]{{0,80}}{_P})[^()\[\]]{{1,80}}[)\]]")
_PLACE = re.compile(
    rf":? (?:at |on )?(?:line|row|position|column|char) {marks.NUMBER}"
    rf"(?:,? ?\(?(?:line|column|char|position) {marks.NUMBER}\)?)*"
)
_KIND = re.compile(r" \[type=[^\]]{1,80}\]")
_STOPPED = re.compile(r"[:;,]+(?=\.)")
_LOOSE = re.compile(r" (?:for|of|in|on|at|to|with|by|from|after|named|called)(?=[:;,.)])")
_APPENDIX = re.compile(r"\s(?:DETAIL|HINT|CONTEXT|STATEMENT|Help): .*")
_BRACKETS = re.compile(r"\(\s*[,;:.|=/\s-]*\)|\[\s*[,;:.|=/\s-]*\]|\{\s*[,;:.|=/\s-]*\}|<\s*>")
_SPACE_BEFORE = re.compile(r"\s+([,;:.!?)\]}])")
_DOUBLED = re.compile(r"([,;:])(?:\s*[,;:])+")
_JSON_MESSAGE = re.compile(
    rf"{marks.JSON_KEY}(?:message|msg|error_description|errorMessage|detail|details|error|title): "
    rf"([^{{}}{marks.JSON_KEY}]{{4,600}}?)(?=, {marks.JSON_KEY}|[}}\]]|$)",
)
_DANGLING = re.compile(
    r"(?:[\s,;:\-=(\[{#|]|\b(?:for|of|in|on|at|to|with|by|from|and|or|named|called|as|after|is|got"
    r"|than|line|visit|go to)\b)+$"
)
_NO_WORD = re.compile(r"^[\s,;:\-=)\]}.|#]+")


@dataclass(frozen=True, slots=True)
class Rendered:
    """Everything that depends on class and template only."""

    signature: str
    key: str
    label: str
    exemplar: str
    facets: Mapping[str, str]


@lru_cache(maxsize=4096)
def render(exception: str, template: str) -> Rendered:
    """The outputs for a class and a template with marks; a cache in front, for they repeat."""
    template = _fold(template)
    exemplar = template.translate(marks.TO_EXEMPLAR)
    key = _key(template)
    return Rendered(
        signature=sign("", exception, key),
        key=key,
        label=_label(template) or exception or "Unknown error",
        exemplar=exemplar,
        facets=MappingProxyType(read_facets(exception, exemplar)),
    )


def sign(scope: str, exception: str, key: str) -> str:
    """`n1:` and 20 hex digits; *scope* keeps what a caller fixed apart from what was read."""
    parts = (VERSION, scope, exception.translate(_UPPER_TO_LOWER), key)
    digest = hashlib.blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=10)
    return f"{VERSION}:{digest.hexdigest()}"


def _fold(template: str) -> str:
    """Lists and glued parts become one part, blanks one blank, none inside brackets."""
    template = _BLANKS.sub(" ", template).strip()
    template = _without_strays(_CLOSED.sub(r"\1", _OPENED.sub(r"\1", template)))
    if "{" + marks.JSON_KEY in template:
        template = _DATA.sub(_fold_data, template)
    template = _GLUED.sub(r"\1", template)
    template = _LIST.sub(r"\1", template)
    template = _ROW.sub(_fold_row, template)
    return _LIST.sub(r"\1", template)


def _without_strays(template: str) -> str:
    """Quotes and closing brackets that are left over right beside a part: '<*>]', "<*>'"."""
    template = _STRAY_QUOTE.sub(r"\1", template)
    if "[" not in template:
        template = template.replace("]", "") if "]" in template else template
    return template


def _fold_data(match: re.Match[str]) -> str:
    """ "{'a': 5}" behind words is a value, unless a key in it tells the failure."""
    keys = [key.lower() for key in _DATA_KEY.findall(match[0])]
    told = any(key in MESSAGE_KEYS or is_code_key(key) for key in keys)
    return match[0] if told else marks.VALUE


def _fold_row(match: re.Match[str]) -> str:
    """'(17, null, <time>)' is one value, '(12 in the messages, 3 in the completion)' is prose."""
    items = match[2].split(",")
    if marks.PART.search(match[2]) is None or len(items) < 2:
        return match[0]
    if any(_ROW_ITEM.match(item) is None for item in items):
        return match[0]
    return f"{match[1]}{marks.VALUE}{match[3]}"


def _key(template: str) -> str:
    key = _EMPTY.sub(marks.VALUE, template)
    key = _BRACED.sub(r"\1", key)
    if marks.NUMBER in key:
        key = _BE.sub(lambda match: match[1] + _TO_ONE[match[2]], key)
    key = _LIST.sub(r"\1", _GLUED.sub(r"\1", key))
    key = key.translate(marks.TO_KEY).translate(_UPPER_TO_LOWER)
    return key.rstrip(" .!,;:")[:_LONGEST_KEY]


def _label(template: str) -> str:
    """The words without the parts, as a sentence: 'Template not found'."""
    text = _json_message(template) or template.partition("{" + marks.JSON_KEY)[0] or template
    text = text.translate({ord(marks.JSON_KEY): None, ord(marks.PLURAL): "s"})
    text = _APPENDIX.sub("", _PLACE.sub("", _ASIDE.sub("", _KIND.sub("", text))))
    text = marks.PART.sub(" ", text)
    for _ in range(2):
        text = _BRACKETS.sub(" ", _EMPTY_PAIRS.sub("", text))
        text = _SPACE_BEFORE.sub(r"\1", _BLANKS.sub(" ", text))
        text = _STOPPED.sub("", _DOUBLED.sub(r"\1", _LOOSE.sub("", text)))
    text = _NO_WORD.sub("", text)
    text = _shorten(text)
    if text.count("(") > text.count(")"):
        text = text.rpartition("(")[0]
    text = _DANGLING.sub("", text.rstrip(" .!"))
    return text[:1].upper() + text[1:]


def _json_message(template: str) -> str:
    """The longest text under a message-like key of a JSON body, '' without one."""
    found = _JSON_MESSAGE.findall(template) if marks.JSON_KEY in template else []
    prose = [text for text in found if " " in text]
    return max(prose, key=len, default="")


def _shorten(text: str) -> str:
    """The first sentence, at most 160 characters, cut between words."""
    first = re.split(r"(?<=[a-z)])[.!?](?:\s+(?=[A-Z])|$)", text, maxsplit=1)[0]
    if len(first) < 12:
        first = text
    if len(first) <= _LONGEST_LABEL:
        return first
    return first[:_LONGEST_LABEL].rsplit(" ", 1)[0]
