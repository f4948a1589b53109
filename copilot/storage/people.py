"""Principals and their API keys: who may come into which workspace.

What decides whether a key may be made or revoked is looked at in the transaction that does it, with
the workspace's row held, so that two requests at once can't both be the last that fits.
"""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import Connection, Row, Select, insert, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from ..errors import InvalidInput, KeyReused, NotFound
from ..types.account import ApiKey
from ..types.frozen import storable
from ..types.principal import Principal, PrincipalKind, Role
from .account_tables import API_KEY, PRINCIPAL, WORKSPACE
from .audit import append
from .database import Database, insert_new, new_id, take_write_lock

LIVE_KEYS: Final = 2
USE_NOTED_EVERY = timedelta(minutes=1)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key, who it stands for, and the SHA-256 of the whole key in hexadecimal."""

    key: ApiKey
    principal: Principal
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDraft:
    """A key that is to be made. The same `key_id` again is the same request again."""

    key_id: str
    name: str
    kind: PrincipalKind
    role: Role
    prefix: str
    digest: str
    created_at: datetime
    expires_at: datetime | None = None


def is_live(key: ApiKey, at: datetime) -> bool:
    """Whether the key works: neither revoked nor expired."""
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > at)


class People:
    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, key_id: str) -> StoredKey | None:
        """The key with this id in whatever workspace: the key is what tells the workspace."""
        with self._database.read() as connection:
            return _find(connection, key_id)

    def note_use(self, key: ApiKey, at: datetime) -> None:
        """Remember that the key was used, to the minute.

        It is left out when another transaction is writing: nobody waits for it, and nothing fails.
        """
        if key.last_used_at is not None and at < key.last_used_at + USE_NOTED_EVERY:
            return
        try:
            self._note_use(key.key_id, at)
        except SQLAlchemyError as error:
            _log.debug("use of a key not noted: %s", type(error).__name__)

    def keys(self, workspace_id: str) -> tuple[ApiKey, ...]:
        """All keys of a workspace, the newest first, revoked and expired ones too."""
        wanted = (
            _keys()
            .where(API_KEY.c.workspace_id == workspace_id)
            .order_by(API_KEY.c.created_at.desc(), API_KEY.c.key_id)
        )
        with self._database.read() as connection:
            return tuple(_stored(row).key for row in connection.execute(wanted))

    def first_owner(self, workspace_id: str, draft: KeyDraft) -> ApiKey | None:
        """Make the workspace, its owner and a key for them; None when it had an owner before."""
        with self._database.write() as connection:
            _hold(connection, workspace_id, draft.created_at)
            owners = select(PRINCIPAL.c.principal_id).where(
                PRINCIPAL.c.workspace_id == workspace_id,
                PRINCIPAL.c.kind == PrincipalKind.PERSON,
                PRINCIPAL.c.role == Role.OWNER,
            )
            if connection.execute(owners.limit(1)).first() is not None:
                return None
            owner = _new_principal(connection, workspace_id, draft)
            return _new_key(connection, owner, draft, by=owner)

    def add(self, by: Principal, draft: KeyDraft, *, replaces: str | None = None) -> ApiKey:
        """Make a key for a new principal, or a second one for the principal of *replaces*.

        A key that this request has made already, and nobody has used, gets the new digest. Raises
        NotFound for a *replaces* of another workspace, InvalidInput for one that does not fit, and
        KeyReused when the id was made by another request.
        """
        with self._database.write() as connection:
            _hold(connection, by.workspace_id, draft.created_at)
            known = _find(connection, draft.key_id)
            if known is not None:
                return _renew(connection, known, by, draft)
            if replaces is None:
                holder = _new_principal(connection, by.workspace_id, draft)
            else:
                holder = _holder_of(connection, by.workspace_id, replaces, draft)
            return _new_key(connection, holder, draft, by=by)

    def revoke(self, by: Principal, key_id: str, at: datetime) -> ApiKey:
        """Let the key work no more; one that is revoked already stays as it is.

        Raises NotFound, also for another workspace's, and InvalidInput for the last key with which
        an owner can come in.
        """
        with self._database.write() as connection:
            _hold(connection, by.workspace_id, at)
            stored = _find_in(connection, by.workspace_id, key_id)
            if stored.key.revoked_at is not None:
                return stored.key
            if is_live(stored.key, at):
                _require_another_owner(connection, stored, at)
            revoked = update(API_KEY).where(API_KEY.c.key_id == key_id).values(revoked_at=at)
            connection.execute(revoked)
            append(connection, by, "revoke_key", key_id, {"name": stored.key.name}, at=at)
            return stored.key.model_copy(update={"revoked_at": at})

    def _note_use(self, key_id: str, at: datetime) -> None:
        due = API_KEY.c.last_used_at.is_(None) | (API_KEY.c.last_used_at <= at - USE_NOTED_EVERY)
        free = select(API_KEY.c.key_id).where(API_KEY.c.key_id == key_id, due)
        with (
            self._database.engine.connect() as connection,
            _not_waiting(connection),
            connection.begin(),
        ):
            take_write_lock(connection)
            # on Postgres a row that somebody holds is not found
            if connection.execute(free.with_for_update(skip_locked=True)).first() is not None:
                used = update(API_KEY).where(API_KEY.c.key_id == key_id)
                connection.execute(used.values(last_used_at=at))


@contextmanager
def _not_waiting(connection: Connection) -> Generator[None]:
    """On SQLite, a lock that is taken raises at once; what the connection did before comes back."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver = cast(Any, connection.connection.driver_connection)
    (usual,) = driver.execute("PRAGMA busy_timeout").fetchone()
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        yield
    finally:
        driver.execute(f"PRAGMA busy_timeout = {int(usual)}")


def _hold(connection: Connection, workspace_id: str, at: datetime) -> None:
    """Nobody else makes or revokes a key of this workspace until the transaction ends."""
    insert_new(connection, WORKSPACE, {"workspace_id": workspace_id, "created_at": at})
    row = select(WORKSPACE.c.workspace_id).where(WORKSPACE.c.workspace_id == workspace_id)
    connection.execute(row.with_for_update())


def _keys() -> Select[Any]:
    return select(
        API_KEY, PRINCIPAL.c.name.label("holder"), PRINCIPAL.c.kind, PRINCIPAL.c.role
    ).join(PRINCIPAL, PRINCIPAL.c.principal_id == API_KEY.c.principal_id)


def _find(connection: Connection, key_id: str) -> StoredKey | None:
    row = connection.execute(_keys().where(API_KEY.c.key_id == key_id)).one_or_none()
    return None if row is None else _stored(row)


def _find_in(connection: Connection, workspace_id: str, key_id: str) -> StoredKey:
    stored = _find(connection, storable(key_id))
    if stored is None or stored.principal.workspace_id != workspace_id:
        raise NotFound("key")
    return stored


def _stored(row: Row[*tuple[Any, ...]]) -> StoredKey:
    return StoredKey(
        key=ApiKey.model_validate({name: getattr(row, name) for name in ApiKey.model_fields}),
        principal=Principal(
            id=row.principal_id,
            name=row.holder,
            workspace_id=row.workspace_id,
            kind=PrincipalKind(row.kind),
            role=Role(row.role),
        ),
        digest=row.digest,
    )


def _new_principal(connection: Connection, workspace_id: str, draft: KeyDraft) -> Principal:
    made = Principal(
        id=new_id(draft.kind.value),
        name=draft.name,
        workspace_id=workspace_id,
        kind=draft.kind,
        role=draft.role,
    )
    row = made.model_dump(mode="json", exclude={"id"})
    row |= {"principal_id": made.id, "created_at": draft.created_at}
    connection.execute(insert(PRINCIPAL), row)
    return made


def _new_key(
    connection: Connection, holder: Principal, draft: KeyDraft, *, by: Principal
) -> ApiKey:
    row = {
        "key_id": draft.key_id,
        "principal_id": holder.id,
        "workspace_id": holder.workspace_id,
        "name": draft.name,
        "prefix": draft.prefix,
        "digest": draft.digest,
        "created_by": by.id,
        "created_at": draft.created_at,
        "expires_at": draft.expires_at,
        "last_used_at": None,
        "revoked_at": None,
    }
    connection.execute(insert(API_KEY), row)
    _note_made(connection, holder, draft, by)
    return _find_in(connection, holder.workspace_id, draft.key_id).key


def _note_made(connection: Connection, holder: Principal, draft: KeyDraft, by: Principal) -> None:
    details = {"name": draft.name, "principal": holder.id, "kind": draft.kind, "role": draft.role}
    append(connection, by, "create_key", draft.key_id, details, at=draft.created_at)


def _holder_of(
    connection: Connection, workspace_id: str, replaces: str, draft: KeyDraft
) -> Principal:
    """The principal whose working key *replaces* is, with room for another one."""
    stored = _find_in(connection, workspace_id, replaces)
    holder, at = stored.principal, draft.created_at
    if not is_live(stored.key, at):
        raise InvalidInput("replaces", "this key does not work any more.", "Make a new key.")
    if (holder.kind, holder.role) != (draft.kind, draft.role):
        problem = f"this key belongs to a {holder.kind.value} with the role {holder.role.value}."
        raise InvalidInput("replaces", problem, "A second key is for the same kind and role.")
    if len(_live_keys(connection, API_KEY.c.principal_id == holder.id, at)) >= LIVE_KEYS:
        problem = f"its holder has {LIVE_KEYS} working keys already."
        raise InvalidInput("replaces", problem, "Revoke the one that is not used any more first.")
    return holder


def _renew(connection: Connection, known: StoredKey, by: Principal, draft: KeyDraft) -> ApiKey:
    """The key that this very request made, with a new secret: nobody has seen the first one."""
    key = known.key
    same = (by.workspace_id, by.id, draft.name, draft.kind, draft.role, draft.expires_at)
    made = (known.principal.workspace_id, key.created_by, key.name, key.kind, key.role)
    if same != (*made, key.expires_at):
        raise KeyReused
    if key.revoked_at is not None or key.last_used_at is not None:
        problem = "the key that this request made has been used or revoked."
        raise InvalidInput("key", problem, "Send a new request for a new key.")
    changed = update(API_KEY).where(API_KEY.c.key_id == key.key_id).values(digest=draft.digest)
    connection.execute(changed)
    _note_made(connection, known.principal, draft, by)
    return key


def _require_another_owner(connection: Connection, stored: StoredKey, at: datetime) -> None:
    """Raises InvalidInput when no owner could come in without this key."""
    holder = stored.principal
    if (holder.kind, holder.role) != (PrincipalKind.PERSON, Role.OWNER):
        return
    owners = (
        (API_KEY.c.workspace_id == holder.workspace_id)
        & (PRINCIPAL.c.kind == PrincipalKind.PERSON)
        & (PRINCIPAL.c.role == Role.OWNER)
    )
    if _live_keys(connection, owners, at) == (stored.key.key_id,):
        problem = "this is the last working key of an owner."
        raise InvalidInput("key_id", problem, "Make another key for an owner first.")


def _live_keys(connection: Connection, which: Any, at: datetime) -> tuple[str, ...]:
    wanted = (
        select(API_KEY.c.key_id)
        .join(PRINCIPAL, PRINCIPAL.c.principal_id == API_KEY.c.principal_id)
        .where(
            which,
            API_KEY.c.revoked_at.is_(None),
            or_(API_KEY.c.expires_at.is_(None), API_KEY.c.expires_at > at),
        )
    )
    return tuple(connection.execute(wanted).scalars())
