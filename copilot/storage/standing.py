"""Standing approvals: what an owner signed, the approvals given under it, and its end.

The row of a standing approval is held while one is given under it, while the change of one begins,
and while it is revoked. So its caps are never passed, and nothing begins after it was revoked.
It is good only while whoever signed it is an owner who can come in; that is looked at in the same
transactions, with what makes them one held.
"""

import hashlib
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select, update

from ..errors import ApprovalRefused, NotFound
from ..types import Approval, Preview
from ..types.frozen import storable
from ..types.principal import Principal, Role
from ..types.standing import StandingApproval, StandingState, StandingTerms, StandingUse
from .approvals import find_approval, new_approval
from .audit import append
from .database import Database, insert_new, new_id
from .signers import why_no_owner
from .standing_tables import STANDING_APPROVAL
from .tables import APPROVAL, CHANGE

_MINE = STANDING_APPROVAL.c
_ENDED = frozenset({StandingState.REVOKED, StandingState.EXPIRED})
#: What is found out about a standing approval when it is looked at.
_FOUND = frozenset({"state", "suspended_because", "uses", "uses_today", "acts", "missing"})
Covers = Callable[[StandingApproval], bool]


class StandingStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self, by: Principal, terms: StandingTerms, *, standing_id: str | None = None
    ) -> StandingApproval:
        """Store what *by* has signed, with its audit entry; the same id again changes nothing."""
        now = self._database.now()
        chosen = standing_id or new_id("standing")
        row = terms.model_dump() | {
            "standing_id": chosen,
            "workspace_id": by.workspace_id,
            "created_by": storable(by.id),
            "created_by_name": storable(by.name),
            "created_at": now,
            "revoked_by": None,
            "revoked_by_name": None,
            "revoked_at": None,
        }
        with self._database.write() as connection:
            if insert_new(connection, STANDING_APPROVAL, row):
                details = terms.model_dump(mode="json")
                append(connection, by, "create_standing", chosen, details, at=now)
            return _get(connection, by.workspace_id, chosen, now)

    def get(self, workspace_id: str, standing_id: str) -> StandingApproval:
        """Raises NotFound, also for another workspace's."""
        with self._database.read() as connection:
            return _get(connection, workspace_id, standing_id, self._database.now())

    def list(self, workspace_id: str) -> Sequence[StandingApproval]:
        """All of them, the newest first, those too that approve nothing more."""
        return self._found(workspace_id, self._database.now())

    def alive(self, workspace_id: str) -> Sequence[StandingApproval]:
        """Those that were not revoked and have not expired, the newest first."""
        now = self._database.now()
        return self._found(workspace_id, now, _MINE.revoked_at.is_(None), _MINE.expires_at > now)

    def _found(
        self, workspace_id: str, now: datetime, *where: ColumnElement[bool]
    ) -> Sequence[StandingApproval]:
        wanted = select(STANDING_APPROVAL).where(_MINE.workspace_id == workspace_id, *where)
        newest = wanted.order_by(_MINE.created_at.desc(), _MINE.standing_id)
        with self._database.read() as connection:
            rows = connection.execute(newest).all()
            return tuple(_standing(connection, row, now) for row in rows)

    def uses(self, workspace_id: str, standing_id: str) -> Sequence[StandingUse]:
        """What it has approved, the newest first. Raises NotFound."""
        wanted = _uses(workspace_id).where(APPROVAL.c.standing_id == standing_id)
        with self._database.read() as connection:
            _row(connection, workspace_id, standing_id)
            return tuple(_use(row) for row in connection.execute(wanted))

    def uses_of(self, workspace_id: str, fix_ids: Collection[str]) -> Sequence[StandingUse]:
        """What any of them has approved of *fix_ids*, the newest first."""
        if not fix_ids:
            return ()
        wanted = _uses(workspace_id).where(APPROVAL.c.fix_id.in_(fix_ids))
        with self._database.read() as connection:
            return tuple(_use(row) for row in connection.execute(wanted))

    def revoke(self, by: Principal, standing_id: str) -> StandingApproval:
        """From now on nothing begins under it; again changes nothing. Raises NotFound."""
        now = self._database.now()
        with self._database.write() as connection:
            row = _row(connection, by.workspace_id, standing_id, hold=True)
            if row.revoked_at is None:
                ended = {
                    "revoked_by": storable(by.id),
                    "revoked_by_name": storable(by.name),
                    "revoked_at": now,
                }
                this = _MINE.standing_id == standing_id
                connection.execute(update(STANDING_APPROVAL).where(this).values(**ended))
                append(connection, by, "revoke_standing", standing_id, {}, at=now)
            return _get(connection, by.workspace_id, standing_id, now)

    def use(
        self,
        workspace_id: str,
        preview: Preview,
        *,
        covers: Covers,
        valid_for: timedelta,
    ) -> Approval | None:
        """An approval of exactly *preview*, given under one that *covers* it and is not used up.

        A fix is approved so once: while that approval is good the same diff gets it again, and
        after that nothing. The audit says whose signature it was, and notes it where one would have
        covered it whose signer is no owner any more. None when nothing covers it.
        """
        own_id = _approval_id(workspace_id, preview.fix_id)
        with self._database.write() as connection:
            earlier = find_approval(connection, workspace_id, own_id)
            chosen, refused = self._chosen(connection, workspace_id, preview, earlier, covers)
            now = self._database.now()
            for (
                standing
            ) in refused:  # once all are held: who revokes one waits for the audit after it
                _note_refused(connection, standing, preview, workspace_id, at=now)
            if chosen is None or earlier is not None:
                return None if chosen is None else earlier
            until = min(now + valid_for, chosen.expires_at)
            by = signer(chosen, workspace_id)
            standing_id = chosen.standing_id
            return _give(connection, by, preview, standing_id=standing_id, at=now, until=until)

    def _chosen(
        self,
        connection: Connection,
        workspace_id: str,
        preview: Preview,
        earlier: Approval | None,
        covers: Covers,
    ) -> tuple[StandingApproval | None, Sequence[StandingApproval]]:
        """The one to approve under, and those before it whose signer is no owner any more; all held."""
        refused: list[StandingApproval] = []
        for standing_id in _candidates(connection, workspace_id, preview.fix_type):
            row = _row(connection, workspace_id, standing_id, hold=True)
            now = self._database.now()
            standing = _standing(connection, row, now, hold=True)
            if standing.state in _ENDED or not covers(standing):
                continue
            if standing.state is StandingState.SUSPENDED:
                refused.append(standing)
            elif (earlier is None and _has_room(standing)) or (
                earlier is not None and _is_good(earlier, standing, preview, now)
            ):
                return standing, refused
        return None, refused


def require_standing(
    connection: Connection, workspace_id: str, approval_id: str, *, now: datetime
) -> None:
    """Hold the standing approval that gave *approval_id*, if one did, and see that it still stands.

    For the transaction that begins a change. Raises ApprovalRefused.
    """
    wanted = select(APPROVAL.c.standing_id).where(
        APPROVAL.c.workspace_id == workspace_id, APPROVAL.c.approval_id == approval_id
    )
    standing_id = connection.execute(wanted).scalar_one_or_none()
    if standing_id is None:
        return
    row = _row(connection, workspace_id, standing_id, hold=True)
    if row.revoked_at is not None:
        raise ApprovalRefused(f"the standing approval {standing_id} was revoked.")
    if now >= row.expires_at:
        raise ApprovalRefused(f"the standing approval {standing_id} has expired.")
    signed_by = (row.created_by, row.created_by_name)
    why = why_no_owner(connection, workspace_id, signed_by, now=now, hold=True)
    if why is not None:
        raise ApprovalRefused(f"the standing approval {standing_id} is suspended. {why}")


def signer(standing: StandingApproval, workspace_id: str) -> Principal:
    """Who is noted for what happens under it: the owner who signed, by their signature."""
    name = f"{standing.created_by_name}, standing approval {standing.standing_id}"
    return Principal(id=standing.created_by, name=name, workspace_id=workspace_id, role=Role.OWNER)


def _give(
    connection: Connection,
    by: Principal,
    preview: Preview,
    *,
    standing_id: str,
    at: datetime,
    until: datetime,
) -> Approval | None:
    """None when it was given elsewhere in the same moment."""
    own_id = _approval_id(by.workspace_id, preview.fix_id)
    row = new_approval(preview, own_id, actor=by.id, at=at, until=until)
    row |= {"workspace_id": by.workspace_id, "standing_id": standing_id}
    if not insert_new(connection, APPROVAL, row):
        return None
    details = {"approval_id": own_id, "digest": preview.digest, "standing_id": standing_id}
    append(connection, by, "approve_fix", preview.fix_id, details, at=at)
    return find_approval(connection, by.workspace_id, own_id)


def _note_refused(
    connection: Connection,
    standing: StandingApproval,
    preview: Preview,
    workspace_id: str,
    *,
    at: datetime,
) -> None:
    details = {"fix_id": preview.fix_id, "reason": standing.suspended_because}
    by = signer(standing, workspace_id)
    append(connection, by, "refuse_standing", standing.standing_id, details, at=at)


def _approval_id(workspace_id: str, fix_id: str) -> str:
    """The same for the same fix: it is approved by a standing approval at most once."""
    digest = hashlib.sha256(f"{workspace_id}\n{fix_id}\nstanding".encode())
    return f"approval_{digest.hexdigest()[:32]}"


def _candidates(connection: Connection, workspace_id: str, fix_type: str) -> Sequence[str]:
    """Those that were not revoked when they were looked for, the first to end first."""
    wanted = select(_MINE.standing_id).where(
        _MINE.workspace_id == workspace_id,
        _MINE.fix_type == fix_type,
        _MINE.revoked_at.is_(None),
    )
    return connection.execute(wanted.order_by(_MINE.expires_at, _MINE.standing_id)).scalars().all()


def _has_room(standing: StandingApproval) -> bool:
    most = standing.max_uses_per_day
    full_today = most is not None and standing.uses_today >= most
    return standing.state is StandingState.ACTIVE and not full_today


def _is_good(
    approval: Approval, standing: StandingApproval, preview: Preview, now: datetime
) -> bool:
    same = (approval.standing_id, approval.digest) == (standing.standing_id, preview.digest)
    return same and not approval.used and now < approval.expires_at


def _row(connection: Connection, workspace_id: str, standing_id: str, *, hold: bool = False) -> Any:
    """Raises NotFound. hold: nobody else changes it until the transaction ends."""
    wanted = select(STANDING_APPROVAL).where(
        _MINE.standing_id == standing_id, _MINE.workspace_id == workspace_id
    )
    row = connection.execute(wanted.with_for_update() if hold else wanted).one_or_none()
    if row is None:
        raise NotFound("standing approval")
    return row


def _get(
    connection: Connection, workspace_id: str, standing_id: str, now: datetime
) -> StandingApproval:
    return _standing(connection, _row(connection, workspace_id, standing_id), now)


def _standing(
    connection: Connection, row: Any, now: datetime, *, hold: bool = False
) -> StandingApproval:
    """hold: that whoever signed it is an owner stays so until the transaction ends."""
    midnight = datetime.combine(now.astimezone(UTC).date(), time(), tzinfo=UTC)
    given = (
        APPROVAL.c.workspace_id == row.workspace_id,
        APPROVAL.c.standing_id == row.standing_id,
    )
    count = select(func.count()).select_from(APPROVAL)
    uses = connection.execute(count.where(*given)).scalar_one()
    today = count.where(*given, APPROVAL.c.created_at >= midnight)
    signed_by = (row.created_by, row.created_by_name)
    why = why_no_owner(connection, row.workspace_id, signed_by, now=now, hold=hold)
    state = _state(row, uses, now, is_owner=why is None)
    known = StandingApproval.model_fields.keys() - _FOUND
    facts = {name: getattr(row, name) for name in known}
    return StandingApproval.model_validate(
        facts
        | {
            "state": state,
            "suspended_because": why if state is StandingState.SUSPENDED else None,
            "uses": uses,
            "uses_today": connection.execute(today).scalar_one(),
        }
    )


def _state(row: Any, uses: int, now: datetime, *, is_owner: bool) -> StandingState:
    if row.revoked_at is not None:
        return StandingState.REVOKED
    if now >= row.expires_at:
        return StandingState.EXPIRED
    if not is_owner:
        return StandingState.SUSPENDED
    return StandingState.USED_UP if uses >= row.max_uses else StandingState.ACTIVE


def _uses(workspace_id: str) -> Select[Any]:
    """Approvals of *workspace_id* with the changes made with them, the newest first."""
    found = select(APPROVAL, CHANGE.c.workflow_id, CHANGE.c.state.label("change_state"))
    joined = found.outerjoin(CHANGE, CHANGE.c.change_id == APPROVAL.c.used_by)
    newest = joined.order_by(APPROVAL.c.created_at.desc(), APPROVAL.c.approval_id)
    return newest.where(
        APPROVAL.c.workspace_id == workspace_id, APPROVAL.c.standing_id.is_not(None)
    )


def _use(row: Any) -> StandingUse:
    return StandingUse(
        standing_id=row.standing_id,
        approval_id=row.approval_id,
        fix_id=row.fix_id,
        used_at=row.created_at,
        change_id=row.used_by,
        workflow_id=row.workflow_id,
        change_state=row.change_state,
    )
