"""Tables of what people are to be told, and of what webhooks are signed with."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from .columns import Base, moment, table_of, text


class NoticeRow(Base, table=True):
    """An event for one channel. `next_at`: when somebody may try next, which a claim moves on."""

    __tablename__: ClassVar[Any] = "copilot_notice"
    __table_args__: ClassVar[Any] = (
        UniqueConstraint("event_id", "channel"),
        Index("ix_copilot_notice_due", "state", "next_at"),
        Index("ix_copilot_notice_log", "workspace_id", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    workspace_id: str
    event_id: str
    channel: str
    event: str
    workflow_id: str | None
    words: str = text()
    details: str = text()
    at: datetime = moment()
    state: str
    attempts: int
    next_at: datetime = moment()
    problem: str | None = text(nullable=True)
    sent_at: datetime | None = moment(nullable=True)


class WebhookRow(Base, table=True):
    """The secrets themselves: a signature can't be made with a digest. Never exported.

    request: which made the newest, so that it makes no other when it comes again.
    """

    __tablename__: ClassVar[Any] = "copilot_webhook"

    workspace_id: str = Field(primary_key=True)
    secret: str
    previous_secret: str | None
    request: str | None
    rotated_at: datetime = moment()


NOTICE = table_of(NoticeRow)
WEBHOOK = table_of(WebhookRow)
