"""What can be done instead of a step that has failed for good."""

from collections.abc import Iterator

from pydantic import JsonValue

from ...definitions import spelled, steps, upstream
from ...fixes.add_fallback import models_named
from .scene import Scene, shown
from .suggestion import Suggestion, suggestion

#: Steps from which something goes out to people or systems: no made-up words for those.
_OUTWARD = frozenset({"send_email", "http_request"})
_MOST = 2
_WORDS = "No answer: this step did not work."


def other_name(scene: Scene) -> Iterator[Suggestion]:
    """A name that exists, for times when the one a step is handed by another does not."""
    missing = scene.missing
    if missing is None or not _is_handed(scene, missing.kind):
        return
    if missing.name in str(scene.snapshot.definition.get("instructions", "")):
        return  # agents can be told to take another there: that is nearer to the cause
    known = tuple(scene.templates) if missing.kind == "template" else ()
    for rank, name in enumerate(scene.close_to(missing, known)[:_MOST]):
        data = {"parameter": missing.kind, "value": name}
        description = (
            f"Use the {missing.kind} {shown(name)} whenever the one that another step names, such"
            f" as {shown(missing.name)}, is missing"
        )
        yield from _offered(scene, data, description, best=rank == 0)


def _is_handed(scene: Scene, parameter: str) -> bool:
    """Whether another step says what this parameter is: then nothing here can be put right."""
    value = scene.parameter(parameter)
    return isinstance(value, str) and bool(spelled(value).references)


def other_model(scene: Scene) -> Iterator[Suggestion]:
    """A model that another step of the workflow asks already, for an agent."""
    if scene.step is None or scene.step.type != "agent":
        return
    for model in models_named(scene.snapshot)[:_MOST]:
        description = (
            f"Ask the model {shown(model)}, as another step does, when step"
            f" {shown(scene.step.title)} fails"
        )
        yield from _offered(scene, {"model": model}, description, best=True)


def plain_words(scene: Scene) -> Iterator[Suggestion]:
    """Fixed words in place of an agent's answer, where they reach nobody outside."""
    step = scene.step
    if step is None or step.type != "agent" or _goes_out(scene):
        return
    description = (
        f'Go on with the words "{_WORDS}" when step {shown(step.title)} fails; later steps read'
        " them in place of its answer"
    )
    yield from _offered(scene, {"words": _WORDS}, description, best=False)


def _offered(
    scene: Scene, fields: dict[str, str], description: str, *, best: bool
) -> Iterator[Suggestion]:
    data: dict[str, JsonValue] = {
        "type": "add_fallback",
        "step": scene.step.id if scene.step else "",
        **fields,
    }
    if found := suggestion(scene, data, description, best=best):
        yield found


def _goes_out(scene: Scene) -> bool:
    """Whether what the failed step gives gets into a step that reaches somebody."""
    definition = scene.snapshot.definition
    return any(
        scene.step is not None and scene.step.id in upstream(definition, other)
        for other in steps(definition)
        if other.action in _OUTWARD
    )
