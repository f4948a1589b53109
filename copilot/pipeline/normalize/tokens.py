"""What a single word without blanks is: a value of some kind, or vocabulary that stays.

Every pattern that can backtrack runs on one token of at most 256 characters, so that the time for
a message grows with its length and no faster.
"""

import re

from copilot.pipeline.normalize import marks
from copilot.pipeline.normalize.lexicon import SLASH_WORDS, UNITS, WORDS_WITH_DIGITS, words

LONGEST = 256
_VOCABULARY = WORDS_WITH_DIGITS | SLASH_WORDS

_UNIT = "|".join(sorted((u for units in UNITS.values() for u in units), key=len, reverse=True))
_SIZES = UNITS["size"]

_URL = re.compile(r"(?:[a-z][a-z0-9+.\-]{1,20}://|www\.)\S", re.IGNORECASE)
_EMAIL = re.compile(r"[^\s@<>()\[\]:,;]{1,80}@[A-Za-z0-9][A-Za-z0-9.\-]{0,120}$")
_UUID = re.compile(
    r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$", re.IGNORECASE
)
_HEX = re.compile(r"(?:0x[0-9a-f]+|(?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{7,256})$", re.IGNORECASE)
_IP = re.compile(
    r"(?:\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?(?:/\d{1,3})?"
    r"|\[?(?=[0-9a-f]*:)[0-9a-f:]*::?[0-9a-f:.]*(?:%\w{1,20})?\]?(?:[:/]\d{1,5})?)$",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})"
    r"(?:[T_]\d{1,2}:?\d{2}(?::?\d{2})?(?:[.,]\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{0,2})?$"
)
_CLOCK = re.compile(
    r"\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d{1,9})?(?:Z|[+-]\d{2}:?\d{0,2}|[ap]m)?$", re.IGNORECASE
)
_NUMBER = re.compile(
    r"[+\-~#$\u20ac\u00a3]{0,2}(?:\d[\d,._']*|\.\d+)(?:e[+-]?\d{1,4})?[%x+]?$", re.IGNORECASE
)
_RATIO = re.compile(r"\d[\d.,]*(?:[/:x\-]|\.\.)\d[\d.,]*$")
_QUANTITY = re.compile(
    rf"(?:[+\-~]?\d[\d.,_]*(?:{_UNIT}|PT?)){{1,6}}$|P(?:T?\d{{1,9}}[A-Z]){{1,6}}$", re.IGNORECASE
)
_PAIR = re.compile(r"(--?)?([A-Za-z_][A-Za-z0-9_.\-]{0,60})(==?)(.{1,200})$")
_HOST_PORT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-_]{0,120}:\d{2,5}$")
_HOST = re.compile(
    r"(?:[A-Za-z0-9_\-]{1,63}\.){1,8}(?:com|net|org|io|dev|app|ai|co|de|fr|eu|uk|us|cloud|local|internal|example|test|invalid|svc|lan|xyz|info|biz|gov|edu)\.?$",
    re.IGNORECASE,
)
_FILE = re.compile(r"[^\s/\\]{1,200}\.[A-Za-z][A-Za-z0-9]{0,4}$")
_DOTTED = re.compile(
    r"[A-Za-z_$][\w$\-]{0,80}(?:\[\S{0,40}\])?(?:\.[\w$\-]{1,80}(?:\(\))?(?:\[\S{0,40}\])?){1,16}$",
    re.ASCII,
)
_CLASS = re.compile(
    r"(?:(?:[A-Za-z_]\w{0,80}[.$])+([A-Z]\w{0,80}(?:Error|Exception|Warning))"
    r"|(?:[A-Za-z_]\w{0,80}\.){0,8}(?:errors|exceptions|exc)\.([A-Z]\w{0,80}))$",
    re.ASCII,
)
_CLASS_ENDINGS = ("Error", "Exception", "Warning")
_OPTION = re.compile(r"(?:--?|\#)[A-Za-z][A-Za-z0-9_\-]{0,60}$")
_SUBSCRIPT = re.compile(r"[A-Za-z_][\w.]{0,80}[\[(].*[\])]$", re.ASCII)
_ABBREVIATION = re.compile(
    r"(?:e\.g|i\.e|a\.m|p\.m|u\.s|cf|vs|etc|node\.js|next\.js)\.?$", re.IGNORECASE
)
_CODE = re.compile(
    r"(?:ORA|TNS|AADSTS|TS|CS|MSB|PGRST|SQLCODE|DB2|SQL|HV|ERR|KB|CVE|NU|PHP|CTX|DPY|DPI|MY|ASP|BC)-?\d{3,7}[A-Z]?$"
    r"|SQLSTATE[\[=][0-9A-Z]{5}\]?$|E11\d{3}$|P[12]\d{3}$|ER_[A-Z_]+$|E\d{3,4}$"
)
_HYPHENS = re.compile(r"[A-Za-z]+(?:-[A-Za-z]+){2,8}$")
_SMALL_WORDS = words("of to in the and not by per up on a at for or end on-")
_CELLS = re.compile(r"\S{1,120}!\$?[A-Z]{1,3}\$?\d{0,7}(?::\$?[A-Z]{0,3}\$?\d{0,7})?$")
_DIGIT = re.compile("[0-9]")
_PLACEHOLDERS = re.compile(rf"(?:{marks.ANY}|[.,:;/!\\|+\-@#%\[\]])+$")


def classify(core: str) -> str:
    """The mark for *core*, or '' when it is vocabulary. Marks in it come from quoted parts."""
    if not core:
        return ""
    if len(core) > LONGEST:
        return marks.ID
    if marks.PART.search(core) is not None:
        return _classify_marked(core)
    return classify_unmarked(core)


def classify_unmarked(core: str) -> str:
    """As `classify`, for a word known to hold no marks."""
    if len(core) > LONGEST:
        return marks.ID
    if core.lower() in _VOCABULARY:
        return ""
    if "." in core and _is_class(core):
        return ""
    if core[0].isupper() and _CODE.match(core) is not None:
        return ""
    if _DIGIT.search(core) is not None:
        return _classify_digits(core)
    return _classify_letters(core)


def _classify_marked(core: str) -> str:
    if _PLACEHOLDERS.match(core) is not None:
        found = marks.PART.search(core)
        return found[0] if found is not None else ""
    if _URL.match(core) is not None:
        return marks.URL
    if "/" in core or "\\" in core or "!" in core:
        return marks.PATH
    if _SUBSCRIPT.match(core) is not None and core[0].isupper():
        return marks.OBJECT
    return ""


def _classify_digits(core: str) -> str:
    mark = ""
    if core[0] in _NUMERIC_START:
        mark = _classify_numeric(core)
    elif "://" in core:
        return marks.URL if _URL.match(core) is not None else marks.ID
    if mark:
        return mark
    if core.count(":") > 1 and _IP.match(core) is not None:
        return marks.IP
    if len(core) in (32, 36) and _UUID.match(core) is not None:
        return marks.UUID
    if core.isalnum() and _HEX.match(core) is not None:
        return marks.HASH
    if core.startswith("arn:"):
        return marks.ID
    return _classify_letters(core) or marks.ID


def _classify_numeric(core: str) -> str:
    """Numbers and what is written with them; a word is tried where its signs allow it."""
    if core.isalnum() and len(core) > 9 and _HEX.match(core) is not None and not core.isdigit():
        return marks.HASH
    if core[-1].isalpha() and _QUANTITY.match(core) is not None:
        unit = core.lstrip("+-~0123456789.,_").lower()
        return marks.SIZE if unit in _SIZES and unit != "m" else marks.DURATION
    if core.count(".") == 3 and _IP.match(core) is not None:
        return marks.IP
    for signs, pattern, mark in _NUMERIC:
        if (not signs or not signs.isdisjoint(core)) and pattern.match(core) is not None:
            return mark
    return ""


_NUMERIC_START = frozenset("0123456789+-~#$.P\u20ac\u00a3")
_NUMERIC = (
    (frozenset[str](), _NUMBER, marks.NUMBER),
    (frozenset("-/."), _DATE, marks.TIME),
    (frozenset(":"), _CLOCK, marks.TIME),
    (frozenset("/:x-."), _RATIO, marks.NUMBER),
)


def _classify_letters(core: str) -> str:
    if "***" in core:  # a key somebody has masked
        return marks.ID
    if "@" in core and _EMAIL.match(core) is not None:
        return marks.EMAIL
    if ("://" in core or core[:4] == "www.") and _URL.match(core) is not None:
        return marks.URL
    if ("/" in core or "\\" in core) and not core.startswith("\\u"):
        return marks.PATH
    if ":" in core:
        mark = _classify_colon(core)
        if mark:
            return mark
    if "." in core and "!" not in core:
        return _classify_dotted(core)
    return _classify_signed(core)


def _classify_signed(core: str) -> str:
    if "!" in core and _CELLS.match(core) is not None:
        return marks.PATH
    if "." in core:
        return _classify_dotted(core)
    if "[" in core and _SUBSCRIPT.match(core) is not None:
        return marks.NAME
    if core[0] in "-#" and _OPTION.match(core) is not None:
        return marks.NAME
    if "-" in core and _HYPHENS.match(core) is not None:
        return "" if _is_compound(core) else marks.NAME
    return ""


def _classify_colon(core: str) -> str:
    if core.startswith("arn:"):
        return marks.ID
    return marks.HOST if _HOST_PORT.match(core) is not None else ""


def _classify_dotted(core: str) -> str:
    if _ABBREVIATION.match(core) is not None:
        return ""
    if _HOST.match(core) is not None:
        return marks.HOST
    if _DOTTED.match(core) is not None:
        return marks.NAME if core.count(".") > 1 or _FILE.match(core) is None else marks.PATH
    return marks.PATH if _FILE.match(core) is not None else ""


def _is_compound(core: str) -> bool:
    """'out-of-memory' and header names ('x-api-key') are words, 'my-db-host' is a name."""
    parts = core.lower().split("-")
    return parts[0] in {"x", "non", "self", "multi", "pre", "re"} or any(
        p in _SMALL_WORDS for p in parts
    )


def pair(core: str) -> tuple[str, str] | None:
    """`name=` and the value behind it, when *core* is such a pair."""
    match = _PAIR.match(core)
    if match is None:
        return None
    return f"{match[1] or ''}{match[2]}{match[3]}", match[4]


def is_number(core: str) -> bool:
    """Whether *core* is a number with signs, so that it may be a status or an error code."""
    if core[:1] not in _NUMERIC_START or core.count(".") == 3:
        return False
    return _NUMBER.match(core) is not None


def shorten_class(core: str) -> str:
    """'openai.RateLimitError' as 'RateLimitError'; anything else as it is."""
    match = _CLASS.match(core) if "." in core or "$" in core else None
    return (match[1] or match[2]) if match is not None else core


def _is_class(core: str) -> bool:
    named = core.endswith(_CLASS_ENDINGS) or "errors." in core or "exc" in core
    return named and _CLASS.match(core) is not None


def kind_of(value: str) -> str:
    """The kind of a quoted value: by its form, else 'name'."""
    if value.isalpha():
        return "name"
    if " " in value:
        return "name" if " at 0x" not in value else "object"
    mark = classify(value)
    return "name" if mark in ("", marks.ID, marks.STR) else marks.KINDS[mark]
