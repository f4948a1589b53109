"""The use cases of telling people; a part of `protocol`."""

from collections.abc import Sequence
from typing import Protocol

from ..types.notice import NoticeEntry, WebhookSecret
from ..types.page import Page


class Notices(Protocol):
    """What people were told when it happened, by webhook and e-mail."""

    def list(self, *, cursor: str | None = None, limit: int = 50) -> Page[NoticeEntry]:
        """Every event for every channel, and whether it has arrived; the newest first."""
        ...

    def test(self) -> Sequence[NoticeEntry]:
        """Send a test to every channel now. Raises InvalidInput where there is none."""
        ...

    def secret(self) -> WebhookSecret:
        """A new secret that webhooks are signed with from now on; the one before goes on for a day."""
        ...
