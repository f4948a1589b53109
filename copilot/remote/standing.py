"""Approvals that an owner signs beforehand, on a server."""

from collections.abc import Sequence

from ..types.standing import StandingApproval, StandingTerms, StandingUse
from .workspace import Workspace


class RemoteStanding:
    """Implements `Standing`."""

    def __init__(self, workspace: Workspace) -> None:
        self._at = workspace.at("standing", missing="standing approval")
        self._signing = workspace.at("standing", missing="workflow")

    def list(self) -> Sequence[StandingApproval]:
        return self._at.many(StandingApproval, self._at.ask("GET"), "standing")

    def create(self, terms: StandingTerms) -> StandingApproval:
        return self._signing.one(StandingApproval, "POST", body=terms.model_dump(mode="json"))

    def revoke(self, standing_id: str) -> StandingApproval:
        return self._at.one(StandingApproval, "POST", standing_id, "revoke")

    def uses(self, standing_id: str) -> Sequence[StandingUse]:
        return self._at.many(StandingUse, self._at.ask("GET", standing_id, "uses"), "uses")
