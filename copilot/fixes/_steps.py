"""Finding and changing one step of a workflow, as the types that change a step's settings do."""

from typing import Annotated, TypeAlias

from pydantic import Field, JsonValue

from ..definitions import PlacedStep, Pointer, look_up, put, steps
from ..snapshot import Snapshot
from ._base import Change

Id: TypeAlias = Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]

WORKING = frozenset({"tool", "agent"})
#: Actions that can be done twice, as the engine says; of others nobody knows here.
REPEATABLE_ACTIONS = frozenset({"read_sheet", "filter_rows", "render_template", "write_file"})
_READING_METHODS = frozenset({"GET", "HEAD"})


def step_called(fix: Change, snapshot: Snapshot, own_id: str) -> PlacedStep:
    """The step *own_id*. Raises `InvalidFix` where there is none or more than one."""
    found = [step for step in steps(snapshot.definition) if step.id == own_id]
    if len(found) != 1:
        raise fix.refuse(f"this workflow has {'more than one' if found else 'no'} step {own_id!r}.")
    return found[0]


def title_of(snapshot: Snapshot, own_id: str) -> str:
    """What people call the step *own_id*."""
    titles = (step.title for step in steps(snapshot.definition) if step.id == own_id)
    return next(titles, own_id)


def is_repeatable(step: PlacedStep) -> bool:
    """Whether doing *step* twice does no more than once; in doubt it does.

    What the step says counts first, then its action. An agent's tools announce their effects
    themselves, so it is tried again only while there were none.
    """
    declared = step.data.get("repeatable")
    if isinstance(declared, bool):
        return declared
    if step.type == "agent":
        return True
    if step.type == "tool" and step.action == "http_request":
        method = step.parameters.get("method", "GET")
        return isinstance(method, str) and method in _READING_METHODS
    return step.type == "tool" and step.action in REPEATABLE_ACTIONS


def written(snapshot: Snapshot, pointer: Pointer, value: JsonValue) -> Snapshot:
    """*snapshot* with *value* at *pointer*, whose last part need not be there yet.

    Raises LookupError when what it stands in is no object.
    """
    *above, key = pointer
    holder = look_up(snapshot.definition, above)
    if not isinstance(holder, dict):
        raise LookupError(key)
    changed = {**holder, key: value}
    definition = put(snapshot.definition, above, changed) if above else changed
    return snapshot.evolve(definition=definition)
