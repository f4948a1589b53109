"""Telling people: what was told, a test, and what webhooks are signed with."""

import secrets
from collections.abc import Sequence

from ..errors import InvalidInput
from ..storage.database import new_id
from ..types.notice import NoticeEntry, WebhookSecret
from ..types.page import Page
from ..types.principal import Scope
from .caller import Caller
from .parts import Parts

SECRET_BYTES = 32


class LocalNotices:
    """Implements `Notices`."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def list(self, *, cursor: str | None = None, limit: int = 50) -> Page[NoticeEntry]:
        self._caller.require(Scope.READ)
        return self._parts.store.notices.page(self._caller.workspace_id, cursor=cursor, limit=limit)

    def test(self) -> Sequence[NoticeEntry]:
        self._caller.require(Scope.TUNE)
        workspace_id, outbox = self._caller.workspace_id, self._parts.outbox
        if not outbox.wanted(workspace_id).channels:
            raise InvalidInput(
                "notify_webhook",
                "neither it nor notify_email_to is set.",
                "Set one: ask-copilot settings set notify_webhook=https://…",
            )
        same = self._caller.request or new_id("test")
        event_id = outbox.test(workspace_id, by=self._caller.principal.name, same=[same])
        self._parts.courier.deliver(event_id)
        self._caller.record("test_notices", event_id)
        return self._parts.store.notices.of_event(workspace_id, event_id)

    def secret(self) -> WebhookSecret:
        self._caller.require(Scope.GOVERN)
        made = self._parts.store.notices.exchange(
            self._caller.workspace_id,
            f"whsec_{secrets.token_urlsafe(SECRET_BYTES)}",
            request=self._caller.request,
        )
        self._caller.record("exchange_webhook_secret", self._caller.workspace_id)
        return made
