"""Where explanations and proposals come from: one file each, keyed by its file name.

`offline` needs no model: it makes the rules' hints concrete. Provider packages are imported by the
module that uses them, when it is used.
"""

import sys
from collections.abc import Mapping
from types import ModuleType

from ..registry import discover

__all__ = ["RUNTIMES"]

RUNTIMES: Mapping[str, ModuleType] = discover(sys.modules[__name__])
