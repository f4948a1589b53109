"""What text a fix may write: something a person reads whole, that no system reads as more."""

import re
import unicodedata
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field

from ..characters import ODD_SPACE, has_hidden
from ..names import is_slip

_TEMPLATE_SYNTAX = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|#\}|\$\{|#\{|<%|%>")
_MARKUP = re.compile(r"<[A-Za-z/!?]|\]\(|\]\[|!\[|\]:")
_LINK = re.compile(
    r"://|(?:^|[\s\"'(=])//|\\\\|\bwww\.|\b(?:javascript|vbscript|data|mailto|file|tel|blob):(?=\S)",
    re.IGNORECASE,
)
_MAIL_ADDRESS = re.compile(r"[^\s@]@[^\s@]+\.[^\s@]")
_CLIMB = re.compile(r"(?:^|[/\\])\.\.(?:[/\\]|$)")
_DOMAIN = re.compile(r"[A-Za-z0-9]\.[A-Za-z]{2,}")
#: As the templates of a workspace have them: a letter, then letters, digits, blanks, dots, dashes.
_PLACEHOLDER = re.compile(r"\{([^\W\d_][\w .-]{0,99})\}")

_FINDINGS = (
    (_TEMPLATE_SYNTAX, "it contains template syntax"),
    (_MARKUP, "it contains markup"),
    (_LINK, "it contains a link"),
    (_MAIL_ADDRESS, "it contains an e-mail address"),
    (_CLIMB, "it climbs out of a folder"),
)


def problem_with(text: str) -> str | None:
    """Why *text* may not be written, None when it may.

    Looked at as it stands and in its compatibility form (NFKC), so that full-width or ligature
    spellings of the same signs are found as well.
    """
    if has_hidden(text):
        return "it contains hidden characters"
    if ODD_SPACE.search(text):
        return "it contains unusual blanks"
    for form in (text, unicodedata.normalize("NFKC", text)):
        for pattern, problem in _FINDINGS:
            if pattern.search(form):
                return problem
    return None


def _check_text(text: str) -> str:
    if problem := problem_with(text):
        raise ValueError(problem)
    if not text.strip():
        raise ValueError("it is blank")
    return text


def _check_line(text: str) -> str:
    if "\n" in text or "\t" in text:
        raise ValueError("it must be one line without tabs")
    if text != text.strip():
        raise ValueError("it begins or ends with a blank")
    return _check_text(text)


def _check_message(text: str) -> str:
    """A message goes out to people whose mail program links every domain it sees."""
    _check_text(text)
    if _DOMAIN.search(unicodedata.normalize("NFKC", text)):
        raise ValueError("it contains a web address")
    if re.search(r"[{}]", _PLACEHOLDER.sub("", text)):
        raise ValueError("a brace in it is no placeholder; write {name}")
    return text


def placeholders(text: str) -> tuple[str, ...]:
    """Names in `{name}`, each once, in reading order."""
    return tuple(dict.fromkeys(_PLACEHOLDER.findall(text)))


def corrected_placeholders(old: str, new: str) -> tuple[tuple[str, str], ...]:
    """Misspelt names in `{name}` of *old*, each with what *new* has for it; none when more differs."""
    before, after = _PLACEHOLDER.split(old), _PLACEHOLDER.split(new)
    if len(before) != len(after) or before[::2] != after[::2]:
        return ()
    names = zip(before[1::2], after[1::2], strict=True)
    changed = tuple(dict.fromkeys((one, two) for one, two in names if one != two))
    return changed if all(is_slip(one, two) for one, two in changed) else ()


Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_check_line)]
Paragraph: TypeAlias = Annotated[
    str, Field(min_length=1, max_length=1000), AfterValidator(_check_text)
]
Subject: TypeAlias = Annotated[
    str,
    Field(min_length=1, max_length=300),
    AfterValidator(_check_line),
    AfterValidator(_check_message),
]
Message: TypeAlias = Annotated[
    str, Field(min_length=1, max_length=5000), AfterValidator(_check_message)
]

#: Letters of Cyrillic and Greek that are drawn like Latin ones, after case folding.
_DRAWN_ALIKE = str.maketrans(
    "\u0430\u0432\u0435\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0455\u0456\u0458"
    "\u0501\u051b\u051d\u04bb\u03b1\u03b5\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u0131"
    "01",
    "abekmhopctyxsijdqwhaeikvoptuxioi",
)


_BESIDE_OTHERS = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL"})


def likeness(name: str) -> str:
    """What *name* looks like at a glance: two names of one likeness can be taken for each other."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    bare = "".join(char for char in folded if not unicodedata.combining(char))
    return re.sub(r"[\s_-]+", " ", bare.translate(_DRAWN_ALIKE)).replace("l", "i").strip()


def mixes_scripts(name: str) -> bool:
    """Whether letters of several alphabets stand in one name, as look-alikes do.

    The scripts of East Asia are written beside Latin and are not drawn like it, so they may be.
    """
    scripts = {unicodedata.name(char, "?").split()[0] for char in name if char.isalpha()}
    return len(scripts - _BESIDE_OTHERS) > 1
