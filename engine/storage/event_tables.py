"""The table of what has happened in each run, in the order in which it was committed."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field

from .tables import Row, UtcTime, table_of


class EventRow(Row, table=True):
    """One event of a run. `seq` goes 1, 2, 3 … in each run, over all its rounds, without a gap.

    `path` is null where the run as a whole is meant; `facts` is a JSON object, or null for none.
    """

    __tablename__ = "execution_event"  # pyright: ignore[reportAssignmentType] - SQLModel's own way
    # Clustered by its key, so that the end of a run's log is found and grown in one place.
    __table_args__ = ({"sqlite_with_rowid": False},)

    execution_id: str = Field(primary_key=True, sa_type=sa.Text)
    seq: int = Field(
        primary_key=True, sa_type=sa.BigInteger, sa_column_kwargs={"autoincrement": False}
    )
    round: int
    kind: str = Field(sa_type=sa.Text)
    path: str | None = Field(default=None, sa_type=sa.Text)
    at: datetime = Field(sa_type=UtcTime)
    facts: str | None = Field(default=None, sa_type=sa.Text)


EVENT = table_of(EventRow)
