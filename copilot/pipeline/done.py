"""What a fix has changed that nobody was asked about, told with the report that it is done."""

from ..storage.changes import ChangeRecord
from ..types import AlreadyFixed
from .plain import plain
from .preview import unified_diff
from .sanitize import one_line

#: Of what a fix has changed; the others are counted, and all are in its diff.
MOST_CHANGES_TOLD = 2
_LONGEST = 700


def with_what_changed(fixed: AlreadyFixed, made: ChangeRecord, stands: str) -> AlreadyFixed:
    """*fixed* with what nobody was asked about, in its words too, and how it *stands* after that."""
    told = plain(made.before, made.after)
    more = len(told) - MOST_CHANGES_TOLD
    rest = f" And {more} more, in the diff." if more > 0 else ""
    changed = f"Changed: {one_line(' '.join(told[:MOST_CHANGES_TOLD]), limit=_LONGEST)}{rest}"
    return fixed.model_copy(
        update={
            "words": f"{fixed.words} {changed} {stands}",
            "changed": told,
            "diff": unified_diff(made.before, made.after),
        }
    )
