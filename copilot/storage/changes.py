"""Changes made with an approval: approved > applying > applied, and back again.

The target is another store, so no transaction covers both. Each step here is one commit, guarded by
the state before it; what the target says about a change id is the truth, whatever state was left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, insert, select, update

from ..errors import NotFound
from ..snapshot import Snapshot
from ..types import Approval, Change, ChangeState
from .approvals import complete
from .database import Database, new_id
from .outcomes import end_watch, start_watch
from .standing import require_standing
from .tables import APPROVAL, CHANGE


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
    ) -> ChangeRecord | None:
        """Use the approval up and start its change; None when it was used already.

        An approval whose change was reset goes on with that change and its id. Raises
        ApprovalRefused when the standing approval that gave it has ended or was revoked.
        """
        workspace_id = before.workspace_id
        now = self._database.now()
        images = {"before": before.model_dump_json(), "after": after.model_dump_json()}
        fresh_id = change_id or new_id("change")
        with self._database.write() as connection:
            change_id = fresh_id
            require_standing(connection, workspace_id, approval.approval_id, now=now)
            use = (
                update(APPROVAL)
                .where(
                    APPROVAL.c.approval_id == approval.approval_id,
                    APPROVAL.c.workspace_id == workspace_id,
                    APPROVAL.c.used_by.is_(None),
                    complete(),
                )
                .values(used_by=change_id)
            )
            if connection.execute(use).rowcount:
                row = _new_change("fix", before, actor=approval.actor, now=now) | images
                row |= {
                    "change_id": change_id,
                    "fix_id": approval.fix_id,
                    "fix_type": fix_type,
                    "approval_id": approval.approval_id,
                    "valid_until": approval.expires_at,
                }
                connection.execute(insert(CHANGE), row)
            else:
                resume = (
                    update(CHANGE)
                    .where(
                        CHANGE.c.workspace_id == workspace_id,
                        CHANGE.c.approval_id == approval.approval_id,
                        CHANGE.c.state == ChangeState.APPROVED,
                    )
                    .values(**images, state=ChangeState.APPLYING, created_at=now, problem=None)
                    .returning(CHANGE.c.change_id)
                )
                change_id = connection.execute(resume).scalar_one_or_none()
            return None if change_id is None else _get(connection, workspace_id, change_id)

    def begin_reversal(
        self,
        original: Change,
        kind: Literal["undo", "revert"],
        *,
        before: Snapshot,
        after: Snapshot,
        actor: str,
        reversal_id: str | None = None,
    ) -> ChangeRecord | None:
        """Start taking *original* back; None when it is not applied (any more) or on its way back."""
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
        row = _new_change(kind, before, actor=actor, now=self._database.now()) | {
            "change_id": change_id,
            "fix_id": original.fix_id,
            "fix_type": original.fix_type,
            "reverses": original.change_id,
            "before": before.model_dump_json(),
            "after": after.model_dump_json(),
        }
        with self._database.write() as connection:
            if not connection.execute(claim).rowcount:
                return None
            connection.execute(insert(CHANGE), row)
            return _get(connection, original.workspace_id, change_id)

    def mark_applied(
        self, change: Change, version: int, *, undo_for: timedelta, needed_passes: int | None
    ) -> Change:
        """The target has it as *version*: start the watch of a fix, or end that of what it reverses.

        needed_passes: None for what no run is watched for. The same again changes nothing.
        """
        now = self._database.now()
        open_states = (ChangeState.APPROVED, ChangeState.APPLYING, ChangeState.FAILED)
        applied = (
            update(CHANGE)
            .where(CHANGE.c.change_id == change.change_id, CHANGE.c.state.in_(open_states))
            .values(
                state=ChangeState.APPLIED,
                version=version,
                problem=None,
                applied_at=now,
                undo_until=now + undo_for if change.reverses is None else None,
            )
        )
        with self._database.write() as connection:
            if connection.execute(applied).rowcount:
                if change.reverses is not None:
                    _end_original(connection, change, change.reverses)
                elif needed_passes is not None:
                    start_watch(connection, change, version, needed=needed_passes, now=now)
            return _get(connection, change.workspace_id, change.change_id).change

    def mark_failed(self, change: Change, problem: str) -> Change:
        """It never reached the target; what it wanted to take back stays applied."""
        return self._stop(change, ChangeState.FAILED, problem)

    def reset(self, change: Change, problem: str) -> Change:
        """Back to approved: it never reached the target and its approval is still good."""
        return self._stop(change, ChangeState.APPROVED, problem)

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
            return tuple(_change(row) for row in connection.execute(wanted))

    def applying(self, *, started_before: datetime) -> Sequence[ChangeRecord]:
        """Changes of all workspaces that began before and were never marked either way."""
        wanted = (
            select(CHANGE)
            .where(CHANGE.c.state == ChangeState.APPLYING, CHANGE.c.created_at < started_before)
            .order_by(CHANGE.c.created_at)
        )
        with self._database.read() as connection:
            return tuple(_record(row) for row in connection.execute(wanted))

    def _stop(self, change: Change, state: ChangeState, problem: str) -> Change:
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
            if connection.execute(stop).rowcount and change.reverses is not None:
                connection.execute(let_go)
            return _get(connection, change.workspace_id, change.change_id).change


def _new_change(kind: str, before: Snapshot, *, actor: str, now: datetime) -> dict[str, Any]:
    return {
        "workspace_id": before.workspace_id,
        "workflow_id": before.workflow_id,
        "kind": kind,
        "state": ChangeState.APPLYING,
        "base_version": before.version,
        "actor": actor,
        "created_at": now,
    }


def _get(connection: Connection, workspace_id: str, change_id: str) -> ChangeRecord:
    wanted = select(CHANGE).where(
        CHANGE.c.change_id == change_id, CHANGE.c.workspace_id == workspace_id
    )
    row = connection.execute(wanted).one_or_none()
    if row is None:
        raise NotFound("change")
    return _record(row)


def _record(row: Row[*tuple[Any, ...]]) -> ChangeRecord:
    return ChangeRecord(
        change=_change(row),
        before=Snapshot.model_validate_json(row.before),
        after=Snapshot.model_validate_json(row.after),
        valid_until=row.valid_until,
    )


def _change(row: Row[*tuple[Any, ...]]) -> Change:
    return Change.model_validate({name: getattr(row, name) for name in Change.model_fields})


def _end_original(connection: Connection, reversal: Change, original_id: str) -> None:
    state = ChangeState.UNDONE if reversal.kind == "undo" else ChangeState.REVERTED
    original = CHANGE.c.change_id == original_id
    ended = update(CHANGE).where(original).values(state=state, reversed_by=reversal.change_id)
    connection.execute(ended)
    end_watch(connection, original_id)
