"""Where explanations and proposals come from: one file each, keyed by its file name.

`offline` needs no model: it makes the rules' hints concrete. Every other module has

* `CAPABILITIES`, what it can do: 'structured', 'tools', 'stream', 'thinking';
* `missing(settings)`, what is missing until it can be used, in words that say what to do, or None;
* `make(settings)`, which gives its `Runtime`. Provider packages are imported there and not before.

`catalog.yaml` says which models each has.
"""

import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime
from types import ModuleType

from ..registry import discover
from ..settings import Settings
from ..types.account import RuntimeInfo
from ._base import Answer, Request, Runtime, Tool, ToolOutcome, ToolUse, Turn, Usage
from ._catalog import Catalog, Model, load_catalog
from ._choice import OFFLINE, chain, check_runtimes, default_model
from ._failures import FailureKind, ModelFailure
from ._listing import Measured, list_runtimes
from ._prices import KnownModel, about_tokens, cost_usd, known_model, most_cost_usd, prices_of
from ._tokens import counter as token_counter

__all__ = [
    "OFFLINE",
    "RUNTIMES",
    "Answer",
    "Catalog",
    "FailureKind",
    "KnownModel",
    "Measured",
    "Model",
    "ModelFailure",
    "Request",
    "Runtime",
    "Tool",
    "ToolOutcome",
    "ToolUse",
    "Turn",
    "Usage",
    "about_tokens",
    "chain",
    "check",
    "cost_usd",
    "default_model",
    "known_model",
    "load_catalog",
    "most_cost_usd",
    "prices_of",
    "runtimes",
    "token_counter",
]

RUNTIMES: Mapping[str, ModuleType] = discover(sys.modules[__name__])


def runtimes(settings: Settings, measured: Measured | None = None) -> tuple[RuntimeInfo, ...]:
    """Every runtime of this installation: those that are asked, in turn, the rules, the others.

    *measured* tells how one has done so far. No provider's package is imported for it.
    """
    return list_runtimes(settings, load_catalog(), RUNTIMES, today=_today(), measured=measured)


def check(
    settings: Settings, catalog: Catalog | None = None, *, today: date | None = None
) -> tuple[str, ...]:
    """What to tell when the process starts: models in use that retire soon, or have retired.

    Raises InvalidInput naming ASK_COPILOT_RUNTIMES for a runtime that is not there, with the close
    names, and for one that can't be used, with what it lacks.
    """
    return check_runtimes(settings, catalog or load_catalog(), RUNTIMES, today=today or _today())


def _today() -> date:
    return datetime.now(UTC).date()
