"""API keys: what one looks like, who it stands for, and who may make or revoke it."""

import hashlib
import hmac
import re
import secrets
import string
import unicodedata
import zlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from .characters import has_hidden
from .errors import InvalidInput, Unauthenticated
from .storage.people import KeyDraft, is_live
from .storage.signers import LOCAL_OWNER
from .storage.store import Store
from .types.account import ApiKey, NewApiKey
from .types.frozen import storable
from .types.principal import Principal, PrincipalKind, Role, Scope

#: A whole key: its id, 190 random bits, and the CRC-32 of all before it in base 62, by which secret
#: scanners and `is_whole` tell a key from text that only looks like one.
KEY_PATTERN: Final = r"ask_[0-9A-Za-z]{12}_[0-9A-Za-z]{32}_[0-9A-Za-z]{6}"
LONGEST_NAME = 100
LONGEST_LIFE = timedelta(days=3660)

_KEY = re.compile(KEY_PATTERN)
_DIGITS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID_DIGITS, _SECRET_DIGITS, _CHECKSUM_DIGITS = 12, 32, 6
_NO_DIGEST: Final = "0" * 64


class Access:
    """*now* is the clock that keys expire by, without any allowance for clocks that differ."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._people = store.people
        self._now = now

    def authenticate(self, key: str) -> Principal:
        """Who the key stands for. Raises Unauthenticated.

        Only the holder of the right key is told that it has expired or was revoked.
        """
        if not is_whole(key):
            raise Unauthenticated("what was sent is no whole key. It may be mistyped or cut off.")
        stored = self._people.find(key.split("_")[1])
        digest = stored.digest if stored is not None else _NO_DIGEST
        if not hmac.compare_digest(_digest(key), digest) or stored is None:
            raise Unauthenticated("it is not valid.")
        now = self._now()
        if stored.key.revoked_at is not None:
            raise Unauthenticated("it has been revoked.")
        if not is_live(stored.key, now):
            raise Unauthenticated("it has expired.")
        self._people.note_use(stored.key, now)
        return stored.principal

    def create(
        self,
        by: Principal,
        name: str,
        *,
        kind: PrincipalKind,
        role: Role,
        expires_at: datetime | None = None,
        replaces: str | None = None,
        key_id: str | None = None,
    ) -> NewApiKey:
        """A key for a new principal; with *replaces*, a second one for the holder of that key.

        *key_id* stands for the request, as any text: the same again makes no second principal but
        a new secret for the same key, as long as nobody has used it. Raises Forbidden,
        InvalidInput, NotFound for a *replaces* that is not here, KeyReused for a *key_id* of another
        request, and AlreadyExists for one whose key has been used or revoked.
        """
        by.require(Scope.GOVERN)
        now = self._now()
        _require_future(expires_at, now)
        seed = None if key_id is None else f"{by.workspace_id}\n{by.id}\n{key_id}"
        secret, draft = _draft(
            _checked_name(name), kind=kind, role=role, at=now, expires_at=expires_at, seed=seed
        )
        return _with_secret(self._people.add(by, draft, replaces=replaces), secret)

    def revoke(self, by: Principal, key_id: str) -> ApiKey:
        """Let a key work no more, which may be done again.

        Raises Forbidden, NotFound, and InvalidInput for the last key of an owner.
        """
        by.require(Scope.GOVERN)
        return self._people.revoke(by, key_id, self._now())

    def keys(self, by: Principal) -> tuple[ApiKey, ...]:
        """All keys of the workspace, the newest first, those too that work no more."""
        by.require(Scope.GOVERN)
        return self._people.keys(by.workspace_id)

    def first_owner(self, workspace_id: str, name: str) -> NewApiKey | None:
        """The workspace, an owner and their key; None for a workspace that has an owner."""
        secret, draft = _draft(
            _checked_name(name), kind=PrincipalKind.PERSON, role=Role.OWNER, at=self._now()
        )
        made = self._people.first_owner(workspace_id, draft)
        return None if made is None else _with_secret(made, secret)

    def local_owner(self, workspace_id: str, name: str) -> Principal:
        """The person at the command line: who holds the database file, holds the workspace."""
        shown = storable(name)
        return Principal(
            id=f"{LOCAL_OWNER}{shown}", name=shown, workspace_id=workspace_id, role=Role.OWNER
        )


def is_whole(key: str) -> bool:
    """Whether this is a key as it was made, as far as can be told without the database."""
    if _KEY.fullmatch(key) is None:
        return False
    body, _, checksum = key.rpartition("_")
    return hmac.compare_digest(_checksum(body), checksum)


def _draft(
    name: str,
    *,
    kind: PrincipalKind,
    role: Role,
    at: datetime,
    expires_at: datetime | None = None,
    seed: str | None = None,
) -> tuple[str, KeyDraft]:
    """A new key and what is stored of it."""
    key_id = _random(_ID_DIGITS) if seed is None else _id_from(seed)
    body = f"ask_{key_id}_{_random(_SECRET_DIGITS)}"
    key = f"{body}_{_checksum(body)}"
    draft = KeyDraft(
        key_id=key_id,
        name=name,
        kind=kind,
        role=role,
        prefix=f"ask_{key_id}",
        digest=_digest(key),
        created_at=at,
        expires_at=expires_at,
    )
    return key, draft


def _with_secret(key: ApiKey, secret: str) -> NewApiKey:
    return NewApiKey.model_validate(key.model_dump() | {"secret": secret})


def _digest(key: str) -> str:
    # a key is random enough that a slow hash would protect nothing
    return hashlib.sha256(key.encode()).hexdigest()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECKSUM_DIGITS)


def _id_from(seed: str) -> str:
    number = int.from_bytes(hashlib.sha256(seed.encode("utf-8", "surrogatepass")).digest())
    return _base62(number, _ID_DIGITS)


def _random(length: int) -> str:
    return "".join(secrets.choice(_DIGITS) for _ in range(length))


def _base62(number: int, length: int) -> str:
    """The last *length* digits."""
    digits: list[str] = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def _checked_name(name: str) -> str:
    """One line that can be read, with single spaces. Raises InvalidInput."""
    shown = unicodedata.normalize("NFC", re.sub(" +", " ", name).strip(" "))
    if not 1 <= len(shown) <= LONGEST_NAME or has_hidden(shown) or not shown.isprintable():
        problem = f"must be 1 to {LONGEST_NAME} characters that can be seen, on one line."
        raise InvalidInput("name", problem, "")
    return shown


def _require_future(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is None:
        return
    if expires_at.tzinfo is None:
        raise InvalidInput("expires_at", "has no time zone.", "Add one, such as Z for UTC.")
    if expires_at <= now:
        raise InvalidInput("expires_at", "is in the past.", "Leave it out for a key without end.")
    if expires_at > now + LONGEST_LIFE:
        raise InvalidInput(
            "expires_at", "is more than ten years away.", "Leave it out for a key without end."
        )
