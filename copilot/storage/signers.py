"""Whether whoever has signed something beforehand is still an owner who can come in."""

from datetime import datetime

from sqlalchemy import Connection, or_, select

from ..types.principal import PrincipalKind, Role
from .account_tables import API_KEY, PRINCIPAL

#: How the id of whoever holds the database itself begins; they hold it as long as they read this.
LOCAL_OWNER = "local:"


def why_no_owner(
    connection: Connection,
    workspace_id: str,
    signer: tuple[str, str],
    *,
    now: datetime,
    hold: bool = False,
) -> str | None:
    """Why *signer*, an id and a name, can sign nothing any more, in words; None for an owner.

    hold: what makes them an owner stays as it is until the transaction ends.
    """
    principal_id, name = signer
    if principal_id.startswith(LOCAL_OWNER):
        return None
    wanted = select(PRINCIPAL.c.kind, PRINCIPAL.c.role).where(
        PRINCIPAL.c.principal_id == principal_id, PRINCIPAL.c.workspace_id == workspace_id
    )
    row = connection.execute(wanted.with_for_update(read=True) if hold else wanted).one_or_none()
    if row is None:
        return f"{name}, who signed it, is not in this workspace any more."
    if (row.kind, row.role) != (PrincipalKind.PERSON, Role.OWNER):
        return f"{name}, who signed it, is no owner any more (now: {row.role})."
    live = select(API_KEY.c.key_id).where(
        API_KEY.c.principal_id == principal_id,
        API_KEY.c.workspace_id == workspace_id,
        API_KEY.c.revoked_at.is_(None),
        or_(API_KEY.c.expires_at.is_(None), API_KEY.c.expires_at > now),
    )
    if connection.execute(live.with_for_update(read=True) if hold else live).first() is None:
        return f"No key of {name}, who signed it, works any more."
    return None
