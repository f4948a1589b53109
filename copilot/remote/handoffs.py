"""Giving a fix to somebody else, on a server."""

from ..types.handoff import FixPatch, HandOff
from .workspace import Workspace


class RemoteHandOffs:
    """Implements `HandOffs`."""

    def __init__(self, workspace: Workspace) -> None:
        self._fixes = workspace.at("fixes", missing="fix")

    def patch(self, fix_id: str, *, path: str, content: str) -> FixPatch:
        body = {"path": path, "content": content}
        return self._fixes.one(FixPatch, "POST", fix_id, "patch", body=body)

    def handoff(self, subject: str) -> HandOff:
        return self._fixes.one(HandOff, "GET", subject, "handoff")
