"""The use cases before a run; a part of `protocol`."""

from collections.abc import Mapping
from typing import Any, Protocol

from ..types.suggestion import SuggestionDismissal, Suggestions


class Optimizer(Protocol):
    """What could be better about a definition, each suggestion with what says so."""

    def optimize(
        self, definition: str | Mapping[str, Any], *, workflow_id: str | None = None
    ) -> Suggestions:
        """About a definition that is being written: a suggestion brings it along as changed.

        *workflow_id*: of which workflow it is to be the next version, so that its failures and
        dismissals count. Raises InvalidDefinition, and NotFound for an unknown workflow.
        """
        ...

    def suggestions(self, workflow_id: str) -> Suggestions:
        """About the newest version of a workflow: a suggestion has a fix to approve and apply."""
        ...

    def dismiss(
        self, workflow_id: str, suggestion_id: str, *, reason: str = ""
    ) -> SuggestionDismissal:
        """Tell it no more until what it is about has grown by a half.

        Raises NotFound for what is not suggested about this workflow.
        """
        ...
