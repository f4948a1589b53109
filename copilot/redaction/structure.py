"""Secrets that their surroundings give away: key blocks, addresses with passwords, headers, JWT."""

import base64
import binascii
import re
from collections.abc import Iterator

from .shapes import drawn, is_hex, stands_in
from .spans import STRUCTURE, Finder, Span

_BEGIN = re.compile(
    r"-----BEGIN (?:[A-Z0-9 ]{0,40})PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-\d:"
    r"|-----BEGIN OpenSSH PRIVATE"
)
_END = re.compile(
    r"-----END (?:[A-Z0-9 ]{0,40})PRIVATE KEY(?: BLOCK)?-----|Private-MAC: ?[0-9a-f]+"
)
#: What a key block without its end consists of: base64, headers and line ends, also escaped ones.
_BODY = re.compile(
    r"(?:\\+[nr]|\s|[A-Za-z0-9+/=]{12,}+|(?:Proc-Type|DEK-Info|Version|Comment|Charset|Hash):[^\n\\]*)*+"
)
MOST_BLOCK = 20_000

_USERINFO = re.compile(
    r"(?i)\b[a-z][a-z0-9+.\-]{1,30}:(?:\\?/){2}"
    r"(?:([^\s:/@'\"<>\[\]]{0,128}):([^\s/'\"<>]{1,256})@|([^\s:/@'\"<>?#]{16,256})@)"
)
_TCP = re.compile(r"\b[\w.\-]{1,64}:([^\s/@:'\"]{6,128})@(?:tcp|unix|udp)\(")
_SAMPLE = frozenset({"password", "pass", "pwd", "passwd", "secret", "pw", "username", "token"})

_HEADER = re.compile(
    r"(?i)\bauthorization\\{0,3}['\"]?\s{0,4}(?:[:=]|=>|,|%3a)\s{0,4}\\{0,3}['\"]?"
    r"(?:b['\"])?(?P<scheme>[a-z][a-z0-9_-]{1,30}(?:\s|%20|\+)+)?(?P<rest>[^\s'\"\\,;<>]{6,8192})"
)
_PARAMETERS = re.compile(
    r"(?i)\bauthorization\\{0,3}['\"]?\s{0,4}[:=]\s{0,4}\\{0,3}['\"]?(?:digest|oauth|hawk|mac|signature"
    r"|aws4-hmac-sha256|sharedkey(?:lite)?|escher)\s+(?P<rest>[a-z_-]{1,40}=[^\r\n]{6,4096})"
)
_SCHEME = re.compile(
    r"(?i)\b(?:bearer|basic|apikey|api-key|negotiate|digest|ssws|genie(?:key)?|klaviyo-api-key"
    r"|bot|sso-key|zoho-oauthtoken)(?:\s{1,4}|%20|\+|:\s{0,2})\\{0,3}['\"]?"
    r"(?P<rest>[A-Za-z0-9._~+/=:%\-]{8,8192})"
)
#: What stands behind a scheme in a challenge or a description: `Bearer realm=…`.
_NAMED_VALUE = re.compile(r"[A-Za-z_]{2,30}=[^=]")
_JWT = re.compile(r"\bey[JKLH0-9][\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*){0,3}")
_HALF_JWT = re.compile(r"\beyJ(?:hbGci|0eXAi|raWQi)[\w-]{12,}")

_COOKIE = re.compile(
    r"(?i)\b(?:set-)?cookies?\\{0,3}['\"]?\s{0,4}(?:[:=]|=>)\s{0,4}\\{0,3}['\"]?"
    r"(?=[\w.%!#$&*+^`|~-]{1,128}=)(?P<pairs>[^\r\n'\"]{3,8192})"
)
_PAIR = re.compile(r"([\w.%!#$&*+^`|~-]{1,128})=([^;,\s\\]{6,4096})")
_ATTRIBUTES = frozenset({"path", "domain", "expires", "max-age", "samesite", "priority", "version"})

_PARAMETER = re.compile(
    r"(?i)(?:[?&;#]|%3f|%26|\\u0026|&amp;)(?P<name>key|sig|signature|code|pwd|pass|auth|sas|jwt|hash|hmac"
    r"|x-amz-signature|x-amz-security-token|x-amz-credential|x-goog-signature|x-goog-credential"
    r"|awsaccesskeyid|se?crt|oauth_signature|oauth_token|oauth_verifier|code_verifier|assertion"
    r"|client_assertion|subscription-key|ticket|samlresponse|id_token_hint|appid|apikey|api_key|access_key"
    r"|hapikey|devkey|auth_key|authkey|private|state_token|login_token|reset|invite|magic|sid)"
    r"(?:=|%3d)(?P<value>[^&\s'\"<>#;\\)\]}]{8,4096})"
)
_HASHED = frozenset({"hash", "appid", "ticket", "sid", "reset", "invite", "magic", "private"})

BLOCK_MARKER = r"BEGIN [A-Z0-9 ]{0,40}PRIVATE|BEGIN OpenSSH PRIVATE|PuTTY-User-Key"


def blocks(text: str) -> Iterator[Span]:
    """Key blocks whole, and what is there of those that were cut off."""
    position = 0
    while (begin := _BEGIN.search(text, position)) is not None:
        limit = begin.end() + MOST_BLOCK
        another = _BEGIN.search(text, begin.end(), limit)
        if another is not None:
            limit = another.start()
        end = _END.search(text, begin.end(), limit)
        if end is not None:
            position = end.end()
        else:
            body = _BODY.match(text, begin.end(), limit)
            position = body.end() if body is not None else begin.end()
        if position - begin.end() >= 16:
            yield Span(begin.start(), position, "private-key", STRUCTURE)


def _userinfo(text: str) -> Iterator[Span]:
    for found in _USERINFO.finditer(text):
        password, alone = found[2], found[3]
        if password is not None:
            if password.lower() not in _SAMPLE and not stands_in(password):
                yield Span(*found.span(2), "url-password", STRUCTURE)
        elif (is_hex(alone) or drawn(alone)) and not stands_in(alone):
            yield Span(*found.span(3), "url-token", STRUCTURE)
    for found in _TCP.finditer(text):
        if not stands_in(found[1]):
            yield Span(*found.span(1), "url-password", STRUCTURE)


def _headers(text: str) -> Iterator[Span]:
    for found in _PARAMETERS.finditer(text):
        yield Span(*found.span("rest"), "authorization", STRUCTURE)
    for found in _HEADER.finditer(text):
        if _is_credential(found["rest"], least=8 if found["scheme"] else 12):
            yield Span(*found.span("rest"), "authorization", STRUCTURE)


def _schemes(text: str) -> Iterator[Span]:
    for found in _SCHEME.finditer(text):
        basic = found[0][:5].lower() == "basic"
        if is_basic(found["rest"]) if basic else _is_credential(found["rest"], least=12):
            yield Span(*found.span("rest"), "authorization", STRUCTURE)


def _is_credential(value: str, *, least: int) -> bool:
    """Whether what follows a scheme is a credential, and not the next word of a sentence."""
    bare = value.rstrip(".,:;!?)")
    if len(bare) < least or stands_in(bare) or _NAMED_VALUE.match(bare):
        return False
    return any(char.isdigit() for char in bare) or (len(bare) >= 20 and not bare.islower())


def is_basic(value: str) -> bool:
    """Whether *value* is base64 of `user:password`."""
    try:
        plain = base64.b64decode(value.rstrip(".,:;!?)").rstrip("=") + "==", validate=False)
    except (binascii.Error, ValueError):
        return False
    return b":" in plain and plain.isascii()


def _jwts(text: str) -> Iterator[Span]:
    for pattern in (_JWT, _HALF_JWT):
        yield from (Span(*found.span(), "jwt", STRUCTURE) for found in pattern.finditer(text))


def _cookies(text: str) -> Iterator[Span]:
    for header in _COOKIE.finditer(text):
        for pair in _PAIR.finditer(text, *header.span("pairs")):
            value = pair[2].rstrip(".,:;!?)")
            if pair[1].lower() not in _ATTRIBUTES and len(value) >= 6 and not stands_in(value):
                yield Span(pair.start(2), pair.start(2) + len(value), "cookie", STRUCTURE)


def _parameters(text: str) -> Iterator[Span]:
    for found in _PARAMETER.finditer(text):
        value = found["value"].rstrip(".,:;!?)")
        if stands_in(value) or (value.isdigit() and len(value) < 12):
            continue
        weak = found["name"].lower() in _HASHED
        if (drawn(value) and not is_hex(value)) if weak else any(map(str.isdigit, value)):
            start = found.start("value")
            yield Span(start, start + len(value), "url-secret", STRUCTURE)


#: What stays on its line. The markers are written for RE2.
FINDERS = (
    Finder(r"://[^\s/'\"<>]{1,200}@|:\\/\\/[^\s/'\"<>]{1,200}@|@(?:tcp|unix|udp)\(", _userinfo),
    Finder(r"\bey[JKLH0-9][\w-]{8}", _jwts),
    Finder(r"(?i:authorization\W{1,12}\w{2})", _headers),
    Finder(
        r"(?i:\b(?:bearer|basic|apikey|api-key|negotiate|digest|ssws|genie(?:key)?|klaviyo-api-key|bot"
        r"|sso-key|zoho-oauthtoken)(?:\s{1,4}|%20|\+|:\s{0,2})\\{0,3}['\"]?[A-Za-z0-9._~+/=:%\-]{8})",
        _schemes,
    ),
    Finder(r"(?i:cookies?\W{1,10}[\w.-]{1,60}=)", _cookies),
    Finder(
        r"(?i:(?:[?&;#]|%3f|%26|u0026)[a-z_-]{0,20}(?:key|sig|signature|code|pwd|pass|auth|sas|jwt|hash"
        r"|hmac|token|credential|keyid|se?crt|verifier|assertion|ticket|response|hint|appid|private"
        r"|reset|invite|magic|sid)(?:=|%3d)[^&\s]{8})",
        _parameters,
    ),
)
