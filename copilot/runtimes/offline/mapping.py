"""Another output or input that a step was meant to read, where the one it reads is not there."""

import re
from collections.abc import Iterator

from pydantic import JsonValue

from ...definitions import Pointer, leaves, spell, spelled
from ...names import MissingName, close_names, is_slip, words_of
from .scene import Scene, shown
from .suggestion import Suggestion, suggestion

#: With more outputs than these nobody can guess which one was meant.
FEW = 3
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
_ROOT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INPUTS = "inputs"


def mapped_outputs(scene: Scene) -> Iterator[Suggestion]:
    """Every place that reads what is not there, with what may have been meant there.

    Nothing where the name is but misspelt: that has a simpler remedy.
    """
    missing = scene.missing
    if missing is None or scene.step is None or _is_misspelt(missing):
        return
    for rank, (name, reason) in enumerate(_meant(scene, missing.name)):
        for pointer, reference in _places(scene, missing.name):
            rest = reference.removeprefix(missing.name)
            data: dict[str, JsonValue] = {
                "type": "map_input",
                "path": spell(pointer),
                "old": reference,
                "reads": name + rest,
            }
            description = (
                f"In step {shown(scene.step.title)}, read {shown(name)}{reason}, instead of"
                f" {shown(missing.name)}"
            )
            if found := suggestion(scene, data, description, best=rank == 0):
                yield found


def mapped_values(scene: Scene) -> Iterator[Suggestion]:
    """A value that a text asks for and the step has not, read from where it is."""
    missing, step = scene.missing, scene.step
    if missing is None or step is None or "/" in missing.name or "~" in missing.name:
        return
    holders = [key for key, value in step.parameters.items() if isinstance(value, dict)]
    for rank, (name, reason) in enumerate(_elsewhere(scene, missing.name, but="")):
        for key in holders:
            way = (*step.pointer, step.parameters_key, key, missing.name)
            data: dict[str, JsonValue] = {
                "type": "map_input",
                "path": spell(way),
                "reads": name,
            }
            description = (
                f"Give step {shown(step.title)} the value {shown(missing.name)} from"
                f" {shown(name)}{reason}"
            )
            if found := suggestion(scene, data, description, best=rank == 0):
                yield found


def _is_misspelt(missing: MissingName) -> bool:
    close = close_names(missing, missing.available)
    return bool(close) and is_slip(missing.name, close[0])


def _places(scene: Scene, name: str) -> Iterator[tuple[Pointer, str]]:
    """Where the failed step reads *name* or something in it, with the whole reference there."""
    texts = list(scene.leaves_of_step())
    if scene.step is not None:
        for below, leaf in leaves(scene.step.data.get("for_each")):
            if isinstance(leaf, str):
                texts.append(((*scene.step.pointer, "for_each", *below), leaf))
    for pointer, text in texts:
        for reference in dict.fromkeys(one.strip() for one in spelled(text).references):
            rest = reference.removeprefix(name)
            if reference.startswith(name) and (not rest or rest[0] in ".["):
                yield pointer, reference


def _meant(scene: Scene, name: str) -> Iterator[tuple[str, str]]:
    """References that *name* may have been meant to be, likely ones first, each with a reason.

    What the same step gives under another name only where nothing is called the same.
    """
    found = _ROOT.match(name)
    root, key = (found[0] if found else name), name.rpartition(".")[2]
    same = tuple(_elsewhere(scene, key, but=root))
    yield from same
    named = scene.output_names.get(root, ())
    if name == root:
        return
    if not named and root != _INPUTS:
        yield root, ", which has no parts with names"
    elif not same and name == f"{root}.{key}" and 1 < len(named) <= FEW:
        yield from ((_joined(root, one), f", one of {len(named)} that it gives") for one in named)


def _elsewhere(scene: Scene, key: str, *, but: str) -> Iterator[tuple[str, str]]:
    """Inputs and outputs of steps called *key*, but for those of the step *but*; the latest first."""
    wanted = words_of(key)
    declared = scene.snapshot.definition.get(_INPUTS)
    inputs = tuple(declared) if isinstance(declared, dict) else ()
    sources = [*reversed([*scene.output_names.items()]), (_INPUTS, inputs)]
    for root, names in sources:
        for one in names:
            if root != but and wanted and words_of(one) == wanted:
                yield _joined(root, one), ", which is called the same"


def _joined(root: str, key: str) -> str:
    return f"{root}.{key}" if _PLAIN.fullmatch(key) else f'{root}["{key}"]'
