"""Fixes that were applied in a workflow before, with what they were made for and how they stand."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, select

from ..types import ChangeState, OutcomeState
from .database import Database, Prepared
from .group_aliases import find_roots
from .outcomes import Watch, watch_in
from .tables import ANALYSIS, CHANGE, FAILURE, OUTCOME, SUGGESTED_FIX

#: A change has an outcome once it was applied.
_PAST = Prepared(
    select(
        *OUTCOME.c,
        CHANGE.c.state.label("change_state"),
        SUGGESTED_FIX.c.fix,
        FAILURE.c.entities,
    )
    .select_from(
        OUTCOME.join(CHANGE, CHANGE.c.change_id == OUTCOME.c.change_id)
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


@dataclass(frozen=True, slots=True)
class PastFix:
    """`key`: equal for the same fix; None for one that no analysis has suggested.

    entities: the names in the error that it was made for; None where they are not known.
    """

    watch: Watch
    root: str
    is_applied: bool
    key: str | None
    entities: tuple[tuple[str, str], ...] | None

    @property
    def has_failed(self) -> bool:
        """Whether the failure came back, or the step failed on and somebody took the fix back."""
        if self.watch.state is OutcomeState.REGRESSED:
            return True
        return not self.is_applied and self.watch.undecided > 0


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
            )
            for row in rows
        )


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((kind, value) for kind, value in json.loads(text))


def fix_key(fix: object) -> str:
    """Equal for two fixes of one type that would write the same."""
    return json.dumps(fix, sort_keys=True, separators=(",", ":"))
