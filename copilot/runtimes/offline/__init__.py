"""The runtime without a model: the rules' hints, made concrete wherever the facts allow it.

It never invents a name: every value it writes comes from the error's own facts, from the workspace
or from the definition.
"""

from collections.abc import Iterator, Mapping, Sequence

from ...fixes import Ceilings, Fix
from ...ports import WorkspaceContext
from ...snapshot import Snapshot
from ...types import Diagnosis, Failure
from ...types.account import RuntimeInfo
from .remaining import in_words
from .repairs import repairs
from .scene import Scene
from .suggestion import Suggestion

__all__ = ["MOST_SUGGESTIONS", "Suggestion", "describe", "propose"]

MOST_SUGGESTIONS = 8
NOTHING_MORE = Ceilings()


def describe() -> RuntimeInfo:
    """It is always there and asks nobody."""
    return RuntimeInfo(
        name="offline",
        available=True,
        configured=True,
        note="The rules. They answer when no model does, and send nothing anywhere.",
        capabilities=("explain", "propose_fixes"),
    )


def propose(
    diagnosis: Diagnosis,
    failure: Failure,
    *,
    snapshot: Snapshot | None,
    context: WorkspaceContext,
    output_names: Mapping[str, Sequence[str]],
    ceilings: Ceilings = NOTHING_MORE,
) -> tuple[Suggestion, ...]:
    """What can be done about *failure*, best first.

    A suggestion with a fix fits *snapshot* and changes something there; one without says in words
    what a person can do. A hint that became a fix is not repeated in words. Without a snapshot,
    for sources that have no definition, only words are left. ceilings: how far a fix may raise
    something there, and which models can be asked.
    """
    scene = None
    if snapshot:
        scene = Scene(diagnosis, failure, snapshot, context, output_names, ceilings)
    concrete = _distinct(repairs(scene)) if scene else ()
    return (*concrete, *in_words(diagnosis, scene, concrete))[:MOST_SUGGESTIONS]


def _distinct(suggestions: Iterator[Suggestion]) -> tuple[Suggestion, ...]:
    """Each fix once, in the order given."""
    found: dict[Fix | None, Suggestion] = {}
    for suggestion in suggestions:
        found.setdefault(suggestion.fix, suggestion)
    return tuple(found.values())
