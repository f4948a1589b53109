"""The copilot's tables. Values are written as canonical JSON text, times in UTC.

Every table carries the workspace, and every index that a read uses starts with it. `table_of` gives
the SQLAlchemy table, which is what the store speaks: there are no ORM sessions. Who may come in and
what a workspace decided is in `account_tables.py`, what is the same failure in `group_tables.py`.
"""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlmodel import Field

from .columns import Base, moment, table_of, text

RECENT_FAILURES = "ix_copilot_failure_recent"


class FailureRow(Base, table=True):
    """A failed run. `counted`: the newest failure of its execution, and not in test mode."""

    __tablename__: ClassVar[Any] = "copilot_failure"
    __table_args__: ClassVar[Any] = (
        UniqueConstraint("workspace_id", "execution_id", "occurrence"),
        # the window of the last n failed runs, whatever the history
        Index(RECENT_FAILURES, "workspace_id", "workflow_id", "counted", "occurred_at", "id"),
        Index("ix_copilot_failure_group", "workspace_id", "signature", "id"),
        Index("ix_copilot_failure_newest", "workspace_id", "occurred_at", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    workspace_id: str
    execution_id: str
    occurrence: int = Field(sa_type=BigInteger)
    workflow_id: str
    workflow_version: int | None
    test_mode: bool
    counted: bool
    step_path: str | None
    step_number: int | None
    action: str | None
    signature: str
    key: str = text()
    label: str = text()
    entities: str = text()
    error: str = text()
    later_failures: int
    occurred_at: datetime = moment()


class SourceCursorRow(Base, table=True):
    """How far a source's ended runs have been taken in."""

    __tablename__: ClassVar[Any] = "copilot_source_cursor"

    workspace_id: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    cursor: int = Field(sa_type=BigInteger)
    updated_at: datetime = moment()


class AnalysisRow(Base, table=True):
    __tablename__: ClassVar[Any] = "copilot_analysis"
    __table_args__: ClassVar[Any] = (
        UniqueConstraint("workspace_id", "idempotency_key"),
        Index("ix_copilot_analysis_reuse", "workspace_id", "reuse_key", "created_at"),
        Index("ix_copilot_analysis_execution", "workspace_id", "execution_id", "created_at"),
    )

    analysis_id: str = Field(primary_key=True)
    workspace_id: str
    execution_id: str
    idempotency_key: str
    failure_id: int | None = Field(foreign_key="copilot_failure.id")
    workflow_id: str
    workflow_version: int | None
    step_path: str | None
    signature: str
    reuse_key: str
    root_cause: str
    produced_by: str
    asked_by: str | None
    credits: int
    report: str = text()
    created_at: datetime = moment()


class SuggestedFixRow(Base, table=True):
    __tablename__: ClassVar[Any] = "copilot_suggested_fix"
    __table_args__: ClassVar[Any] = (
        Index("ix_copilot_suggested_fix_analysis", "workspace_id", "analysis_id", "position"),
    )

    fix_id: str = Field(primary_key=True)
    workspace_id: str
    analysis_id: str = Field(foreign_key="copilot_analysis.analysis_id")
    workflow_id: str
    position: int
    fix_type: str
    fix: str = text()
    preview: str | None = text(nullable=True)


class ApprovalRow(Base, table=True):
    """`used_by` is the change that used it up.

    With `needs_second` it can be used once a second person has approved the same;
    `second_request` is the id that their request would have given to an approval of its own.
    `standing_id` is the standing approval that gave it.
    """

    __tablename__: ClassVar[Any] = "copilot_approval"
    __table_args__: ClassVar[Any] = (
        Index("ix_copilot_approval_fix", "workspace_id", "fix_id"),
        Index("ix_copilot_approval_standing", "workspace_id", "standing_id"),
    )

    approval_id: str = Field(primary_key=True)
    workspace_id: str
    fix_id: str
    digest: str
    base_version: int
    base_digest: str
    actor: str
    created_at: datetime = moment()
    expires_at: datetime = moment()
    used_by: str | None
    needs_second: bool = False
    second_actor: str | None
    second_request: str | None
    second_at: datetime | None = moment(nullable=True)
    standing_id: str | None


class ChangeRow(Base, table=True):
    """`before` and `after` are whole snapshots; `reversed_by` holds the undo or revert under way."""

    __tablename__: ClassVar[Any] = "copilot_change"
    __table_args__: ClassVar[Any] = (
        Index("ix_copilot_change_workflow", "workspace_id", "workflow_id", "created_at"),
        Index("ix_copilot_change_state", "state", "created_at"),
        Index("ix_copilot_change_fix", "workspace_id", "fix_id"),
    )

    change_id: str = Field(primary_key=True)
    workspace_id: str
    workflow_id: str
    fix_id: str
    fix_type: str
    kind: str
    reverses: str | None
    reversed_by: str | None
    approval_id: str | None = Field(unique=True)
    state: str
    base_version: int
    version: int | None
    actor: str
    before: str = text()
    after: str = text()
    problem: str | None = text(nullable=True)
    created_at: datetime = moment()
    valid_until: datetime | None = moment(nullable=True)
    applied_at: datetime | None = moment(nullable=True)
    undo_until: datetime | None = moment(nullable=True)


class OutcomeRow(Base, table=True):
    """What a change is judged on: this step, this failure, from this version on.

    edited_since: the version since which what it touched is edited, which ends the watch; its own
    for a template or the like, whose edits make no version.
    """

    __tablename__: ClassVar[Any] = "copilot_outcome"
    __table_args__: ClassVar[Any] = (
        Index("ix_copilot_outcome_open", "workspace_id", "workflow_id", "open"),
    )

    change_id: str = Field(primary_key=True, foreign_key="copilot_change.change_id")
    workspace_id: str
    workflow_id: str
    fix_type: str
    root_cause: str
    produced_by: str
    version: int
    base_version: int
    step_path: str | None
    signature: str
    needed: int
    open: bool
    state: str
    passed: int = 0
    unreached: int = 0
    undecided: int = 0
    regressed_in: str | None
    judged_at: datetime = moment()
    entry: str | None = None
    model: str | None = None
    edited_since: int | None = None


class JudgedRunRow(Base, table=True):
    """What one run said about one change; a resumed run replaces what it said before."""

    __tablename__: ClassVar[Any] = "copilot_judged_run"

    change_id: str = Field(primary_key=True, foreign_key="copilot_outcome.change_id")
    execution_id: str = Field(primary_key=True)
    workspace_id: str
    finding: str
    judged_at: datetime = moment()


class LedgerEntryRow(Base, table=True):
    """`credits` is the amount; `effect` what it does to the balance (0 without a limit)."""

    __tablename__: ClassVar[Any] = "copilot_ledger_entry"
    __table_args__: ClassVar[Any] = (
        UniqueConstraint("workspace_id", "key", "kind"),
        Index("ix_copilot_ledger_entry_time", "workspace_id", "created_at"),
        Index("ix_copilot_ledger_entry_kind", "kind", "created_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    workspace_id: str
    kind: str
    key: str
    credits: int
    effect: int
    reason: str = text()
    created_at: datetime = moment()


class WorkspaceLimitRow(Base, table=True):
    """Credits left in a workspace that has a limit; no row means it only meters."""

    __tablename__: ClassVar[Any] = "copilot_workspace_limit"

    workspace_id: str = Field(primary_key=True)
    balance: int


FAILURE = table_of(FailureRow)
SOURCE_CURSOR = table_of(SourceCursorRow)
ANALYSIS = table_of(AnalysisRow)
SUGGESTED_FIX = table_of(SuggestedFixRow)
APPROVAL = table_of(ApprovalRow)
CHANGE = table_of(ChangeRow)
OUTCOME = table_of(OutcomeRow)
JUDGED_RUN = table_of(JudgedRunRow)
LEDGER_ENTRY = table_of(LedgerEntryRow)
WORKSPACE_LIMIT = table_of(WorkspaceLimitRow)
