"""Another model where the one that a step asks is not there: its successor, or the name that was meant."""

from collections.abc import Iterator

from pydantic import JsonValue

from ...errors import UnknownName
from ...fixes import asked_by
from ...names import candidates, is_slip
from .._catalog import load_catalog
from .scene import Scene, shown
from .suggestion import Suggestion, suggestion


def switched(scene: Scene) -> Iterator[Suggestion]:
    """The failed step asks the successor that this installation has, at the same place."""
    step = scene.step
    if step is None or step.type != "agent":
        return
    runtime, model = _refused(scene)
    if model is None:
        return
    for own_runtime, own_model, reason in _instead(scene, runtime, model):
        data: dict[str, JsonValue] = {
            "type": "switch_runtime",
            "step": step.id,
            "model": own_model,
        }
        if asked_by(scene.snapshot, step.data)[0] not in (None, own_runtime):
            data["runtime"] = own_runtime
        description = f"Let step {shown(step.title)} ask {shown(own_model)} instead of {shown(model)}, {reason}"
        corrects = is_slip(model, own_model)
        found = suggestion(scene, data, description, best=True, corrects=corrects)
        if found is not None:
            yield found
            return


def _refused(scene: Scene) -> tuple[str | None, str | None]:
    """Runtime and model that were asked: by the error's facts, else by what the step names."""
    details, step = scene.failure.error.details, scene.step
    runtime, model = asked_by(scene.snapshot, step.data) if step else (None, None)
    told = details.get("runtime"), details.get("model") or details.get("name")
    return (
        told[0] if isinstance(told[0], str) else runtime,
        told[1] if isinstance(told[1], str) else model,
    )


def _instead(scene: Scene, runtime: str | None, model: str) -> Iterator[tuple[str, str, str]]:
    """Runtime, model and why: only of those that can be asked here."""
    usable = sorted(scene.ceilings.models)
    for own in dict.fromkeys(name for name, _ in usable):
        if runtime in (None, own):
            for after in _successors(own, model):
                if (own, after) in scene.ceilings.models:
                    yield own, after, "which takes its place"
    here = [(own, name) for own, name in usable if runtime in (None, own)]
    close = candidates(model, [name for _, name in here], most=1)
    for own, name in here:
        if name in close and is_slip(model, name) and name != model:
            yield own, name, "which is spelled almost the same"


def _successors(runtime: str, model: str) -> Iterator[str]:
    """Those that follow *model*, in turn; none for one that the catalog does not list."""
    catalog = load_catalog()
    try:
        found = catalog.find(runtime, model)
    except UnknownName:
        return
    while (after := catalog.successor(found)) is not None:
        yield after.id
        found = after
