"""What a value looks like: drawn at random, a stand-in for one, a name in a program, or prose."""

import re

_CLASSES = re.compile(r"[a-z]+|[A-Z]+|[0-9]+")
_SEGMENTS = re.compile(r"[A-Za-z0-9]+")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_HEX = re.compile(r"(?:0x)?[0-9A-Fa-f]+")
_DIGIT = re.compile(r"[0-9]")
_LETTER = re.compile(r"[A-Za-z]")

#: Written where a value belongs: masks, `<KEY>`, `${KEY}`, `{{ key }}`, `%(key)s`, `your-key`.
_STAND_IN = re.compile(
    r"(?i)[*x.•\-_#?…]+|.*(?:\*{3}|•{3}|x{6}|\.{3}|…).*"
    r"|<[^<>]*>?|&lt;.*|\$\{.*|\$\([^()]*\)?|\$[a-z_]+|\{{1,2}[a-z_ .$:|-]+\}{0,2}|%\(?[a-z_]+\)?[sd%]?"
    r"|\[[a-z_ .:-]+\]?|\[\[_+\]?\]?|\[secret .*|@[a-z_]+@"
    r"|(?:your|enter|insert|replace|put|some)[-_ ].*|my[-_ ]?(?:api|secret|token|key|pass)[a-z_-]*"
    r"|.*(?:placeholder|redacted|change[-_]?me|example|dummy|goes[-_]here|[-_]here\b).*"
    r"|(?:none|null|nil|true|false|undefined|nan|empty|n/a|filtered|removed|hidden|masked|todo"
    r"|sample|test|fake|foo|bar|baz)"
)

#: Where a program or a configuration takes a value from, and not the value.
_LOOKED_UP = re.compile(
    r"(?i)(?:os\.|process\.|import\.meta\.|sys\.|system\.)?(?:env|environ|getenv|get_env)\b.*"
    r"|(?:secrets?|vars|inputs|config|conf|cfg|settings|self|this|cls|args|opts|options|params|request"
    r"|req|ctx|context|data|payload|user|creds?|credentials|kwargs|response|resp|res|steps|env)[.\[(].*"
    r"|(?:vault|ssm|op|ref\+\w+|file|secretref|keyvault|awssm|gcpsm|arn|projects|kms|sops|doppler)"
    r"(?:[:/].*)"
)
#: A call or the way a program writes an object, such as `Token{a64f992` and `SecretStr(…`.
_CALL = re.compile(r"[A-Za-z_][A-Za-z_.]{2,}[({].*|[A-Za-z_][\w.]*\([rbf]?$")
_PATH = re.compile(r"(?:\.{0,2}|~)(?:/[A-Za-z_.-][\w.-]{0,40}){2,}|[A-Za-z]:\\.*")
#: snake_case, kebab-case, dotted.names, CamelCase and SCREAMING_CASE; letters alone.
_IDENTIFIER = re.compile(
    r"[A-Za-z]?[a-z]*(?:[_.-][a-z]+)*|[a-z]*(?:[A-Z]{1,6}[a-z]{2,})*[A-Z]{0,5}|[A-Z]+(?:_[A-Z]+)*"
    r"|[A-Za-z]+(?:[._][A-Za-z]+)+"
)
_WORDS = frozenset(
    [
        "required",
        "invalid",
        "incorrect",
        "missing",
        "expired",
        "wrong",
        "rejected",
        "revoked",
        "mismatch",
        "mismatched",
        "changed",
        "unauthorized",
        "forbidden",
        "disabled",
        "enabled",
        "unchanged",
        "reset",
        "failed",
        "failure",
        "denied",
        "unknown",
        "weak",
        "malformed",
        "strong",
        "short",
        "long",
        "string",
        "text",
        "password",
        "passwd",
        "secret",
        "token",
        "hidden",
        "optional",
        "default",
        "basic",
        "bearer",
        "oauth",
        "oauth2",
        "apikey",
        "accepted",
        "verified",
        "updated",
        "created",
        "deleted",
        "unset",
        "valid",
        "provided",
        "verification",
        "validation",
        "authentication",
        "authorization",
        "encrypted",
        "plaintext",
        "number",
        "boolean",
        "integer",
        "object",
        "array",
        "stored",
        "rotated",
        "generated",
        "supplied",
        "configured",
        "undefined",
        "passphrase",
        "credentials",
        "credential",
        "session",
        "cookie",
        "username",
        "account",
        "service",
        "please",
        "unsupported",
        "unexpected",
        "insufficient",
        "deprecated",
        "blocked",
        "locked",
        "exceeded",
        "confirmed",
        "received",
        "refreshed",
        "username",
        "email",
        "header",
        "query",
        "sha256",
        "sha512",
        "hmac",
        "base64",
        "utf-8",
        "http",
        "https",
        "localhost",
        "refresh_token",
        "access_token",
        "client_credentials",
        "authorization_code",
    ]
)


def varied(value: str) -> bool:
    """Whether *value* has a digit, or letters of both cases in no order of words."""
    if _DIGIT.search(value):
        return True
    return len(_CLASSES.findall(value)) >= len(value) // 5 + 2


def drawn(value: str) -> bool:
    """Whether *value* looks drawn at random: at least 16 characters that keep changing their kind.

    What changes at a hyphen or a dot does not count, so that names with numbers in them stay.
    """
    if len(value) < 16 or not _DIGIT.search(value):
        return False
    if len(_LETTER.findall(value)) * 7 < len(value):
        return False
    changes = len(_CLASSES.findall(value)) - len(_SEGMENTS.findall(value))
    return changes >= max(3, len(value) // 8)


def is_call(value: str) -> bool:
    return _CALL.match(value) is not None


def is_uuid(value: str) -> bool:
    return _UUID.fullmatch(value) is not None


def is_hex(value: str) -> bool:
    return _HEX.fullmatch(value) is not None


def stands_in(value: str) -> bool:
    """Whether *value* stands for a value, or says where to get it."""
    return bool(_STAND_IN.fullmatch(value) or _LOOKED_UP.fullmatch(value) or _PATH.fullmatch(value))


def is_word(value: str) -> bool:
    """Whether *value* is a word of prose, or the name of a thing in a program."""
    return value.strip(".,:;!?()").lower() in _WORDS or _IDENTIFIER.fullmatch(value) is not None


def is_prose_word(value: str) -> bool:
    """Whether *value* is one of the words that stand behind `password:` in error texts."""
    return value.strip(".,:;!?()").lower() in _WORDS
