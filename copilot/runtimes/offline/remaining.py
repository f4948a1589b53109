"""Which remedies in words are still worth saying beside the fixes that were made concrete."""

from collections.abc import Iterator, Sequence

from ...fixes import ALIASES, type_of
from ...types import Diagnosis, FixHint, RootCause
from .scene import Scene
from .suggestion import Suggestion

#: Types whose words may say "name something else that exists".
_SWAPS = frozenset({"replace_value", "map_input", "update_instructions"})


def in_words(
    diagnosis: Diagnosis, scene: Scene | None, concrete: Sequence[Suggestion]
) -> Iterator[Suggestion]:
    """The hints of the knowledge base that neither repeat a concrete fix nor contradict one.

    A misspelt name needs no other remedy than its correction: nobody wants it created, defaulted
    or skipped. What a person can do elsewhere is said all the same.
    """
    done = {type_of(one.fix) for one in concrete if one.fix is not None}
    corrected = any(one.corrects for one in concrete)
    for hint in map(_canonical, diagnosis.fixes):
        idle = (
            hint.type in done
            or (corrected and hint.type != "manual")
            or _repeats_a_swap(hint, scene, done)
            or _has_no_choice(hint, scene)
            or _is_too_soon(hint, diagnosis)
        )
        if not idle:
            yield Suggestion(None, hint)


def _canonical(hint: FixHint) -> FixHint:
    return hint.model_copy(update={"type": ALIASES.get(hint.type, hint.type)})


def _is_too_soon(hint: FixHint, diagnosis: Diagnosis) -> bool:
    """Trying again within minutes is no remedy for an allowance that is renewed by the day."""
    return hint.type == "retry_policy" and "resets" in diagnosis.captures


def _swaps(hint: FixHint, scene: Scene) -> bool:
    """Whether its words say to name something else than what is missing."""
    missing = scene.missing
    return hint.type in _SWAPS and missing is not None and missing.name in hint.parameters.values()


def _repeats_a_swap(hint: FixHint, scene: Scene | None, done: set[str]) -> bool:
    return scene is not None and "replace_value" in done and _swaps(hint, scene)


def _has_no_choice(hint: FixHint, scene: Scene | None) -> bool:
    """Whether it says to take another template where the workspace has none."""
    if scene is None or scene.diagnosis.root_cause is not RootCause.MISSING_TEMPLATE:
        return False
    return not scene.templates and _swaps(hint, scene)
