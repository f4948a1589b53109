"""All suggestions about one definition, the most pressing first."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from ..types.insight import FailureGroup
from ..types.outlook import Outlook
from .budget import suggest_budget
from .documents import suggest_binding
from .draft import Draft, FailureNearby
from .patterns import suggest_nearby, suggest_own, suggest_shape
from .prompts import suggest_prompts
from .runtimes import Reachable, suggest_runtime

_ORDER = ("high", "medium", "low")
#: How much of what was dismissed there must be until it is told again.
GROWN = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Experience:
    """What the copilot has seen: this workflow's failures, those of similar ones, and
    which runtimes and models can be asked here."""

    groups: Sequence[FailureGroup] = ()
    nearby: Sequence[FailureNearby] = ()
    reachable: Reachable = field(default_factory=dict[str, Literal["runtime", "model"]])


def drafts_for(outlook: Outlook, seen: Experience) -> tuple[Draft, ...]:
    """Those of one severity in the order documents, budget, runtime, pattern, prompt."""
    found = (
        *suggest_binding(outlook),
        *suggest_budget(outlook),
        *suggest_runtime(outlook, seen.reachable),
        *suggest_own(seen.groups),
        *suggest_nearby(seen.groups, seen.nearby),
        *suggest_shape(outlook),
        *suggest_prompts(outlook),
    )
    return tuple(sorted(found, key=lambda draft: _ORDER.index(draft.severity)))


def is_grown(draft: Draft, dismissed: float) -> bool:
    """Whether there is a half more of it than when it was dismissed."""
    return draft.weight >= dismissed * GROWN
