"""What people are told of when it happens, and what became of telling them."""

from datetime import datetime
from enum import StrEnum
from typing import Literal, TypeAlias

from pydantic import AwareDatetime, Field, JsonValue

from .frozen import Frozen

Channel: TypeAlias = Literal["webhook", "email"]


class NoticeEvent(StrEnum):
    PATTERN_STARTED = "pattern_started"
    FIX_REGRESSED = "fix_regressed"
    FIX_APPLIED = "fix_applied"  # by itself, under a standing approval
    RUN_PAUSED = "run_paused"
    TEST = "test"


#: How a line of a notice begins that is a command to copy.
COMMAND = "  "

#: What a workspace may choose among; a test is always told.
CHOSEN = tuple(event for event in NoticeEvent if event is not NoticeEvent.TEST)


class NoticeState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    GIVEN_UP = "given_up"


class Notice(Frozen):
    """One event. The same event has the same id, however often it is told."""

    event_id: str
    event: NoticeEvent
    workspace_id: str
    workflow_id: str | None
    text: str = Field(
        description="Plain words, without secrets; each command on a line of its own."
    )
    at: AwareDatetime
    details: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])


class NoticeEntry(Notice):
    """One event on its way to one channel."""

    channel: Channel
    state: NoticeState
    attempts: int
    next_at: AwareDatetime | None = Field(
        default=None,
        description="Of the next attempt. What is due is sent while serve or a worker runs.",
    )
    problem: str | None = Field(default=None, description="Why the last attempt failed.")
    sent_at: AwareDatetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Whether it is to be sent as soon as somebody sends."""
        return self.next_at is not None and self.next_at <= now


class WebhookSecret(Frozen):
    """What webhooks are signed with from now on. It is shown this once."""

    secret: str = Field(repr=False)
    previous_until: AwareDatetime | None = Field(
        default=None, description="Until then they are signed with the one before as well."
    )
