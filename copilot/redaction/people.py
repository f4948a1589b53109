"""What is about a person: e-mail, payment card, IBAN, US social security number; if asked, more."""

import ipaddress
import re
from collections.abc import Iterator

from .spans import PERSON, Finder, Span

_EMAIL = re.compile(
    r"(?<![\w.%+\-/])(?:%20)?([^\W_][\w.+'&\-]{0,63}|[\w])(?:@|%40)((?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,5}"
    r"([^\W\d_]{2,24}|xn--[a-z0-9-]{2,40}))(?![\w-])"
)
#: What looks like the end of an address and is one of a file or a unit.
_NOT_DOMAINS = frozenset(
    [
        "png",
        "jpg",
        "jpeg",
        "gif",
        "svg",
        "webp",
        "ico",
        "css",
        "js",
        "jsx",
        "ts",
        "tsx",
        "mjs",
        "py",
        "pyc",
        "go",
        "rs",
        "rb",
        "java",
        "kt",
        "md",
        "txt",
        "json",
        "yaml",
        "yml",
        "xml",
        "html",
        "htm",
        "log",
        "lock",
        "sock",
        "service",
        "socket",
        "timer",
        "target",
        "slice",
        "mount",
        "scope",
        "zip",
        "gz",
        "tar",
        "whl",
        "jar",
        "dll",
        "so",
        "exe",
        "sh",
    ]
)
_CARD = re.compile(
    r"(?<![\w.\-/#])(?:[2-6]\d{3}([ -])\d{4}\1\d{4}\1\d{4}|3[47]\d\d([ -])\d{6}\2\d{5}|[2-6]\d{12,15})"
    r"(?![\w\-/]|\.\d)"
)
#: An order's number may pass for a card's.
_NUMBERED = re.compile(
    r"(?i)(?:order|invoice|ticket|tracking|ref|reference|\bid)(?:[ _]?(?:id|no|number))?\W{0,3}\Z"
)
_ISSUER = re.compile(
    r"4\d{15}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}|35\d{14}|62\d{14}"
)
_IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[A-Z0-9]{11,30}|(?:[ -][A-Z0-9]{4}){2,7}(?:[ -][A-Z0-9]{1,4})?)"
    r"(?![A-Za-z0-9])"
)
_SSN = re.compile(
    r"(?<![\w.\-])(?!000|666|9)(\d{3})([- ])(?!00)\d{2}\2(?!0000)\d{4}(?![\w\-]|\.\d)"
    r"|(?i:(?:ssn|social security(?: number| no\.?)?)\W{1,6}(?:is\W)?)(\d{9})(?!\d)"
)
_PHONE = re.compile(
    r"(?<![\w.+\-/])(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){2,4}"
    r"|(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4})(?![\w\-]|\.\d)"
)
_V4 = re.compile(r"(?<![\w.\-])(?:\d{1,3}\.){3}\d{1,3}(?![\w\-]|\.\d)")
_V6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:])")

KINDS = ("email", "card", "iban", "ssn", "phone", "address")


def _emails(text: str) -> Iterator[Span]:
    for found in _EMAIL.finditer(text):
        if _is_email(found, text):
            yield Span(found.start(1), found.end(), "email", PERSON)


def _cards(text: str) -> Iterator[Span]:
    for found in _CARD.finditer(text):
        if is_card(found[0]) and not _NUMBERED.search(
            text, max(0, found.start() - 20), found.start()
        ):
            yield Span(*found.span(), "card", PERSON)


def _ibans(text: str) -> Iterator[Span]:
    for found in _IBAN.finditer(text):
        end = _iban_end(found[0])
        if end:
            yield Span(found.start(), found.start() + end, "iban", PERSON)


def _ssns(text: str) -> Iterator[Span]:
    for found in _SSN.finditer(text):
        yield Span(*found.span(3 if found[3] else 0), "ssn", PERSON)


def _phones(text: str) -> Iterator[Span]:
    for found in _PHONE.finditer(text):
        if 8 <= sum(map(str.isdigit, found[0])) <= 15:
            yield Span(*found.span(), "phone", PERSON)


def _is_email(found: re.Match[str], text: str) -> bool:
    if found[3].lower() in _NOT_DOMAINS or text[found.end() : found.end() + 1] == "(":
        return False
    # `git@host:path` and `ssh://git@host` name a server's account
    return found[1].lower() != "git"


def is_card(written: str) -> bool:
    """Whether these are the digits of a payment card: an issuer's range and the check digit."""
    digits = [int(char) for char in written if char.isdigit()]
    if len(set(digits)) < 2 or not _ISSUER.fullmatch("".join(map(str, digits))):
        return False
    doubled = (digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _iban_end(written: str) -> int:
    """Where the IBAN at the beginning of *written* ends, 0 where there is none.

    The words after one look like its last groups, so those are tried with and without.
    """
    ends = [len(written)]
    ends += [index for index, char in enumerate(written) if char in " -"][:-3:-1]
    return next((end for end in ends if is_iban(written[:end])), 0)


def is_iban(written: str) -> bool:
    """Whether *written* is an IBAN by length and checksum (ISO 7064, modulus 97)."""
    bare = written.replace(" ", "").replace("-", "")
    if not 15 <= len(bare) <= 34:
        return False
    return int("".join(str(int(char, 36)) for char in bare[4:] + bare[:4])) % 97 == 1


def _addresses(text: str) -> Iterator[Span]:
    for pattern in (_V4, _V6):
        for found in pattern.finditer(text):
            try:
                ipaddress.ip_address(found[0])
            except ValueError:
                continue
            if len(found[0]) > 4:
                yield Span(*found.span(), "address", PERSON)


#: The markers are written for RE2.
FINDERS = (
    Finder(r"[\w+'&\pL-](?:@|%40)[\w\pL-]{1,63}\.[\w\pL]", _emails),
    Finder(
        r"(?:^|[^\w.\-/#])(?:[2-6]\d{12,15}\b|[2-6]\d{3}[ -]\d{4}[ -]\d{4}[ -]\d{4}\b"
        r"|3[47]\d\d[ -]\d{6}[ -]\d{5}\b)",
        _cards,
    ),
    Finder(r"\b[A-Z]{2}\d{2}(?:[ -][A-Z0-9]{4}[ -][A-Z0-9]{4}|[A-Z0-9]{11})", _ibans),
    Finder(r"\b\d{3}[- ]\d{2}[- ]\d{4}\b|(?i:ssn|social security)", _ssns),
)
PHONE = Finder(r"\+\d[\d ().-]{6}|\d{3}\)?[ .-]\d{3}[ .-]\d{4}\b", _phones)
ADDRESS = Finder(
    r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d|[0-9A-Fa-f]:[0-9A-Fa-f]{0,4}:|::[0-9A-Fa-f]", _addresses
)
