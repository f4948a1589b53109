"""Values that stand beside a secret's name: `api_key=…`, `"password": "…"`, `--token …`, prose."""

import re
from collections.abc import Iterator
from functools import cache

from .automata import Gate, compiled
from .shapes import drawn, is_call, is_hex, is_prose_word, is_uuid, is_word, stands_in
from .spans import STRUCTURE, Finder, Span
from .structure import is_basic

_KEYED = (
    r"(?:api|access|secret|private|signing|signature|encryption|decryption|account|auth|client|shared|"
    r"shared[_-]?access|service|server|master|license|licence|storage|subscription|admin|webhook|app|"
    r"application|deploy|ssh|hmac|jwt|session|security|consumer|integration|ingest|ingestion|write|read|"
    r"cookie|root|rest|maps|management|project|cipher|aes|crypto|wallet|management)"
)
#: Names of secrets; what may come before (`DB_`, `aws.`, `my`) does not matter.
_NAME = (
    r"(?P<name>pass(?:word|wd|phrase|code)|passw|(?<![a-z])(?:db|my|pg|ssh|smtp|ftp|mail|user|admin|root)?"
    r"pass(?![a-z])|pwd|pswd|secret(?:[_-]?(?:access)?[_-]?key)?|"
    + _KEYED
    + r"[_. -]?key|x-functions-key|private-token|token(?![a-z])|credentials?|session[_-]?id|sess[_-]?id|"
    r"(?<![a-z])sid|(?<![a-z])auth|(?<![a-z])otp|mnemonic|seed[_ -]?phrase|"
    r"(?:access|security|verification|recovery|backup|pairing)[ _-]?code|(?<![a-z])pin(?![a-z])|sas|signature"
    r"|accountkey|sharedaccesskey|nonce|cookie|bearer|webhook[_-]?url|(?<![a-z])salt|pepper)"
    r"(?:[_-]?(?:value|plain|plaintext|raw|old|new|current|prod|production|dev|test|staging|live|"
    r"base64|b64|string|primary|secondary|confirm|confirmation|again|\d{1,2}))?"
)
_SEPARATOR = (
    r"(?:\\{0,3}['\"`])?[\])]?\s{0,8}"
    r"(?:(?::\s{0,2}(?:Optional\[)?(?:str|string|String|SecretStr|bytes)\]?\s{0,2})?(?:=>|:=|={1,3}|:)"
    r"|>|%3[aAdD]|\\u003[dD]|(?:['\"]?\s{0,2},\s{0,2}\\{0,3}['\"]?value\\{0,3}['\"]?\s{0,2}[:=]))\s{0,8}"
)
_VALUE = (
    r"(?:[bru]?(?:"
    r"\\{1,3}\"(?P<escaped>[^\"\n]{1,4000}?)\\{1,3}\"|\\{1,3}'(?P<escaped1>[^'\n]{1,4000}?)\\{1,3}'|"
    r"\"(?P<double>(?:[^\"\\\n]|\\.){1,4000})\"|'(?P<single>(?:[^'\\\n]|\\.){1,4000})'|"
    r"`(?P<tick>[^`\n]{1,4000})`)"
    r"|(?:\\{0,3}['\"`])?(?P<bare>[^\s'\"`,;<>\\&]{4,4000}))"
)
_ASSIGNED = re.compile(rf"(?i){_NAME}{_SEPARATOR}{_VALUE}")
_FLAG = re.compile(
    r"(?i)(?:^|[\s'\"\[,])-{1,2}(?:[a-z0-9]{1,20}-){0,3}(?:password|passwd|passphrase|pass|pwd|secret|"
    r"token|(?:api|access|secret|private|auth)-?key|apikey|key|secret-access-key|credentials?|auth)"
    r"(?:['\"],)?\s{1,4}['\"]?(?P<value>[^\s'\",\[\]-][^\s'\",\]]{5,4000})"
)
_COMMAND = re.compile(
    r"(?i)(?:sshpass\s+-p\s{0,2}|\bmysql(?:dump|admin)?\b[^\n|]{0,200}?\s-p"
    r"|\b(?:docker|podman|helm)\s+(?:registry\s+)?login\b[^\n|]{0,200}?\s-p\s{1,2}"
    r"|\bcurl\b[^\n|]{0,400}?\s(?:-u|--user)\s{0,2}['\"]?[^\s:'\"]{1,64}:"
    r"|\bredis-cli\b[^\n|]{0,200}?\s-a\s{1,2}"
    r"|\bidentified\s+by\s+(?:password\s+)?(?=['\"])|\blogin\s+\S{1,64}\s+password\s+|\brequirepass\s+|\bmasterauth\s+)"
    r"['\"]?(?P<value>[^\s'\"]{6,256})"
)
_PGPASS = re.compile(
    r"(?m)(?:^|\s)[\w.*-]{1,100}:(?:\d{4,5}|\*):[\w*-]{1,64}:[\w*-]{1,64}:(?P<value>\S{6,128})"
)

_SPOKEN = (
    r"(?P<name>(?:api|access|auth|account|secret|private|signing|license|subscription|encryption)"
    r"[ _-]?(?:key|token|code)|token|secret(?: key)?|passw(?:or)?d|passphrase|credentials?|key|pin|"
    r"session(?: (?:id|key|token))?|client secret|bearer)"
)
_SAID = re.compile(
    rf"(?i)\b{_SPOKEN}(?P<between>(?:\s+[a-z']{{1,12}}){{0,3}})\s{{0,3}}[:=(-]?\s{{1,3}}"
    r"(?:\\{0,3}['\"`](?P<quoted>[^'\"`\s\\]{6,1000})\\{0,3}['\"`]|[('\"`\[<]?(?P<bare>[^\s'\"`,;<>()\[\]\\]{12,1000}))"
)
_SECOND_WORD = re.compile(
    r"(?i)\b(?:id|ids|hash|digest|fingerprint|sha\d*|etag|name|named|type|count|url|at|file|"
    r"path|version|length|limit|error|from|in|field|header|parameter|for|by|with id|line|column|position|not in)\b"
)

#: Names in front of which a `token` or `key` is none that opens anything.
_HARMLESS_BEFORE = re.compile(
    r"(?i)(?:page|next|prev|previous|continuation|sync|cursor|paging|pagination|eos|bos|pad|unk|stop|mask|"
    r"sep|cls|special|max|min|num|per|input|output|prompt|completion|total|public|partition|primary|sort|"
    r"foreign|cache|idempotency|unexpected|invalid[_ ]?syntax|near|first|last|error|window|client_?request|"
    r"request|device|lock|fencing|watch|resume|scroll|cancellation|w|is|has|no|missing)[_\-. ]?$"
)
_STRONG = re.compile(
    r"(?i)pass|pwd|pswd|secret|api.?key|private|access.?key|account.?key|auth.?key|signing|client"
    r"|subscription|functions"
)
_ACCESS_BEFORE = re.compile(r"(?i)(?:access|auth|api|bot|refresh|personal|deploy)[_\-. ]?$")
#: The end of an ARN: `arn:aws:secretsmanager:eu-west-1:123456789012:secret:name`.
_ACCOUNT_BEFORE = re.compile(r"\d{12}:$")
_PASSWORD = re.compile(r"(?i)pass|pwd|pswd|pin\b|otp|code")
_CODE = re.compile(r"(?i)(?:pin|otp|.*code)$")
_WEAK = re.compile(
    r"(?i)(?:auth|sid|sess.*|cookie|bearer|nonce|salt|pepper|sas|signature|credentials?)$"
)
_DATE = re.compile(
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ].*)?|\d{1,2}:\d\d.*|\d+(?:\.\d+)?[a-zA-Z%]{0,7}"
)
_VERSION = re.compile(r"(?:v?\d+(?:\.\d+){1,3}\S{0,8})|[a-z]+[-_]?\d{1,3}")

_LOOKAROUND = re.compile(r"\(\?<?[!=]\[a-z\]\)")
#: The same in RE2, which looks at nothing but what it takes.
_ASSIGNED_MARKER = f"(?i:{_LOOKAROUND.sub('', _NAME.replace('?P<name>', '?:'))}{_SEPARATOR})"
_SAID_MARKER = (
    rf"(?i:\b{_SPOKEN.replace('?P<name>', '?:')}(?:\s+[a-z']{{1,12}}){{0,3}}\s{{0,3}}[:=(-]?\s{{1,3}}"
    r"\\{0,3}(?:['\"`][^'\"`\s\\]{6}|[(\[<]?[\w+/=.~!@#$%^&*-]{12}))"
)


@cache
def _assigned_gate() -> Gate:
    return compiled((_ASSIGNED_MARKER,))


@cache
def _said_gate() -> Gate:
    return compiled((_SAID_MARKER,))


def _assignments(text: str) -> Iterator[Span]:
    end = 0
    for marker in _assigned_gate().finditer(text):
        start = marker.start()
        found = _ASSIGNED.match(text, start) if start >= end else None
        span = _assigned(found) if found is not None else None
        if span is not None:
            end = span.end
            yield span


def _sayings(text: str) -> Iterator[Span]:
    for marker in _said_gate().finditer(text):
        found = _SAID.match(text, marker.start())
        span = _said(found) if found is not None else None
        if span is not None:
            yield span


def _commands(text: str) -> Iterator[Span]:
    for pattern in (_FLAG, _COMMAND, _PGPASS):
        for found in pattern.finditer(text):
            value = found["value"].rstrip(".,:;!?)")
            if len(value) >= 6 and not stands_in(value) and not is_prose_word(value):
                start = found.start("value")
                yield Span(start, start + len(value), "password", STRUCTURE)


def _kind(name: str) -> str:
    low = name.lower()
    for part, kind in (("pass", "password"), ("pwd", "password"), ("token", "token")):
        if part in low:
            return kind
    return "api-key" if "key" in low else "secret"


def _assigned(found: re.Match[str]) -> Span | None:
    name, group = found["name"], str(found.lastgroup)
    value, start = found[group], found.start(group)
    quoted = group != "bare"
    between = found.string[found.end("name") : start]
    if (
        ">" in between
        and "=>" not in between
        and found.string[found.end() : found.end() + 1] != "<"
    ):
        return None  # a stand-in such as `<PASSWORD>`, and no element
    if not quoted:
        value = value.rstrip(".,:;!?)]}" if not value.endswith("==") else "")
    before = found.string[max(0, found.start("name") - 16) : found.start("name")]
    if len(value) < 6 or stands_in(value) or "://" in value or (not quoted and is_call(value)):
        return None
    if not _opens(name, value, quoted=quoted, before=before):
        return None
    return Span(start, start + len(value), _kind(name), STRUCTURE)


def _opens(name: str, value: str, *, quoted: bool, before: str) -> bool:
    """Whether *value* is what *name* says, and not a word, a number or something's id."""
    if _CODE.fullmatch(name):
        return value.isdigit() and 6 <= len(value) <= 10 and name.lower() != "code"
    if _WEAK.fullmatch(name):
        return (drawn(value) and not is_uuid(value)) or (name.lower() == "auth" and is_basic(value))
    strong = _STRONG.search(name) is not None
    if _ACCOUNT_BEFORE.search(before):
        return False
    if not strong and _HARMLESS_BEFORE.search(before):
        return False
    if " " in value.strip():
        return _is_phrase(name, value)
    if is_uuid(value):
        return strong or _ACCESS_BEFORE.search(before) is not None
    if value.isdigit():
        return _PASSWORD.search(name) is not None
    return _is_secret_word(name, value, quoted=quoted, strong=strong)


def _is_secret_word(name: str, value: str, *, quoted: bool, strong: bool) -> bool:
    if _DATE.fullmatch(value) and not is_hex(value):
        return False
    password = _PASSWORD.search(name) is not None
    if is_word(value):
        lone = value.isalpha() and len(value) >= 8
        return quoted and password and lone and not is_prose_word(value)
    if not strong:
        return len(value) >= 8 and any(map(str.isdigit, value)) and not _VERSION.fullmatch(value)
    return password or len(value) >= 8


def _is_phrase(name: str, value: str) -> bool:
    """Whether a value of several words is a passphrase, and not a sentence about one."""
    words = value.split()
    if re.search(r"(?i)phrase|mnemonic", name):
        return len(words) >= 3 and all(word.isalnum() for word in words)
    if len(words) == 2 and words[0].lower() in ("bearer", "basic", "token"):
        return drawn(words[1])
    return all(drawn(word) for word in words)


def _said(found: re.Match[str]) -> Span | None:
    name, between = found["name"], found["between"]
    group = "quoted" if found["quoted"] is not None else "bare"
    value, start = found[group].rstrip(".,:;!?)}"), found.start(group)
    before = found.string[max(0, found.start() - 16) : found.start()]
    if len(value) < 6 or stands_in(value) or "://" in value or is_uuid(value):
        return None
    if found.string[found.end() : found.end() + 1] == "(":
        return None  # a call
    if _DATE.fullmatch(value) or _SECOND_WORD.search(between) or _HARMLESS_BEFORE.search(before):
        return None
    strong = _STRONG.search(name) is not None
    if group == "quoted" and _PASSWORD.search(name):
        opens = not is_word(value)
    elif is_hex(value):
        opens = strong and len(value) >= 24
    else:
        opens = drawn(value)
    return Span(start, start + len(value), _kind(name), STRUCTURE) if opens else None


#: A bare value that is one word, or a call, is never taken: the marker leaves out what it can.
_VALUE_MARKER = (
    r"[bruBRU]?(?:\\{0,3}['\"`][^'\"`\n]{6}"
    r"|[A-Za-z_.-]{0,40}(?:[^A-Za-z_.\-\s'\"`,;<>\\&({\[\]})]|[A-Za-z]{15}))"
)

FINDERS = (
    Finder(_ASSIGNED_MARKER + _VALUE_MARKER, _assignments),
    Finder(_SAID_MARKER, _sayings),
    Finder(
        r"(?i:-(?:password|passwd|passphrase|pass|pwd|secret|token|key|apikey|credentials?|auth)"
        r"['\"]?[,)]?\s{1,4}['\"]?[^\s-]{6})"
        r"|(?i:sshpass|\bmysql(?:dump|admin)?\b|login\s.{0,200}?\s(?:-p|password)\s|\bcurl\b.{0,400}?\s(?:-u|--user)|redis-cli"
        r"|requirepass|masterauth|identified\s+by)|:(?:\d{4,5}|\*):[\w*-]{1,64}:[\w*-]{1,64}:",
        _commands,
    ),
)
