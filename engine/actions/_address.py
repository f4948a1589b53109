"""E-mail addresses: read, checked, and named in errors by the contact they belong to."""

import re
from email.headerregistry import Address
from email.utils import parseaddr

from ..errors import InvalidData

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


def read_address(text: str, *, field: str = "to") -> Address:
    """One address, with or without a name: `John Doe <john@example.com>`.

    Names may hold any letters; the domain may too and is turned into its ASCII form. Raises
    `InvalidData` that names the contact.
    """
    written = text.strip()
    name, plain = _split(written)
    local, _, domain = plain.rpartition("@")
    ascii_domain = _ascii_domain(domain)
    fits = len(local) <= 64 and len(plain) <= 254 and name.isprintable()
    if not fits or ascii_domain is None or _LOCAL.fullmatch(local) is None:
        who = f"for contact {name[:100]}" if name else repr(plain[:100])
        raise InvalidData(f"Invalid email address {who}", field=field, value=plain[:200], name=name)
    return Address(display_name=name, username=local, domain=ascii_domain)


def _split(text: str) -> tuple[str, str]:
    before, bracket, inside = text.partition("<")
    if bracket:
        name, plain = before.strip().strip('"').strip(), inside.rstrip().removesuffix(">").strip()
        return " ".join(name.split()) if name.isprintable() else name, plain
    name, plain = parseaddr(text)
    return ("", text) if plain != text else (name, plain)


def _ascii_domain(domain: str) -> str | None:
    try:
        ascii_domain = domain.encode("idna").decode()
    except UnicodeError:
        return None
    labels = ascii_domain.split(".")
    if len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        return None
    return ascii_domain
