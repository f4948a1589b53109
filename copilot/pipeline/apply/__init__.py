"""Approved fixes carried out and taken back, each exactly once."""

from .applier import ActorKind, Applier, Propose
from .edits import Edits
from .reversal import is_as_left, restored, touched_resources
from .settling import INTERRUPTED, RECONCILER

__all__ = [
    "INTERRUPTED",
    "RECONCILER",
    "ActorKind",
    "Applier",
    "Edits",
    "Propose",
    "is_as_left",
    "restored",
    "touched_resources",
]
