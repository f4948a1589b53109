"""Suggestions before a run, asked of a server."""

from collections.abc import Mapping
from typing import Any

from ..types.suggestion import SuggestionDismissal, Suggestions
from .engine import missing
from .workspace import Workspace


class RemoteOptimizer:
    """Implements `Optimizer`."""

    def __init__(self, workspace: Workspace) -> None:
        self._workflows = workspace.at("workflows", missing=missing("workflow"))
        self._suggestions = workspace.at("workflows", missing="suggestion")

    def optimize(
        self, definition: str | Mapping[str, Any], *, workflow_id: str | None = None
    ) -> Suggestions:
        body: dict[str, Any] = {"definition": definition}
        if workflow_id is not None:
            body["workflow_id"] = workflow_id
        return self._workflows.one(Suggestions, "POST", "optimize", body=body)

    def suggestions(self, workflow_id: str) -> Suggestions:
        return self._workflows.one(Suggestions, "GET", workflow_id, "optimize")

    def dismiss(
        self, workflow_id: str, suggestion_id: str, *, reason: str = ""
    ) -> SuggestionDismissal:
        place = (workflow_id, "suggestions", suggestion_id, "dismiss")
        return self._suggestions.one(SuggestionDismissal, "POST", *place, body={"reason": reason})
