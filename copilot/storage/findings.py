"""What one run says about one change, and how that is kept."""

from dataclasses import dataclass
from enum import StrEnum


class Finding(StrEnum):
    """What one run says about a change.

    carried: it met its limit again only because of what it had used before it was resumed.
    edited: it had a workflow in which what the change touched is not as the change left it.
    """

    PASSED = "passed"
    REGRESSED = "regressed"
    UNREACHED = "unreached"
    UNDECIDED = "undecided"
    CARRIED = "carried"
    EDITED = "edited"


@dataclass(frozen=True, slots=True)
class Edit:
    """Somebody has edited what a change touched, so that no later run speaks of it.

    version: since which the workflow has it; None for an edit of a template or the like, which
    makes no version.
    """

    version: int | None = None
