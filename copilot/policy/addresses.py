"""Which hosts can't be public, told from how they are written."""

import ipaddress
import re
import unicodedata

#: Others are no global addresses, or hold an IPv4 address that may be private.
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
#: The last part of a name that old C libraries read as an IPv4 address: 2130706433, 0x7f.1, 127.1.
_NUMERIC = re.compile(r"0x[0-9a-f]*|[0-9]+")


def why_not_public(host: str) -> str | None:
    """Why *host* is nowhere on the internet; None for what may be, such as every other name.

    Looked at in its compatibility form (NFKC), which is what is looked up in the end.
    """
    name = unicodedata.normalize("NFKC", host).replace("\u3002", ".").casefold().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return f"{name} is this machine; a webhook goes to a public address only"
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        if "%" in name:
            return "its host has a % in it; write it plainly"
        if _NUMERIC.fullmatch(name.rpartition(".")[2]):
            return f"{name} is an unusual spelling of an address; write it in full"
        return None
    if _is_public(address):
        return None
    return f"{name} is a private address; a webhook goes to a public one only"


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return True
    holds_another = address.sixtofour is not None or address.teredo is not None
    return address in _GLOBAL_V6 and not holds_another
