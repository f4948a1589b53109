"""Changes made with an approval: approved > applying > applied, and back again.

The target is another store, so no transaction covers both. Each step here is one commit, guarded by
the state before it; what the target says about a change id is the truth, whatever state was left.
Who begins a change is noted in the audit by the commit that begins it: nothing can reach the target
without its entry, wherever a crash comes. What came of nothing has a second entry, which says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import JsonValue
from sqlalchemy import Connection, bindparam, insert, or_, select, update

from ..errors import NotFound
from ..snapshot import Snapshot
from ..types import Approval, Change, ChangeState
from ..types.principal import Principal
from .approvals import complete
from .audit import append
from .database import Database, Prepared, new_id
from .outcomes import end_watch, start_watch
from .standing import require_standing
from .tables import APPROVAL, CHANGE

# built once: each statement costs more to put together than to run
_THIS = CHANGE.c.change_id == bindparam("change")
_ONE = Prepared(select(CHANGE).where(_THIS, CHANGE.c.workspace_id == bindparam("workspace")))
_INSERT = Prepared(insert(CHANGE), columns=CHANGE.c.keys())
_USE = Prepared(
    update(APPROVAL)
    .where(
        APPROVAL.c.approval_id == bindparam("approval"),
        APPROVAL.c.workspace_id == bindparam("workspace"),
        APPROVAL.c.used_by.is_(None),
        APPROVAL.c.standing_id.is_not_distinct_from(bindparam("standing")),
        complete(),
    )
    .values(used_by=bindparam("change"))
)
_APPLIED = update(CHANGE).values(
    state=ChangeState.APPLIED.value,
    version=bindparam("made"),
    problem=None,
    applied_at=bindparam("moment"),
    undo_until=bindparam("until"),
)
_MARK = Prepared(_APPLIED.where(_THIS, CHANGE.c.state == ChangeState.APPLYING.value))
#: Of one that was given up though it was under way.
_MARK_LATE = Prepared(
    _APPLIED.where(
        _THIS,
        or_(
            CHANGE.c.state == ChangeState.APPROVED.value,
            CHANGE.c.state == ChangeState.FAILED.value,
        ),
    )
)


@dataclass(frozen=True, slots=True)
class ChangeRecord:
    """A change with both its images. `valid_until`: until when its approval lets it be applied."""

    change: Change
    before: Snapshot
    after: Snapshot
    valid_until: datetime | None


class Changes:
    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(
        self,
        approval: Approval,
        *,
        fix_type: str,
        before: Snapshot,
        after: Snapshot,
        change_id: str | None = None,
        by: Principal | None = None,
    ) -> ChangeRecord | None:
        """Use the approval up and start its change; None when it was used already.

        An approval whose change was reset goes on with that change and its id. by: who is noted in
        the audit; None leaves that to the caller. Raises ApprovalRefused when the standing approval
        that gave it has ended or was revoked.
        """
        workspace_id = before.workspace_id
        now = self._database.now()
        row = _new_change("fix", before, after, actor=approval.actor, now=now) | {
            "change_id": change_id or new_id("change"),
            "fix_id": approval.fix_id,
            "fix_type": fix_type,
            "approval_id": approval.approval_id,
            "valid_until": approval.expires_at,
        }
        with self._database.write() as connection:
            if approval.standing_id is not None:
                # held before the approval, as where one is given
                require_standing(connection, workspace_id, approval.approval_id, now=now)
            use = {
                "approval": approval.approval_id,
                "workspace": workspace_id,
                "standing": approval.standing_id,
                "change": row["change_id"],
            }
            if _USE.run(connection, use):
                _INSERT.run(connection, row)
                record = ChangeRecord(_change(row), before, after, approval.expires_at)
            else:
                require_standing(connection, workspace_id, approval.approval_id, now=now)
                record = _resume(connection, row)
            if record is not None and by is not None:
                _note(connection, by, record.change, at=now)
        return record

    def begin_reversal(
        self,
        original: Change,
        kind: Literal["undo", "revert"],
        *,
        before: Snapshot,
        after: Snapshot,
        actor: str,
        reversal_id: str | None = None,
        by: Principal | None = None,
    ) -> ChangeRecord | None:
        """Start taking *original* back; None when it is not applied (any more) or on its way back.

        by: who is noted in the audit; None leaves that to the caller.
        """
        change_id = reversal_id or new_id("change")
        claim = (
            update(CHANGE)
            .where(
                CHANGE.c.change_id == original.change_id,
                CHANGE.c.workspace_id == original.workspace_id,
                CHANGE.c.state == ChangeState.APPLIED,
                CHANGE.c.reversed_by.is_(None),
            )
            .values(reversed_by=change_id)
        )
        now = self._database.now()
        row = _new_change(kind, before, after, actor=actor, now=now) | {
            "change_id": change_id,
            "fix_id": original.fix_id,
            "fix_type": original.fix_type,
            "reverses": original.change_id,
        }
        with self._database.write() as connection:
            if not connection.execute(claim).rowcount:
                return None
            _INSERT.run(connection, row)
            record = ChangeRecord(_change(row), before, after, None)
            if by is not None:
                _note(connection, by, record.change, at=now)
        return record

    def mark_applied(
        self,
        change: Change,
        version: int,
        *,
        undo_for: timedelta,
        needed_passes: int | None,
        by: Principal | None = None,
    ) -> Change:
        """The target has it as *version*: start the watch of a fix, or end that of what it reverses.

        needed_passes: None for what no run is watched for. by: who is noted again where it was
        noted as abandoned. The same again changes nothing.
        """
        now = self._database.now()
        until = now + undo_for if change.reverses is None else None
        mark = {"change": change.change_id, "made": version, "moment": now, "until": until}
        with self._database.write() as connection:
            if not _MARK.run(connection, mark):
                if not _MARK_LATE.run(connection, mark):
                    return _get(connection, change.workspace_id, change.change_id).change
                if by is not None:
                    _note(connection, by, change, at=now)
            if change.reverses is not None:
                _end_original(connection, change, change.reverses)
            elif needed_passes is not None:
                start_watch(connection, change, version, needed=needed_passes, now=now)
        applied = {"state": ChangeState.APPLIED, "version": version, "problem": None}
        return change.model_copy(update=applied | {"applied_at": now, "undo_until": until})

    def mark_failed(self, change: Change, problem: str, *, by: Principal | None = None) -> Change:
        """It never reached the target; what it wanted to take back stays applied.

        by: whose attempt is noted as abandoned; None leaves that to the caller.
        """
        return self._stop(change, ChangeState.FAILED, problem, by)

    def reset(self, change: Change, problem: str, *, by: Principal | None = None) -> Change:
        """Back to approved: it never reached the target and its approval is still good.

        by: as `mark_failed` has it.
        """
        return self._stop(change, ChangeState.APPROVED, problem, by)

    def get(self, workspace_id: str, change_id: str) -> ChangeRecord:
        """Raises NotFound, also for another workspace's."""
        with self._database.read() as connection:
            return _get(connection, workspace_id, change_id)

    def find(self, workspace_id: str, change_id: str) -> ChangeRecord | None:
        """None when there is no such change in this workspace."""
        try:
            return self.get(workspace_id, change_id)
        except NotFound:
            return None

    def history(self, workspace_id: str, workflow_id: str, *, limit: int = 50) -> Sequence[Change]:
        """Changes of one workflow, newest first, those that failed too."""
        wanted = (
            select(CHANGE)
            .where(CHANGE.c.workspace_id == workspace_id, CHANGE.c.workflow_id == workflow_id)
            .order_by(CHANGE.c.created_at.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            return tuple(_change(_facts(row)) for row in connection.execute(wanted))

    def applying(self, *, started_before: datetime) -> Sequence[ChangeRecord]:
        """Changes of all workspaces that began before and were never marked either way."""
        wanted = (
            select(CHANGE)
            .where(CHANGE.c.state == ChangeState.APPLYING, CHANGE.c.created_at < started_before)
            .order_by(CHANGE.c.created_at)
        )
        with self._database.read() as connection:
            return tuple(_record(row) for row in connection.execute(wanted))

    def _stop(
        self, change: Change, state: ChangeState, problem: str, by: Principal | None
    ) -> Change:
        stop = (
            update(CHANGE)
            .where(CHANGE.c.change_id == change.change_id, CHANGE.c.state == ChangeState.APPLYING)
            .values(state=state, problem=problem)
        )
        let_go = (
            update(CHANGE)
            .where(CHANGE.c.change_id == change.reverses, CHANGE.c.reversed_by == change.change_id)
            .values(reversed_by=None)
        )
        with self._database.write() as connection:
            if connection.execute(stop).rowcount:
                if change.reverses is not None:
                    connection.execute(let_go)
                if by is not None:
                    why = {"state": state.value, "why": problem}
                    _note(connection, by, change, at=self._database.now(), abandoned=why)
            return _get(connection, change.workspace_id, change.change_id).change


def _new_change(
    kind: str, before: Snapshot, after: Snapshot, *, actor: str, now: datetime
) -> dict[str, Any]:
    """A whole row, but for what the change is of."""
    return dict.fromkeys(CHANGE.c.keys()) | {
        "workspace_id": before.workspace_id,
        "workflow_id": before.workflow_id,
        "kind": kind,
        "state": ChangeState.APPLYING.value,
        "base_version": before.version,
        "actor": actor,
        "before": before.model_dump_json(),
        "after": after.model_dump_json(),
        "created_at": now,
    }


def _resume(connection: Connection, row: Mapping[str, Any]) -> ChangeRecord | None:
    """Begin the change again that the approval of *row* was used for and that was reset."""
    images = {name: row[name] for name in ("before", "after", "state", "created_at")}
    resume = (
        update(CHANGE)
        .where(
            CHANGE.c.workspace_id == row["workspace_id"],
            CHANGE.c.approval_id == row["approval_id"],
            CHANGE.c.state == ChangeState.APPROVED,
        )
        .values(**images, problem=None)
        .returning(CHANGE.c.change_id)
    )
    change_id = connection.execute(resume).scalar_one_or_none()
    return None if change_id is None else _get(connection, row["workspace_id"], change_id)


def _note(
    connection: Connection,
    by: Principal,
    change: Change,
    *,
    at: datetime,
    abandoned: Mapping[str, JsonValue] | None = None,
) -> None:
    """That *change* begins, or was *abandoned*; what takes a fix back is told of that fix."""
    action = {"fix": "apply_fix", "undo": "undo_fix", "revert": "revert_fix"}[change.kind]
    details: dict[str, JsonValue] = {"fix_id": change.fix_id}
    if change.reverses is not None:
        details = {"by_change": change.change_id}
    if abandoned is not None:
        details |= {"action": action, **abandoned}
        action = "abandon_fix"
    append(connection, by, action, change.reverses or change.change_id, details, at=at)


def _get(connection: Connection, workspace_id: str, change_id: str) -> ChangeRecord:
    row = _ONE.first(connection, {"change": change_id, "workspace": workspace_id})
    if row is None:
        raise NotFound("change")
    return _record(row)


def _record(row: Any) -> ChangeRecord:
    return ChangeRecord(
        change=_change(_facts(row)),
        before=Snapshot.model_validate_json(row.before),
        after=Snapshot.model_validate_json(row.after),
        valid_until=row.valid_until,
    )


def _facts(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Change.model_fields}


def _change(row: Mapping[str, Any]) -> Change:
    return Change.model_validate({name: row[name] for name in Change.model_fields})


def _end_original(connection: Connection, reversal: Change, original_id: str) -> None:
    state = ChangeState.UNDONE if reversal.kind == "undo" else ChangeState.REVERTED
    original = CHANGE.c.change_id == original_id
    ended = update(CHANGE).where(original).values(state=state, reversed_by=reversal.change_id)
    connection.execute(ended)
    end_watch(connection, original_id)
