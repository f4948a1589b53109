"""How far a fix may go in putting a reference (`{{ step1.emails }}`) right."""

import re

from ..definitions import root_of, spelled
from ..names import is_slip

#: Parameters whose rows say themselves who receives them.
ADDRESSED = frozenset({"message", "messages"})
_CONFIDENTIAL = re.compile(
    r"secret|token|passw|credential|cookie|authori[sz]ation|(?:api|access|private)[_-]?key",
    re.IGNORECASE,
)
_PART = re.compile(r"[^\s.\[\]\"]+")


def is_confidential(reference: str) -> bool:
    """Whether its names speak of something that no message and no prompt is to hold."""
    return _CONFIDENTIAL.search(reference) is not None


def problem_with_correction(
    old: str, new: str, *, roots: frozenset[str], destination: bool, addressed: bool
) -> str | None:
    """Why *new* is no correction of the references in *old*, None when it is one.

    Only references may differ; they stay as many, and each begins where the old one did or with
    one of *roots*. In a *destination* it has to begin there and be spelt alike: an error in a
    name can be put right, a message can't be sent to somebody else. Where rows are *addressed* they
    stay the same step's, whose name alone can be put right.
    """
    before, after = spelled(old), spelled(new)
    if before.literals != after.literals or len(before.references) != len(after.references):
        return "only the names in its references may change"
    for one, two in zip(before.references, after.references, strict=True):
        if one == two:
            continue
        root = root_of(two)
        if root is None:
            return f"{{{{{two}}}}} is no valid reference"
        if root != root_of(one) and root not in roots:
            return f"no step before this one is called {root!r}"
        if is_confidential(two) and not (is_confidential(one) or _is_slip(one, two)):
            return f"{two.strip()} names something confidential"
        if destination and not _is_slip(one, two):
            return "it says who receives something, so only a misspelt name may be put right"
        if addressed and not _is_same_or_misspelt(root_of(one), root, roots):
            return "these rows say who receives something, so they stay the same step's"
    return None


def _is_same_or_misspelt(one: str | None, two: str, roots: frozenset[str]) -> bool:
    return one == two or (one is not None and one not in roots and is_slip(one, two))


def _is_slip(one: str, two: str) -> bool:
    """Whether both begin at the same step and go as deep, by names that are spelt alike."""
    parts, others = _PART.findall(one), _PART.findall(two)
    pairs = zip(parts, others, strict=False)
    alike = (left == right or is_slip(left, right) for left, right in pairs)
    return len(parts) == len(others) and parts[:1] == others[:1] and all(alike)
