"""A model's words made fit for people: nothing in them is a link, an image, markup or a mention.

By replacing, not by recognizing: signs that links and markup are made of come apart until none is
left, and at the end their absence is checked. What programs make links of without any such sign
comes apart as well: an address always, a domain unless it stands in the prompt. A report has to be
able to name `api.acme.example` when the run does, and may name no domain that a model thought of.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from ..sanitize import sanitize

DEFAULT_LIMIT = 4_000
UNSHOWABLE = "(This text can't be shown.)"
_MORE = "…"
_ROUNDS = 50

#: What no shown text has, in lower case.
NEVER = (
    "//", "\\\\", "/\\", "\\/", "![", "](", "][", "]:", "<", ">", "www.",
    "{{", "}}", "{%", "%}", "{#", "#}", "${", "#{",
)  # fmt: skip
_APART = tuple((sign, f"{sign[0]} {sign[1]}") for sign in NEVER if len(sign) == 2)
_SINGLE = str.maketrans({"<": "\u2039", ">": "\u203a"})

_SCHEME = re.compile(
    r"(https?|hxxps?|wss?|s?ftps?|javascript|vbscript|data|blob|file|mailto|tel|sms|callto|skype"
    r"|news|nntp|ldaps?|ssh|git|irc|magnet|view-source|about|intent|slack|ms-[a-z]{1,20})"
    r"[ \t]*:(?=\S)",
    re.IGNORECASE,
)
_SCHEME_LEFT = re.compile(r"(?:https?|javascript|data|file|mailto|tel):\S", re.IGNORECASE)
_WWW = re.compile(r"(www)\.", re.IGNORECASE)
_ENTITY = re.compile(r"&(?=#|\w{1,32};)")
#: Full stops that are dots in an address; between letters they get a blank.
_ODD_DOT = re.compile("([\u3002\uff61\u2024])(?=\\S)")
#: A run of what addresses and dotted names are made of.
_WORD = re.compile(r"[\w.@-]+")
_LABEL_OF_DOMAIN = re.compile(r"xn--.*|[^\W\d_]{2,}")
#: Endings of files that are no top-level domain.
_FILE_ENDINGS = frozenset(
    [
        "yaml",
        "yml",
        "json",
        "jsonl",
        "txt",
        "csv",
        "tsv",
        "xlsx",
        "xls",
        "docx",
        "doc",
        "pptx",
        "pdf",
        "html",
        "htm",
        "xml",
        "toml",
        "ini",
        "cfg",
        "conf",
        "env",
        "log",
        "js",
        "ts",
        "jsx",
        "tsx",
        "css",
        "sql",
        "db",
        "sqlite",
        "parquet",
        "png",
        "jpg",
        "jpeg",
        "gif",
        "svg",
        "md5",
        "lock",
        "java",
        "go",
        "jar",
    ]
)


def names_in(texts: Iterable[str]) -> frozenset[str]:
    """The dotted names in *texts*, which `shown` may leave whole."""
    words = (word.strip(".-") for text in texts for word in _WORD.findall(text))
    return frozenset(word for word in words if "." in word and "@" not in word)


def shown(text: str, *, limit: int = DEFAULT_LIMIT, known: frozenset[str] = frozenset()) -> str:
    """*text* for a page, a chat, an e-mail or a terminal, at most *limit* characters long.

    known: names from `names_in` that stay whole. Takes any string; doing it twice changes nothing
    more.
    """
    text = text[: 4 * limit]
    for _ in range(_ROUNDS):
        before = text
        text = _clip(_come_apart(text, known), limit)
        if text == before:
            return text if _is_harmless(text) else UNSHOWABLE
    return UNSHOWABLE


def _come_apart(text: str, known: frozenset[str]) -> str:
    text = "".join(map(_plain, sanitize(text).text)) if not text.isascii() else sanitize(text).text
    text = text.translate(_SINGLE)
    text = _ENTITY.sub("& ", text)
    text = _ODD_DOT.sub(r"\1 ", text)
    text = _WORD.sub(lambda found: _word(found, known), text)
    text = _WWW.sub(r"\1[.]", text)
    for sign, apart in _APART:
        text = text.replace(sign, apart)
    return _SCHEME.sub(r"\1: ", text)


@lru_cache(maxsize=4096)
def _plain(char: str) -> str:
    """*char* in ASCII where it is only another drawing of it: full-width, bold, a ligature."""
    kind = unicodedata.decomposition(char).partition(" ")[0]
    if kind in ("<font>", "<wide>", "<narrow>", "<small>") or "\ufb00" <= char <= "\ufb06":
        plain = unicodedata.normalize("NFKC", char)
        return plain if plain.isascii() else char
    return char


def _word(found: re.Match[str], known: frozenset[str]) -> str:
    word = found[0]
    is_address = found.string[found.end() : found.end() + 1] == "/"
    bare = word.strip(".-")
    if bare in known and not is_address:
        return word
    named, *rest = (_domain(part) for part in word.split("@"))
    return named + "".join(f"[at]{part}" if part else "@" for part in rest)


def _domain(word: str) -> str:
    """*word* with its dots in brackets where a domain could end: before letters alone."""
    first, *labels = word.split(".")
    parts = [first]
    for before, label in zip([first, *labels], labels, strict=False):
        parts += ["[.]" if before and _could_end_a_domain(label) else ".", label]
    return "".join(parts)


def _could_end_a_domain(label: str) -> bool:
    label = label.strip("-_").casefold()
    return _LABEL_OF_DOMAIN.fullmatch(label) is not None and label not in _FILE_ENDINGS


def _clip(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - len(_MORE)].rstrip(": \t\n") + _MORE


def _is_harmless(text: str) -> bool:
    folded = text.casefold()
    return not any(sign in folded for sign in NEVER) and not _SCHEME_LEFT.search(text)
