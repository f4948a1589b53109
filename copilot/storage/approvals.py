"""Who approved which exact diff, until when, and whether that has been used."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, or_, select, update

from ..errors import ApprovalRefused, NotFound
from ..types import Approval, ApprovalState, ChangeState, Preview
from .database import Database, Prepared, insert_new, keep_others_out, new_id
from .tables import APPROVAL, CHANGE

_READ = select(APPROVAL, CHANGE.c.state.label("change_state")).outerjoin(
    CHANGE, CHANGE.c.change_id == APPROVAL.c.used_by
)
_ONE = Prepared(
    _READ.where(
        APPROVAL.c.approval_id == bindparam("approval"),
        APPROVAL.c.workspace_id == bindparam("workspace"),
    )
)
_FACTS = Approval.model_fields.keys() - {"used", "used_by", "state", "missing", "actor_name"}
_NO_SECOND: Mapping[str, Any] = dict.fromkeys(("second_actor", "second_request", "second_at"))


class Approvals:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        workspace_id: str,
        preview: Preview,
        *,
        actor: str,
        valid_for: timedelta,
        approval_id: str | None = None,
        needs_second: bool = False,
    ) -> Approval:
        """Store an approval; the same *approval_id* again gives the one that is there.

        With *needs_second* the first person's is pending, and the second person's of the same diff
        completes that one, which is given back; it ends when the first person's would have. Raises
        ApprovalRefused when the first person comes again.
        """
        now = self._database.now()
        chosen = approval_id or new_id("approval")
        row = new_approval(preview, chosen, actor=actor, at=now, until=now + valid_for) | {
            "workspace_id": workspace_id,
            "needs_second": needs_second,
        }
        with self._database.write() as connection:
            if needs_second:
                keep_others_out(connection, APPROVAL)  # two first ones would wait for each other
            known = _same_request(connection, workspace_id, chosen)
            if known is None and needs_second:
                known = _join_another(connection, row)
            if known is None:
                insert_new(connection, APPROVAL, row)
            return _get(connection, workspace_id, known or chosen)

    def find(self, workspace_id: str, approval_id: str) -> Approval | None:
        """None when there is no such approval in this workspace.

        It counts as used unless its change was reset after a crash, and so can still be applied.
        """
        with self._database.read() as connection:
            return find_approval(connection, workspace_id, approval_id)

    def waiting(self, workspace_id: str) -> Sequence[Approval]:
        """Those that a second person may complete now, the oldest first."""
        wanted = _READ.where(*_pending(workspace_id, self._database.now()))
        with self._database.read() as connection:
            found = connection.execute(wanted.order_by(APPROVAL.c.created_at)).all()
        return tuple(map(_approval, found))


def new_approval(
    preview: Preview, approval_id: str, *, actor: str, at: datetime, until: datetime
) -> dict[str, Any]:
    """The row of an approval of exactly *preview*, but for its workspace."""
    return {
        "approval_id": approval_id,
        "fix_id": preview.fix_id,
        "digest": preview.digest,
        "base_version": preview.base_version,
        "base_digest": preview.base_digest,
        "actor": actor,
        "created_at": at,
        "expires_at": until,
        "used_by": None,
        "needs_second": False,
        "standing_id": None,
        **_NO_SECOND,
    }


def find_approval(connection: Connection, workspace_id: str, approval_id: str) -> Approval | None:
    row = _ONE.first(connection, {"approval": approval_id, "workspace": workspace_id})
    return None if row is None else _approval(row)


def _approval(row: Any) -> Approval:
    facts = {name: getattr(row, name) for name in _FACTS}
    pending = row.needs_second and row.second_actor is None
    is_used = row.used_by is not None and row.change_state != ChangeState.APPROVED
    return Approval.model_validate(
        facts
        | {
            "used": is_used,
            "used_by": row.used_by if is_used else None,
            "state": ApprovalState.PENDING if pending else ApprovalState.APPROVED,
            "missing": "a second person, who has to approve the same diff" if pending else None,
        }
    )


def complete() -> ColumnElement[bool]:
    """The condition that nobody has still to approve."""
    return or_(APPROVAL.c.needs_second.is_(False), APPROVAL.c.second_actor.is_not(None))


def _pending(workspace_id: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        APPROVAL.c.workspace_id == workspace_id,
        APPROVAL.c.needs_second.is_(True),
        APPROVAL.c.second_actor.is_(None),
        APPROVAL.c.used_by.is_(None),
        APPROVAL.c.expires_at > now,
    )


def _same_request(connection: Connection, workspace_id: str, approval_id: str) -> str | None:
    """The approval that this request has made or completed before."""
    wanted = select(APPROVAL.c.approval_id).where(
        APPROVAL.c.workspace_id == workspace_id,
        or_(APPROVAL.c.approval_id == approval_id, APPROVAL.c.second_request == approval_id),
    )
    return connection.execute(wanted).scalars().first()


def _join_another(connection: Connection, row: Mapping[str, Any]) -> str | None:
    """Complete the approval of somebody else; None when nobody has approved this diff yet."""
    now, actor = row["created_at"], row["actor"]
    same = (
        *_pending(row["workspace_id"], now),
        APPROVAL.c.fix_id == row["fix_id"],
        APPROVAL.c.digest == row["digest"],
    )
    others = select(APPROVAL.c.approval_id).where(*same, APPROVAL.c.actor != actor)
    first = connection.execute(others.order_by(APPROVAL.c.created_at)).scalars().first()
    if first is not None:
        second = {"second_actor": actor, "second_request": row["approval_id"], "second_at": now}
        connection.execute(update(APPROVAL).where(APPROVAL.c.approval_id == first).values(**second))
        return first
    own = select(APPROVAL.c.approval_id).where(*same, APPROVAL.c.actor == actor)
    if connection.execute(own).first() is not None:
        words = "you have approved it already; the second one has to be another."
        raise ApprovalRefused.by_another(words)
    return None


def _get(connection: Connection, workspace_id: str, approval_id: str) -> Approval:
    found = find_approval(connection, workspace_id, approval_id)
    if found is None:
        raise NotFound("approval")
    return found
