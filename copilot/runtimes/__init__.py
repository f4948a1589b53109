"""Where explanations and proposals come from: one file each, keyed by its file name.

`offline` needs no model: it makes the rules' hints concrete. Provider packages are imported by the
module that uses them, when it is used.
"""

import sys
from collections.abc import Mapping
from types import ModuleType

from ..registry import discover
from ..types.account import RuntimeInfo
from ._prices import KnownModel, about_tokens, known_model

__all__ = ["RUNTIMES", "KnownModel", "about_tokens", "known_model", "runtimes"]

RUNTIMES: Mapping[str, ModuleType] = discover(sys.modules[__name__])


def runtimes() -> tuple[RuntimeInfo, ...]:
    """Every runtime of this installation, by name, with its models and whether it can be used."""
    return tuple(module.describe() for _, module in sorted(RUNTIMES.items()))
