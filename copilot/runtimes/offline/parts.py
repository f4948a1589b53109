"""A list that is too long for one question, asked about part by part."""

from collections.abc import Iterator

from pydantic import JsonValue

from ...definitions import PlacedStep, spelled, steps
from .scene import Scene, shown
from .suggestion import Suggestion, suggestion

#: Actions that give a list, whatever they are given.
_LISTS = frozenset({"read_sheet", "filter_rows"})
#: For how many items a loop is offered where nobody knows how many there are.
USUAL = 200
MOST = 500


def split_lists(scene: Scene) -> Iterator[Suggestion]:
    """For every whole list in the failed agent's prompt: a loop that asks about each item of it."""
    step = scene.step
    if step is None or step.type != "agent":
        return
    prompt = step.data.get("prompt")
    read = spelled(prompt).references if isinstance(prompt, str) else ()
    sources = {other.id: other for other in steps(scene.snapshot.definition)}
    for name in dict.fromkeys(reference.strip() for reference in read):
        source = sources.get(name)
        if source is None or not _gives_a_list(source):
            continue
        most = _most(source)
        data: dict[str, JsonValue] = {
            "type": "split_step",
            "step": step.id,
            "list": name,
            "most": most,
        }
        description = (
            f"Ask step {shown(step.title)} about every item of {shown(source.title)} by itself, at"
            f" most {most}, and then about what came of them"
        )
        if found := suggestion(scene, data, description, best=True):
            yield found


def _gives_a_list(step: PlacedStep) -> bool:
    if step.type == "loop":
        return step.data.get("output", "all") == "all"
    if step.data.get("processors") or step.data.get("fallback"):
        return False
    return step.action in _LISTS or (
        step.action == "render_template" and step.parameters.get("rows") is not None
    )


def _most(source: PlacedStep) -> int:
    """How many items the list can have at the most, as far as the definition says."""
    for bound in (source.parameters.get("max_rows"), source.data.get("max_iterations")):
        if type(bound) is int:
            return min(bound, MOST)
    return USUAL
