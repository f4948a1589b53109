"""The use cases about groups of failures; see `protocol.py`."""

from collections.abc import Sequence
from typing import Protocol

from ..types.group import GroupDetail, GroupRule, GroupSummary


class Groups(Protocol):
    """Which failures are one kind. *signature* may be any of a group's."""

    def list(self, *, limit: int = 50) -> Sequence[GroupSummary]:
        """Those among the newest failed runs, the most frequent first."""
        ...

    def get(self, signature: str) -> GroupDetail:
        """With the reasons: what its failures share, what was merged, what people said."""
        ...

    def split(self, signature: str, other: str, *, reason: str = "") -> GroupRule:
        """Keep two signatures apart for good. Raises RuleConflict."""
        ...

    def merge(self, signature: str, other: str, *, reason: str = "") -> GroupRule:
        """Have two signatures be one group for good. Raises RuleConflict."""
        ...

    def ignore(self, signature: str, *, reason: str = "") -> GroupRule:
        """Let the group count in no pattern and no nightly pass."""
        ...

    def unignore(self, signature: str) -> GroupDetail: ...

    def forget(self, rule_id: str) -> None:
        """Take a rule back; what is found automatically counts again."""
        ...
