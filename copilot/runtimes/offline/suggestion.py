"""A remedy in words, and as a fix where it could be made concrete."""

from collections.abc import Mapping
from typing import NamedTuple

from pydantic import JsonValue

from ...errors import InvalidFix
from ...fixes import Fix, parse, type_of
from ...types import FixHint
from .scene import Scene


class Suggestion(NamedTuple):
    """A remedy: as a fix when it could be made concrete, in words in any case.

    `corrects`: the fix puts a slip right, so the name in question was never meant to exist.
    """

    fix: Fix | None
    hint: FixHint
    corrects: bool = False


def suggestion(
    scene: Scene,
    data: Mapping[str, JsonValue],
    description: str,
    *,
    best: bool,
    corrects: bool = False,
) -> Suggestion | None:
    """The fix in *data* with its description; None when it does not fit or has no effect."""
    try:
        fix = parse(data)
    except InvalidFix:
        return None
    if not fix.has_effect(scene.snapshot):
        return None
    hint = FixHint(
        type=type_of(fix),
        description=description,
        tier="best" if best else "better",
        parameters=fix.model_dump(mode="json", exclude={"type"}, exclude_none=True),
    )
    return Suggestion(fix, hint, corrects)
