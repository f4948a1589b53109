"""Which failures are one kind, and rules about it, on a server."""

from collections.abc import Sequence

from ..types.group import GroupDetail, GroupRule, GroupSummary
from .workspace import Workspace


class RemoteGroups:
    """Implements `Groups`."""

    def __init__(self, workspace: Workspace) -> None:
        self._groups = workspace.at("groups", missing="group")
        self._rules = workspace.at("groups", "rules", missing="rule")

    def list(self, *, limit: int = 50) -> Sequence[GroupSummary]:
        data = self._groups.ask("GET", params={"limit": limit})
        return self._groups.many(GroupSummary, data, "groups")

    def get(self, signature: str) -> GroupDetail:
        return self._groups.one(GroupDetail, "GET", signature)

    def split(self, signature: str, other: str, *, reason: str = "") -> GroupRule:
        body = {"other": other, "reason": reason}
        return self._groups.one(GroupRule, "POST", signature, "split", body=body)

    def merge(self, signature: str, other: str, *, reason: str = "") -> GroupRule:
        body = {"other": other, "reason": reason}
        return self._groups.one(GroupRule, "POST", signature, "merge", body=body)

    def ignore(self, signature: str, *, reason: str = "") -> GroupRule:
        return self._groups.one(GroupRule, "POST", signature, "ignore", body={"reason": reason})

    def unignore(self, signature: str) -> GroupDetail:
        return self._groups.one(GroupDetail, "POST", signature, "unignore")

    def forget(self, rule_id: str) -> None:
        self._rules.ask("DELETE", rule_id)
