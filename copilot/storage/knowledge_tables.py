"""The table of what workspaces know themselves."""

from datetime import datetime
from typing import Any, ClassVar

from sqlmodel import Field

from .columns import Base, moment, table_of, text


class OwnEntryRow(Base, table=True):
    """One entry of a workspace, as it was written. `stamp` is another one with each change."""

    __tablename__: ClassVar[Any] = "copilot_own_entry"

    workspace_id: str = Field(primary_key=True)
    entry_id: str = Field(primary_key=True)
    stamp: str
    content: str = text()
    changed_by: str
    changed_by_name: str
    changed_at: datetime = moment()


OWN_ENTRY = table_of(OwnEntryRow)
