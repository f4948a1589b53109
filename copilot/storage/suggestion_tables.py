"""The tables of what was suggested before a run: fixes to apply, and what nobody wants to hear."""

from datetime import datetime
from typing import Any, ClassVar

from sqlmodel import Field

from .columns import Base, moment, table_of, text


class AdvisedFixRow(Base, table=True):
    """A fix with no failed run behind it; its id is made from what it does to which workflow."""

    __tablename__: ClassVar[Any] = "copilot_advised_fix"

    fix_id: str = Field(primary_key=True)
    workspace_id: str
    workflow_id: str
    kind: str
    fix_type: str
    fix: str = text()
    created_at: datetime = moment()


class DismissedSuggestionRow(Base, table=True):
    """`weight`: how much of it there was."""

    __tablename__: ClassVar[Any] = "copilot_dismissed_suggestion"

    workspace_id: str = Field(primary_key=True)
    workflow_id: str = Field(primary_key=True)
    suggestion_id: str = Field(primary_key=True)
    kind: str
    weight: float
    by: str
    by_name: str
    reason: str = text()
    dismissed_at: datetime = moment()


ADVISED_FIX = table_of(AdvisedFixRow)
DISMISSED_SUGGESTION = table_of(DismissedSuggestionRow)
