"""Whether a fix can be taken back: nothing that was edited, is in use or has to stay may be lost."""

from collections.abc import Callable, Sequence

from ...errors import EditedMeanwhile
from ...ports import Target
from ...snapshot import Snapshot
from ...storage.changes import ChangeRecord
from .merging import EditedSince
from .refusals import would_break
from .reversal import restored, touched_resources
from .usage import used_elsewhere

Diff = Callable[[Snapshot, Snapshot], str]


def without_fix(
    original: ChangeRecord, current: Snapshot, *, target: Target, diff: Diff
) -> Snapshot:
    """*current* without the fix, which can be stored as far as the target knows.

    Raises EditedMeanwhile when it was edited where the fix had touched it, when something else uses
    what the fix has made, or when it would not be valid.
    """
    try:
        after = restored(original, current)
    except EditedSince as edited:
        raise refusal(original, current, diff, *edited.args) from None
    _require_unused(original, current, after, target)
    if problems := _new_problems(current, after, target):
        raise refusal(original, current, diff, would_break(problems))
    return after


def refusal(
    original: ChangeRecord, current: Snapshot, diff: Diff, why: str = ""
) -> EditedMeanwhile:
    """The diff shows what was edited since the fix."""
    edits = diff(original.after, current)
    return EditedMeanwhile(_made(original), current.version, edits, why)


def _require_unused(
    original: ChangeRecord, current: Snapshot, after: Snapshot, target: Target
) -> None:
    """What going back takes away must not be in use where the fix was not made for it."""
    if not touched_resources(current, after):
        return
    why = used_elsewhere(original, current, after, target.definitions(current.workspace_id))
    if why is not None:
        raise EditedMeanwhile(_made(original), current.version, "", why)


def _new_problems(current: Snapshot, after: Snapshot, target: Target) -> Sequence[str]:
    """What *current* has wrong with it already is not the reversal's doing."""
    found = target.problems(after)
    known = frozenset(target.problems(current)) if found else frozenset[str]()
    return [problem for problem in found if problem not in known]


def _made(original: ChangeRecord) -> int:
    return original.change.version or original.after.version
