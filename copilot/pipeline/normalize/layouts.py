"""Known shapes of messages whose variable parts no single word gives away."""

import re

from copilot.pipeline.normalize import marks
from copilot.pipeline.normalize.lexicon import ERRNO_NAMES
from copilot.types import Entity

_VALIDATION = re.compile(r"(?:^|\n|\b)(\d{1,6}) validation errors? for ([^\n]{1,200})\n", re.ASCII)
_VALIDATION_DETAIL = re.compile(
    r"^(?P<words>[^\n]{1,600}?) \[type=(?P<type>[a-z_A-Z.]{1,60})(?:, input_value=.{0,2000})?\]?$"
)
_VALIDATION_V1 = re.compile(
    r"^(?P<words>[^\n]{1,600}?) \(type=(?P<type>[a-z_.]{1,80})(?:;.{0,400})?\)$"
)
_MORE_AT = re.compile(r"^For further information visit ")
_DETAIL_KEY = re.compile(r"Key \(([^()\n]{1,200})\)=\(([^\n]{0,400}?)\)(?= |$)")
_FAILING_ROW = re.compile(r"Failing row contains \(([^\n]{0,2000}?)\)?\.?(?=\n|$)")
_DUPLICATE_KEY = re.compile(r"dup key: (\{[^\n]{0,600}?\})")
_STATEMENT = re.compile(
    r"\b(?:SELECT\s(?=[^\n]{0,400}\bFROM\b)|INSERT\sINTO\s|UPDATE\s(?=[^\n]{0,400}\bSET\b)|DELETE\sFROM\s"
    r"|CREATE\s(?:TABLE|INDEX|UNIQUE)\s|ALTER\sTABLE\s|DROP\sTABLE\s|WITH\s\w{1,60}\sAS\s\()"
    r"(?:(?! -- )[^\n]){1,2000}",
    re.ASCII,
)
_ERRNO = re.compile(r"\[Errno -?\d{1,6}\] ([^:,\n'\"\[()]{0,60})")
_DATETIME = re.compile(
    r"datetime\.(?:datetime|date|time|timedelta)\([^()\n]{0,200}(?:\([^()\n]{0,80}\)[^()\n]{0,80})?\)"
)
# MySQL drivers: an error's arguments are its number and its words.
_NUMBERED = re.compile(r"^\((\d{3,6}), (['\"])([^\n]{1,4000})\2\)$")
# smtplib: a status and what the server said, in bytes.
_REPLIED = re.compile(r"\(([245]\d\d), b(['\"])([^\n]{1,1000}?)\2\)")
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_DATE = re.compile(
    rf"\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{{0,6}},? )?(?:\d{{1,2}} {_MONTH}|{_MONTH} \d{{1,2}}),? 20\d\d"
    r"(?:,? (?:at )?\d{1,2}:\d\d(?::\d\d)?)?(?: [AP]M)?(?: [A-Z]{3,4}\b| [+-]\d{4})?"
)
_SUBSCRIPT = re.compile(
    r"(?<![\w.])[*~]?(?:[A-Za-z_]\w{0,40}(?:\.\w{1,60}){1,8}"
    r"|list|dict|tuple|set|type|frozenset|[A-Z][a-z]\w{0,60})\[[^\[\]\n]{0,300}\]",
    re.ASCII,
)
_MAY_SUBSCRIPT = re.compile(r"[A-Za-z0-9_]\[")
_QUOTED_LIST = re.compile(r"(?<!\w)'(\[[^\]\n]{1,600}\])'(?!\w)", re.ASCII)


def mask_layouts(text: str, entities: list[Entity]) -> str:
    """*text* with the parts of known layouts masked; what was masked is added to *entities*."""
    if text[:1] == "(":
        text = _NUMBERED.sub(r"error \1: \3", text)
    if ", b" in text:
        text = _REPLIED.sub(r"status \1: \3", text)
    if "[" in text or "datetime." in text:
        text = _mask_python(text, entities)
    if " 20" in text:
        text = _DATE.sub(lambda m: _masked(entities, marks.TIME, m[0]), text)
    if " validation error" in text:
        text = _mask_validation(text, entities)
    return _mask_database(text, entities)


def _mask_python(text: str, entities: list[Entity]) -> str:
    for _ in range(3):  # 'typing.List[typing.Tuple[int, ...]]' from the inside
        if _MAY_SUBSCRIPT.search(text) is None:
            break
        before = text
        text = _SUBSCRIPT.sub(lambda m: _masked(entities, marks.NAME, m[0]), text)
        if text == before:
            break
    if "'[" in text:
        text = _QUOTED_LIST.sub(lambda m: _masked(entities, marks.VALUE, m[1]), text)
    if "datetime." in text:
        text = _DATETIME.sub(lambda m: _masked(entities, marks.TIME, m[0]), text)
    if "[Errno" in text:
        text = _ERRNO.sub(_mask_errno, text)
    return text


def _mask_database(text: str, entities: list[Entity]) -> str:
    if "Key (" in text:
        text = _DETAIL_KEY.sub(lambda m: _mask_detail(entities, m), text)
    if "Failing row" in text:
        text = _FAILING_ROW.sub(
            lambda m: f"Failing row contains ({_masked(entities, marks.VALUE, m[1])})", text
        )
    if "dup key: {" in text:
        text = _DUPLICATE_KEY.sub(
            lambda m: f"dup key: {_masked(entities, marks.VALUE, m[1])}", text
        )
    if "FROM" in text or "INTO" in text or " SET " in text or "TABLE" in text or " AS (" in text:
        text = _STATEMENT.sub(lambda m: _masked(entities, marks.SQL, m[0]), text)
    return text


def _masked(entities: list[Entity], mark: str, value: str) -> str:
    entities.append(Entity(marks.KINDS[mark], value.translate(marks.TO_EXEMPLAR)))
    return mark


def _mask_detail(entities: list[Entity], match: re.Match[str]) -> str:
    column = _masked(entities, marks.NAME, match[1])
    return f"Key ({column})=({_masked(entities, marks.VALUE, match[2])})"


def _mask_errno(match: re.Match[str]) -> str:
    """Without its number where the words name it, for the number differs by operating system."""
    if match[1].strip().lower() not in ERRNO_NAMES:
        return match[0]
    return f"[Errno {marks.NUMBER}] {match[1]}"


def _mask_validation(text: str, entities: list[Entity]) -> str:
    """A Pydantic report: the kinds of complaint in it, without model, fields, values and counts."""
    match = _VALIDATION.search(text)
    if match is None:
        return text
    entities.append(Entity(marks.KINDS[marks.NAME], match[2].strip()))
    complaints: dict[str, None] = {}
    place: list[str] = []
    for line in text[match.end() :].split("\n"):
        detail = _VALIDATION_DETAIL.match(line.strip()) or _VALIDATION_V1.match(line.strip())
        if detail is not None:
            complaints.setdefault(f"{detail['words']} [type={detail['type']}]")
            if place:
                entities.append(Entity(marks.KINDS[marks.NAME], place[-1]))
            place = []
        elif line.strip() and _MORE_AT.match(line.strip()) is None:
            place.append(line.strip())
    if not complaints:
        return text
    head = f"{text[: match.start()]} {marks.NUMBER} validation error for {marks.NAME}:"
    return "\n".join([head.strip(), *complaints])
