"""What has just begun or come back, read where it is stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from ..types import OutcomeState
from ..types.pattern import PatternState
from .pattern_tables import PATTERN, PATTERN_TURN
from .tables import OUTCOME

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
