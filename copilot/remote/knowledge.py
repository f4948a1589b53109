"""What a workspace knows itself, on a server."""

from collections.abc import Sequence

from ..types.knowledge import OwnEntry
from .workspace import Workspace


class RemoteKnowledge:
    """Implements `Knowledge`."""

    def __init__(self, workspace: Workspace) -> None:
        self._entries = workspace.at("knowledge", missing="own entry")

    def list(self) -> Sequence[OwnEntry]:
        return self._entries.many(OwnEntry, self._entries.ask("GET"), "entries")

    def get(self, entry_id: str) -> OwnEntry:
        return self._entries.one(OwnEntry, "GET", entry_id)

    def put(self, entry_id: str, content: str) -> OwnEntry:
        return self._entries.one(OwnEntry, "PUT", entry_id, body={"content": content})

    def remove(self, entry_id: str) -> None:
        self._entries.ask("DELETE", entry_id)
