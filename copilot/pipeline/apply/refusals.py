"""When an approval is of no use, and when a fix can't be taken back: in words."""

from collections.abc import Sequence
from datetime import datetime

from ...errors import ApprovalRefused, NotReversible, StaleBase
from ...policy import Policy
from ...types import Approval, ApprovalState, Change, ChangeState, Preview

_MOST_NAMED = 3


def usable(approval: Approval | None, *, at: datetime) -> Approval:
    """*approval* when it can be used at this moment. Raises ApprovalRefused."""
    if approval is None:
        raise ApprovalRefused("nobody has approved it.")
    if approval.used:
        raise already_used(approval.used_by)
    if at >= approval.expires_at:
        raise ApprovalRefused("the approval has expired. Look at the diff and approve again.")
    if approval.state is ApprovalState.PENDING:
        raise ApprovalRefused.by_another(f"it waits for {approval.missing}.")
    return approval


def require_same_diff(approval: Approval, preview: Preview) -> None:
    if approval.digest == preview.digest:
        return
    if approval.fix_id == preview.fix_id and approval.base_digest != preview.base_digest:
        raise StaleBase(approval.base_version, preview.base_version, preview.diff)
    raise ApprovalRefused("the approval is for another diff.")


def require_second(approval: Approval, preview: Preview, policy: Policy) -> None:
    """What was approved before the workspace asked for two people is no longer enough."""
    if preview.fix_type in policy.second_person_types and approval.second_actor is None:
        raise ApprovalRefused("two people have to approve it by now. Approve it again.")


def require_reversible(change: Change) -> None:
    if change.reverses is not None:
        raise NotReversible(f"this is itself the {change.kind} of a fix.")
    if change.state in {ChangeState.UNDONE, ChangeState.REVERTED}:
        raise NotReversible(f"this fix was {change.state} already.")
    if change.state is not ChangeState.APPLIED:
        raise NotReversible(f"this fix was not applied, it is {change.state}.")


def already_used(change_id: str | None = None) -> ApprovalRefused:
    """change_id: of the change that has used it, where that is known."""
    by = "" if change_id is None else f", for {change_id}"
    return ApprovalRefused(f"the approval was used already{by}.")


def not_valid(problems: Sequence[str]) -> str:
    return f"the workflow would not be valid: {_listed(problems)}"


def would_break(problems: Sequence[str]) -> str:
    """Why a fix can't be taken back, by what would be wrong with the workflow without it."""
    return (
        f"Without the fix the workflow would not be valid: {_listed(problems)}. So nothing was taken "
        "back. Change that in the workflow first, or leave the fix in place."
    )


def _listed(problems: Sequence[str]) -> str:
    return "; ".join(problems[:_MOST_NAMED])
