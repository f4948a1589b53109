"""Approved fixes carried out and taken back, each exactly once."""

from .applier import INTERRUPTED, ActorKind, Applier, Propose
from .reversal import restored, same_where_touched

__all__ = [
    "INTERRUPTED",
    "ActorKind",
    "Applier",
    "Propose",
    "restored",
    "same_where_touched",
]
