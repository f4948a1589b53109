"""Fixes that were applied in a workflow before, with what they were made for and how they stand."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, select

from ..types import ChangeState, OutcomeState
from .database import Database, Prepared
from .group_aliases import find_roots
from .outcomes import WATCH_COLUMNS, Watch, watch_in
from .standing_tables import STANDING_APPROVAL
from .tables import ANALYSIS, APPROVAL, CHANGE, FAILURE, OUTCOME, SUGGESTED_FIX

#: A change has an outcome once it was applied.
_PAST = Prepared(
    select(
        *WATCH_COLUMNS,
        CHANGE.c.state.label("change_state"),
        SUGGESTED_FIX.c.fix,
        FAILURE.c.entities,
        STANDING_APPROVAL.c.standing_id,
        STANDING_APPROVAL.c.created_by_name.label("signed_by"),
    )
    .select_from(
        OUTCOME.join(CHANGE, CHANGE.c.change_id == OUTCOME.c.change_id)
        .outerjoin(APPROVAL, APPROVAL.c.approval_id == CHANGE.c.approval_id)
        .outerjoin(STANDING_APPROVAL, STANDING_APPROVAL.c.standing_id == APPROVAL.c.standing_id)
        .outerjoin(SUGGESTED_FIX, SUGGESTED_FIX.c.fix_id == CHANGE.c.fix_id)
        .outerjoin(ANALYSIS, ANALYSIS.c.analysis_id == SUGGESTED_FIX.c.analysis_id)
        .outerjoin(FAILURE, FAILURE.c.id == ANALYSIS.c.failure_id)
    )
    .where(
        OUTCOME.c.workspace_id == bindparam("workspace"),
        OUTCOME.c.workflow_id == bindparam("workflow"),
    )
    .order_by(CHANGE.c.created_at.desc())
)
#: What the failure was about that a fix was suggested for.
_NAMES = Prepared(
    select(FAILURE.c.entities)
    .select_from(
        SUGGESTED_FIX.join(ANALYSIS, ANALYSIS.c.analysis_id == SUGGESTED_FIX.c.analysis_id).join(
            FAILURE, FAILURE.c.id == ANALYSIS.c.failure_id
        )
    )
    .where(
        SUGGESTED_FIX.c.workspace_id == bindparam("workspace"),
        SUGGESTED_FIX.c.fix_id == bindparam("fix"),
    )
)


@dataclass(frozen=True, slots=True)
class PastFix:
    """`key`: equal for the same fix; None for one that no analysis has suggested.

    entities: the names in the error that it was made for; None where they are not known.
    standing_id, signed_by: of the standing approval under which it was applied by itself.
    """

    watch: Watch
    root: str
    is_applied: bool
    key: str | None
    entities: tuple[tuple[str, str], ...] | None
    standing_id: str | None = None
    signed_by: str | None = None

    @property
    def has_failed(self) -> bool:
        """Whether the failure came back, or the step failed on and somebody took the fix back."""
        if self.watch.state is OutcomeState.REGRESSED:
            return True
        return not self.is_applied and self.watch.undecided > 0

    def held_for_others(self, entities: tuple[tuple[str, str], ...] | None) -> bool:
        """Whether it has held, and was made for other names than *entities*: it did what it could."""
        known = entities is not None and self.entities is not None
        return known and self.watch.passed >= self.watch.needed and self.entities != entities


class PastFixes:
    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, workspace_id: str, workflow_id: str) -> Sequence[PastFix]:
        """The newest first, those that were taken back too."""
        wanted = {"workspace": workspace_id, "workflow": workflow_id}
        with self._database.read() as connection:
            rows = _PAST.all(connection, wanted)
            if not rows:
                return ()
            signatures = {row.signature for row in rows}
            roots = find_roots(connection, workspace_id, signatures)
        return tuple(
            PastFix(
                watch=watch_in(row),
                root=roots[row.signature],
                is_applied=row.change_state == ChangeState.APPLIED,
                key=None if row.fix is None else fix_key(json.loads(row.fix)),
                entities=None if row.entities is None else _pairs(row.entities),
                standing_id=row.standing_id,
                signed_by=row.signed_by,
            )
            for row in rows
        )

    def names_behind(self, workspace_id: str, fix_id: str) -> tuple[tuple[str, str], ...] | None:
        """The names in the error that *fix_id* was suggested for; None where they are not known."""
        with self._database.read() as connection:
            row = _NAMES.first(connection, {"workspace": workspace_id, "fix": fix_id})
        return None if row is None or row.entities is None else _pairs(row.entities)


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((kind, value) for kind, value in json.loads(text))


def fix_key(fix: object) -> str:
    """Equal for two fixes of one type that would write the same."""
    return json.dumps(fix, sort_keys=True, separators=(",", ":"))
