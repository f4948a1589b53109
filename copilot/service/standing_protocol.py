"""The use cases about approvals that an owner signs beforehand; see `protocol.py`."""

from collections.abc import Sequence
from typing import Protocol

from ..types.standing import StandingApproval, StandingTerms, StandingUse


class Standing(Protocol):
    """Approvals of fixes to come, within what an owner has signed."""

    def list(self) -> Sequence[StandingApproval]:
        """All, the newest first, with those that have ended."""
        ...

    def create(self, terms: StandingTerms) -> StandingApproval:
        """Sign *terms*, as an owner in person.

        Raises UnknownName for a fix type that there is not, InvalidInput for terms that go too
        far, and NotFound for an unknown workflow.
        """
        ...

    def revoke(self, standing_id: str) -> StandingApproval:
        """From now on nothing begins under it; what has been applied stays."""
        ...

    def uses(self, standing_id: str) -> Sequence[StandingUse]:
        """Each fix that it has approved, with its change, the newest first."""
        ...
