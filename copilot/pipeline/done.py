"""What a fix has changed that nobody was asked about, told with the report that it is done."""

from ..plain import in_brief, plain
from ..storage.changes import ChangeRecord
from ..types import AlreadyFixed
from .preview import unified_diff
from .sanitize import one_line

_LONGEST = 700


def with_what_changed(fixed: AlreadyFixed, made: ChangeRecord, stands: str) -> AlreadyFixed:
    """*fixed* with what nobody was asked about, in its words too, and how it *stands* after that."""
    told = plain(made.before, made.after)
    first, rest = in_brief(told)
    changed = f"Changed: {one_line(first, limit=_LONGEST)}{rest}"
    return fixed.model_copy(
        update={
            "words": f"{fixed.words} {changed} {stands}",
            "changed": told,
            "diff": unified_diff(made.before, made.after),
        }
    )
