"""What has just begun or come back, read where it is stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, exists, select

from ..snapshot import Snapshot
from ..types import ChangeState, OutcomeState
from ..types.notice import NoticeEvent
from ..types.pattern import PatternState
from .notice_tables import NOTICE
from .pattern_tables import PATTERN, PATTERN_TURN
from .standing_tables import STANDING_APPROVAL
from .tables import APPROVAL, CHANGE, OUTCOME

_STARTS = (PatternState.NEW.value, PatternState.REGRESSED.value)


@dataclass(frozen=True, slots=True)
class StartedPattern:
    """A failure that became a pattern, or came back. turn: the number of that turn."""

    turn: int
    at: datetime
    state: str
    workflow_id: str
    signature: str
    label: str
    failures: int
    last_execution_id: str


@dataclass(frozen=True, slots=True)
class RegressedFix:
    change_id: str
    workflow_id: str
    judged_at: datetime
    passed: int
    regressed_in: str | None


@dataclass(frozen=True, slots=True)
class OwnFix:
    """A fix that was applied by itself, under a standing approval that *signed_by* has signed."""

    change_id: str
    workflow_id: str
    fix_type: str
    version: int
    applied_at: datetime
    standing_id: str
    signed_by: str
    before: Snapshot
    after: Snapshot


def find_started(
    connection: Connection, workspace_id: str, *, since: datetime
) -> Sequence[StartedPattern]:
    """Patterns that have started since; not those that somebody has dismissed by now."""
    wanted = (
        select(
            PATTERN_TURN.c.id,
            PATTERN_TURN.c.at,
            PATTERN_TURN.c.state,
            PATTERN.c.workflow_id,
            PATTERN.c.signature,
            PATTERN.c.label,
            PATTERN.c.failures,
            PATTERN.c.last_execution_id,
        )
        .join(PATTERN, PATTERN.c.pattern_id == PATTERN_TURN.c.pattern_id)
        .where(
            PATTERN.c.workspace_id == workspace_id,
            PATTERN.c.last_occurred >= since,
            PATTERN.c.state != PatternState.DISMISSED.value,
            PATTERN_TURN.c.workspace_id == workspace_id,
            PATTERN_TURN.c.state.in_(_STARTS),
            PATTERN_TURN.c.at >= since,
        )
        .order_by(PATTERN_TURN.c.id)
    )
    return tuple(StartedPattern(*row) for row in connection.execute(wanted))


def find_regressed(
    connection: Connection, workspace_id: str, *, since: datetime
) -> Sequence[RegressedFix]:
    """Fixes whose failure has come back since."""
    wanted = select(
        OUTCOME.c.change_id,
        OUTCOME.c.workflow_id,
        OUTCOME.c.judged_at,
        OUTCOME.c.passed,
        OUTCOME.c.regressed_in,
    ).where(
        OUTCOME.c.workspace_id == workspace_id,
        OUTCOME.c.state == OutcomeState.REGRESSED.value,
        OUTCOME.c.judged_at >= since,
    )
    return tuple(RegressedFix(*row) for row in connection.execute(wanted))


def find_own_fixes(
    connection: Connection, workspace_id: str, *, since: datetime
) -> Sequence[OwnFix]:
    """Fixes that were applied by themselves since, are in place and that nobody was told of yet."""
    told = exists().where(
        NOTICE.c.workspace_id == CHANGE.c.workspace_id,
        NOTICE.c.workflow_id == CHANGE.c.workflow_id,
        NOTICE.c.event == NoticeEvent.FIX_APPLIED.value,
        NOTICE.c.at == CHANGE.c.applied_at,
    )
    wanted = (
        select(
            CHANGE.c.change_id,
            CHANGE.c.workflow_id,
            CHANGE.c.fix_type,
            CHANGE.c.version,
            CHANGE.c.applied_at,
            STANDING_APPROVAL.c.standing_id,
            STANDING_APPROVAL.c.created_by_name,
            CHANGE.c.before,
            CHANGE.c.after,
        )
        .join(APPROVAL, APPROVAL.c.approval_id == CHANGE.c.approval_id)
        .join(STANDING_APPROVAL, STANDING_APPROVAL.c.standing_id == APPROVAL.c.standing_id)
        .where(
            CHANGE.c.workspace_id == workspace_id,
            CHANGE.c.state == ChangeState.APPLIED,
            CHANGE.c.applied_at >= since,
            ~told,
        )
        .order_by(CHANGE.c.applied_at, CHANGE.c.change_id)
    )
    read = Snapshot.model_validate_json
    return tuple(
        OwnFix(*facts, before=read(before), after=read(after))
        for *facts, before, after in connection.execute(wanted)
    )
