"""What a workspace knows itself, for one caller."""

from collections.abc import Sequence

from ..types.knowledge import OwnEntry
from ..types.principal import Scope
from .caller import Caller
from .parts import Parts


class LocalKnowledge:
    """Implements `Knowledge`. Storing and removing is noted in the audit with what it changes."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def list(self) -> Sequence[OwnEntry]:
        self._caller.require(Scope.READ)
        return self._parts.knowledge.list(self._caller.workspace_id)

    def get(self, entry_id: str) -> OwnEntry:
        self._caller.require(Scope.READ)
        return self._parts.knowledge.get(self._caller.workspace_id, entry_id)

    def put(self, entry_id: str, content: str) -> OwnEntry:
        self._caller.require(Scope.TUNE)
        return self._parts.knowledge.put(self._caller.principal, entry_id, content)

    def remove(self, entry_id: str) -> None:
        self._caller.require(Scope.TUNE)
        self._parts.knowledge.remove(self._caller.principal, entry_id)
