"""Repeated failures: whether there is one, where it stands, and what it has in common with others.

The window of the last failed runs says whether there is one (`window`); stored facts say how it
lives (`life`, moved on by `observe` when runs have ended), in which rhythm it comes (`rhythm`), what
it cost (`impact`), and which other workflows have it (`elsewhere`). Nothing here reads more than a
fixed number of rows, whatever the history.
"""

from .advice import ADVICE
from .elsewhere import find_elsewhere
from .impact import sum_up
from .life import dismiss, reopen, stand_with
from .observe import Thresholds, observe
from .rhythm import rhythm_of
from .window import detect

__all__ = [
    "ADVICE",
    "Thresholds",
    "detect",
    "dismiss",
    "find_elsewhere",
    "observe",
    "reopen",
    "rhythm_of",
    "stand_with",
    "sum_up",
]
