"""Who approved which exact diff, until when, and whether that has been used."""

from datetime import timedelta

from sqlalchemy import select

from ..types import Approval, ChangeState, Preview
from .database import Database, insert_new, new_id
from .tables import APPROVAL, CHANGE


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
    ) -> Approval:
        """Store an approval; the same *approval_id* again gives the one that is there."""
        now = self._database.now()
        approval = Approval(
            approval_id=approval_id or new_id("approval"),
            fix_id=preview.fix_id,
            digest=preview.digest,
            base_version=preview.base_version,
            base_digest=preview.base_digest,
            actor=actor,
            created_at=now,
            expires_at=now + valid_for,
        )
        row = approval.model_dump(exclude={"used"}) | {
            "workspace_id": workspace_id,
            "used_by": None,
        }
        with self._database.write() as connection:
            if insert_new(connection, APPROVAL, row):
                return approval
        return self.find(workspace_id, approval.approval_id) or approval

    def find(self, workspace_id: str, approval_id: str) -> Approval | None:
        """None when there is no such approval in this workspace.

        It counts as used unless its change was reset after a crash, and so can still be applied.
        """
        wanted = (
            select(APPROVAL, CHANGE.c.state)
            .outerjoin(CHANGE, CHANGE.c.change_id == APPROVAL.c.used_by)
            .where(APPROVAL.c.approval_id == approval_id, APPROVAL.c.workspace_id == workspace_id)
        )
        with self._database.read() as connection:
            row = connection.execute(wanted).one_or_none()
        if row is None:
            return None
        facts = {name: getattr(row, name) for name in Approval.model_fields if name != "used"}
        used = row.used_by is not None and row.state != ChangeState.APPROVED
        return Approval.model_validate(facts | {"used": used})
