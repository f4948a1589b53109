"""Repairs the rules can work out by themselves: from a failure's facts to concrete fixes."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from pydantic import JsonValue

from ...definitions import Pointer, spell, spelled
from ...names import MissingName, candidates, close_names, is_slip, words_of
from ...types import RootCause
from .bindings import bound_documents
from .fallbacks import other_model, other_name, plain_words
from .limits import lowered_limits
from .limits_raised import higher_bound, more_budget, more_time
from .mapping import mapped_outputs, mapped_values
from .parts import split_lists
from .retrying import retried
from .scene import Scene, shown
from .skipping import skipping
from .suggestion import Suggestion, suggestion
from .switching import switched
from .wording import draft

_NOUNS = {"range": "named range", "custom_field": "custom field"}


Repair: TypeAlias = Callable[[Scene], Iterator[Suggestion]]


def repairs(scene: Scene) -> Iterator[Suggestion]:
    """Every concrete repair for this root cause, the likeliest first."""
    for repair in _REPAIRS.get(scene.diagnosis.root_cause, ()):
        yield from repair(scene)


def _template_repairs(scene: Scene) -> Iterator[Suggestion]:
    """A misspelt name is put right; a template that was never made is made."""
    missing = scene.missing
    if missing is None:
        return
    names = tuple(scene.templates)
    others = list(_other_names(scene, missing, names))
    created = _created(scene, missing.name)
    close = scene.close_to(missing, names)
    misspelt = bool(close) and is_slip(missing.name, close[0])
    yield from others if misspelt and others else [*created, *others]
    if close and scene.follows_instructions:
        yield from _fallback_line(scene, missing.name, close[0])


def _fallback_line(scene: Scene, name: str, other: str) -> Iterator[Suggestion]:
    """What an agent is to do when the template is not there."""
    line = f"If the template '{name}' is missing, use the template '{other}'."
    data: dict[str, JsonValue] = {"type": "update_instructions", "add": line}
    if found := suggestion(scene, data, f'Add to the instructions: "{line}"', best=False):
        yield found


def _created(scene: Scene, name: str) -> Iterator[Suggestion]:
    drafted = draft(scene, name)
    if drafted is None:
        return
    fix, origin = drafted
    description = f"Create the template {shown(name)}{origin}"
    found = suggestion(scene, fix.model_dump(mode="json"), description, best=True)
    if found is not None:
        yield found


def _field_names(scene: Scene) -> tuple[str, ...]:
    others = (field.key for field in scene.context.custom_fields)
    return tuple(dict.fromkeys((*scene.snapshot.resources.get("custom_field", {}), *others)))


def _name_repairs(scene: Scene) -> Iterator[Suggestion]:
    if scene.missing is not None:
        yield from _other_names(scene, scene.missing, ())


def _field_repairs(scene: Scene) -> Iterator[Suggestion]:
    missing = scene.missing
    if missing is not None:
        yield from _other_names(scene, missing, _field_names(scene))
        yield from _placeholders(scene, missing)
        yield from _placeholders_of_template(scene, missing)
        yield from _references(scene, missing)
        yield from _created_field(scene, missing.name)


def _created_field(scene: Scene, name: str) -> Iterator[Suggestion]:
    """The field itself, where the error says that it is one the workspace defines."""
    known = _field_names(scene)
    is_ours = "custom field" in scene.failure.error.message.casefold()
    if not is_ours or name in known or any(is_slip(name, other) for other in known):
        return
    label = " ".join(words_of(name)).capitalize()
    data: dict[str, JsonValue] = {"type": "create_field", "name": name, "label": label}
    if found := suggestion(scene, data, f"Create the custom field {shown(name)}", best=True):
        yield found


def _placeholders(scene: Scene, missing: MissingName) -> Iterator[Suggestion]:
    """`{Emial}` in a text of the failed step corrected to a column that is there."""
    close = close_names(missing, missing.available)
    for rank, name in enumerate(_likely(missing.name, close)):
        for pointer, text in scene.leaves_of_step():
            corrected = text.replace(f"{{{missing.name}}}", f"{{{name}}}")
            description = (
                f"Take the {missing.kind} {shown(name)} instead of {shown(missing.name)}"
                f" in {shown(pointer[-1])}"
            )
            data = _replacement(pointer, text, corrected)
            slip = is_slip(missing.name, name)
            if found := suggestion(scene, data, description, best=rank == 0, corrects=slip):
                yield found


def _placeholders_of_template(scene: Scene, missing: MissingName) -> Iterator[Suggestion]:
    """The same in a template of the workspace that the failed step fills."""
    name = scene.failure.error.details.get("template")
    if not isinstance(name, str):
        return
    texts = scene.snapshot.resources.get("template", {}).get(name, {})
    wrong = f"{{{missing.name}}}"
    part = next((part for part in ("subject", "body") if wrong in str(texts.get(part))), "body")
    text = str(texts.get(part))
    for rank, right in enumerate(_likely(missing.name, close_names(missing, missing.available))):
        corrected = text.replace(wrong, f"{{{right}}}")
        description = (
            f"Take the {missing.kind} {shown(right)} instead of {shown(missing.name)} in the"
            f" template {shown(name)}, for every workflow that uses it"
        )
        data = _replacement(("resources", "template", name, part), text, corrected)
        if found := suggestion(scene, data, description, best=rank == 0, corrects=True):
            yield found


def _reference_repairs(scene: Scene) -> Iterator[Suggestion]:
    if scene.missing is not None:
        yield from _references(scene, scene.missing)


def _other_names(
    scene: Scene, missing: MissingName, known: tuple[str, ...]
) -> Iterator[Suggestion]:
    """The missing name replaced by an existing one, where it literally stands."""
    available = missing.available or known
    for rank, name in enumerate(_likely(missing.name, scene.close_to(missing, available))):
        reason = _reason(scene, missing, name, available)
        for data, place in _swaps(scene, missing.name, name):
            description = (
                f"Replace the {missing.kind.replace('_', ' ')} {shown(missing.name)}{place} with"
                f" {shown(name)}{reason}"
            )
            slip = is_slip(missing.name, name)
            if found := suggestion(scene, data, description, best=rank == 0, corrects=slip):
                yield found


def _likely(name: str, close: tuple[str, ...]) -> tuple[str, ...]:
    """*close* without the less likely names, when the best is *name* but for a slip."""
    if close and is_slip(name, close[0]):
        return tuple(other for other in close if is_slip(name, other))
    return close


def _swaps(scene: Scene, old: str, new: str) -> Iterator[tuple[dict[str, JsonValue], str]]:
    """Fixes that put *new* for *old*, each with words for the place."""
    for pointer in scene.places_of(old):
        yield _replacement(pointer, old, new), ""
    if scene.follows_instructions:
        yield {"type": "update_instructions", "old": old, "new": new}, " in the instructions"


def _replacement(pointer: Pointer, old: str, new: str) -> dict[str, JsonValue]:
    return {"type": "replace_value", "path": spell(pointer), "old": old, "value": new}


def _reason(scene: Scene, missing: MissingName, name: str, available: tuple[str, ...]) -> str:
    """Why this one, as far as the facts say; nothing when only the engine's guess speaks for it."""
    noun = _NOUNS.get(missing.kind, missing.kind)
    where = _where(scene, missing.kind)
    if is_slip(missing.name, name):
        return ", which is spelled almost the same"
    if set(available) == {name}:
        return f", the only {noun}{where}"
    if name not in available:
        return ""
    if name in candidates(missing.name, available, most=1):
        return f", the closest of {len(available)} {noun}s{where}"
    return f", one of {len(available)} {noun}s{where}"


def _where(scene: Scene, kind: str) -> str:
    if kind in ("template", "custom_field"):
        return " in this workspace"
    file = scene.parameter("file", "path", "document", "spreadsheet", "workbook")
    if kind != "file" and isinstance(file, str) and file and "{{" not in file:
        return f" in {shown(file).strip(chr(39))}"
    return ""


def _references(scene: Scene, missing: MissingName) -> Iterator[Suggestion]:
    """A reference to an output that is not there, pointed at one that is."""
    for rank, name in enumerate(_likely(missing.name, _outputs_meant(scene, missing))):
        for pointer, text in scene.leaves_of_step():
            corrected = _with_reference(text, missing.name, name)
            if corrected == text:
                continue
            title = scene.step.title if scene.step else ""
            description = (
                f"Read {shown(name)} instead of {shown(missing.name)} in step {shown(title)}"
            )
            data = _replacement(pointer, text, corrected)
            slip = is_slip(missing.name, name)
            if found := suggestion(scene, data, description, best=rank == 0, corrects=slip):
                yield found


def _outputs_meant(scene: Scene, missing: MissingName) -> tuple[str, ...]:
    """Whole references that may have been meant; the only output there is, when none is close."""
    parent = missing.name.rpartition(".")[0]
    outputs = scene.output_names.get(parent, ()) if parent else tuple(scene.output_names)
    available = missing.available or tuple(outputs)
    only = (f"{parent}.{available[0]}",) if parent and len(available) == 1 else ()
    return close_names(missing, available) or only


def _with_reference(text: str, old: str, new: str) -> str:
    """*text* with *new* where a reference begins with *old*, whatever follows it."""
    found = spelled(text)
    pieces = [found.literals[0]]
    for reference, literal in zip(found.references, found.literals[1:], strict=True):
        pieces += ["{{", _corrected(reference, old, new), "}}", literal]
    return "".join(pieces)


def _corrected(reference: str, old: str, new: str) -> str:
    bare = reference.strip(" ")
    rest = bare.removeprefix(old)
    if not bare.startswith(old) or (rest and rest[0] not in ".["):
        return reference
    return reference.replace(bare, new + rest, 1)


_REPAIRS: Mapping[RootCause, tuple[Repair, ...]] = {
    RootCause.MISSING_TEMPLATE: (_template_repairs, other_name),
    RootCause.MISSING_RESOURCE: (_name_repairs, other_name),
    RootCause.MISSING_FIELD: (_field_repairs, mapped_values),
    RootCause.MISSING_STEP_OUTPUT: (_reference_repairs, mapped_outputs),
    RootCause.INVALID_DATA: (skipping,),
    RootCause.RATE_LIMIT: (lowered_limits, retried),
    RootCause.QUOTA_EXHAUSTED: (lowered_limits,),
    RootCause.NETWORK_ERROR: (retried,),
    RootCause.UPSTREAM_ERROR: (retried, other_model, plain_words),
    RootCause.TIMEOUT: (more_time, retried),
    RootCause.BUDGET_EXCEEDED: (more_budget, more_time, bound_documents),
    RootCause.TURN_LIMIT: (higher_bound,),
    RootCause.MODEL_UNAVAILABLE: (switched, other_model),
    RootCause.INVALID_MODEL_OUTPUT: (other_model,),
    RootCause.CONTENT_FILTERED: (other_model, plain_words),
    RootCause.CONTEXT_LENGTH: (bound_documents, split_lists, other_model),
    RootCause.RESOURCE_EXHAUSTED: (split_lists, bound_documents),
}
