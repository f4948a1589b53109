"""Where a change that has begun is brought to: the target, or where deeds are done."""

from ...errors import ApprovalRefused
from ...ports import Deeds, Target
from ...snapshot import Snapshot
from ...storage.changes import ChangeRecord


class Carrier:
    """Brings a change to the target and a deed to `deeds`; both remember change ids."""

    def __init__(self, target: Target, deeds: Deeds | None) -> None:
        self._target = target
        self._deeds = deeds

    def require(self, decided: Snapshot) -> None:
        """Raises ApprovalRefused where nobody could carry it out."""
        if decided.deed is not None:
            self._doing()

    def carry_out(self, record: ChangeRecord) -> int:
        """Gives the version. Raises StaleBase, and NotReversible for a deed that is gone."""
        change, after = record.change, record.after
        if after.deed is None:
            return self._target.apply(change.change_id, base=record.before, changed=after)
        if change.reverses is not None:
            return self._doing().take_back(change.change_id, change.reverses, after)
        return self._doing().carry_out(change.change_id, after, actor=change.actor)

    def applied_version(self, record: ChangeRecord) -> int | None:
        """The version it made or was done at, None if it never got there."""
        change_id = record.change.change_id
        if record.after.deed is None:
            return self._target.applied_version(change_id)
        return self._doing().done_at(change_id)

    def _doing(self) -> Deeds:
        if self._deeds is None:
            raise ApprovalRefused("nothing here carries out actions.")
        return self._deeds
