"""How a webhook is signed, and how its receiver can tell: `Ask-Copilot-Signature: t=…,v1=…`.

`t` is when it was sent, in seconds since 1970, and each `v1` the HMAC-SHA256 of `t`, a full stop and
the body with one secret, in hexadecimal. While secrets are exchanged there are two.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable
from datetime import datetime, timedelta

HEADER = "Ask-Copilot-Signature"
#: How old a signature may be when it is looked at, and how far ahead the other clock may be.
TOLERANCE = timedelta(minutes=5)

_FORM = re.compile(r"t=([0-9]{1,12})((?:,v1=[0-9a-f]{64}){1,4})")


def signature(secrets: Iterable[str], body: bytes, *, at: datetime) -> str:
    """The header's value for *body*, sent at *at*."""
    seconds = int(at.timestamp())
    return ",".join([f"t={seconds}", *(f"v1={_mac(one, seconds, body)}" for one in secrets)])


def is_signed(
    header: str, body: bytes, secret: str, *, now: datetime, tolerance: timedelta = TOLERANCE
) -> bool:
    """Whether *body* was signed with *secret* just now.

    A request that is sent a second time within *tolerance* is signed too: receivers keep the event
    ids they have seen.
    """
    found = _FORM.fullmatch(header)
    if found is None:
        return False
    seconds = int(found[1])
    if abs(now.timestamp() - seconds) > tolerance.total_seconds():
        return False
    expected = _mac(secret, seconds, body)
    given = found[2].split(",v1=")[1:]
    return any(hmac.compare_digest(one, expected) for one in given)


def _mac(secret: str, seconds: int, body: bytes) -> str:
    return hmac.new(secret.encode(), b"%d." % seconds + body, hashlib.sha256).hexdigest()
