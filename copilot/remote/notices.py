"""What people were told, on a server."""

from collections.abc import Sequence

from ..types.notice import NoticeEntry, WebhookSecret
from ..types.page import Page
from .workspace import Workspace


class RemoteNotices:
    """Implements `Notices`."""

    def __init__(self, workspace: Workspace) -> None:
        self._notices = workspace.at("notices", missing="workspace")

    def list(self, *, cursor: str | None = None, limit: int = 50) -> Page[NoticeEntry]:
        wanted = {"cursor": cursor, "limit": limit}
        return self._notices.one(Page[NoticeEntry], "GET", params=wanted)

    def test(self) -> Sequence[NoticeEntry]:
        return self._notices.many(NoticeEntry, self._notices.ask("POST", "test"), "notices")

    def secret(self) -> WebhookSecret:
        return self._notices.one(WebhookSecret, "POST", "secret")
