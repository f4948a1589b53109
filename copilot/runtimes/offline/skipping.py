"""Going on without the rows that are invalid: a check before the step, or a line for the agent."""

import re
from collections.abc import Iterator

from pydantic import JsonValue

from ...definitions import root_of, spelled
from ...names import words_of
from .scene import Scene, shown
from .suggestion import Suggestion, suggestion

#: Parameters that usually carry rows come before others.
_ROWS = ("messages", "rows", "contacts", "items", "records")
_ADDRESS_WORDS = frozenset({"to", "cc", "email", "mail", "recipient", "address"})
_EMPTY = re.compile(r"\b(?:null|none|empty|blank|missing|required)\b", re.IGNORECASE)


def skipping(scene: Scene) -> Iterator[Suggestion]:
    """A step that skips the invalid rows, and a line that tells an agent to do so."""
    field = _field(scene)
    check = _check(scene, field)
    if field is None or check is None:
        return
    flaw = "a valid e-mail address" if check == "email" else f"a value in {shown(field)}"
    for parameter in _row_parameters(scene):
        title = scene.step.title if scene.step else ""
        data: dict[str, JsonValue] = {
            "type": "skip_invalid",
            "step": scene.step.id if scene.step else "",
            "parameter": parameter,
            "field": field,
            "check": check,
        }
        description = (
            f"Skip rows without {flaw} before step {shown(title)}, and go on with the rest"
        )
        if found := suggestion(scene, data, description, best=True):
            yield found
            break
    if scene.follows_instructions:
        yield from _skipping_line(scene, flaw)


def _skipping_line(scene: Scene, flaw: str) -> Iterator[Suggestion]:
    line = f"Skip every contact or row without {flaw}, and go on with the rest."
    added: dict[str, JsonValue] = {"type": "update_instructions", "add": line}
    if found := suggestion(scene, added, f'Add to the instructions: "{line}"', best=False):
        yield found


def _field(scene: Scene) -> str | None:
    """The column in question: by the error's facts, its text, or the knowledge base."""
    named = scene.failure.error.details.get("field")
    if isinstance(named, str) and named:
        return named
    if captured := scene.diagnosis.captures.get("field"):
        return captured
    hinted = next((hint for hint in scene.diagnosis.fixes if hint.type == "skip_invalid"), None)
    value = hinted.parameters.get("field") if hinted else None
    return value if isinstance(value, str) and value else None


def _check(scene: Scene, field: str | None) -> str | None:
    """What the column has to be; None when the facts don't say."""
    if field is not None and _ADDRESS_WORDS.intersection(words_of(field)):
        return "email"
    return "filled" if _EMPTY.search(scene.failure.error.message) else None


def _row_parameters(scene: Scene) -> list[str]:
    """Parameters of the failed step that are one reference and nothing else, likely ones first."""
    if scene.step is None:
        return []
    whole = [key for key, value in scene.step.parameters.items() if _is_whole(value)]
    known = [key for key in _ROWS if key in whole]
    return known or (whole if len(whole) == 1 else [])


def _is_whole(value: JsonValue) -> bool:
    found = spelled(value) if isinstance(value, str) else None
    return found is not None and found.literals == ("", "") and bool(root_of(found.references[0]))
