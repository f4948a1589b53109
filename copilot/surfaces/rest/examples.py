"""Answers that the service has given, for its description: data beside this file, and refusals."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from ...errors import Forbidden, InsufficientCredits, InvalidInput, StaleBase
from .problems import refusal

_FILE = "examples.json"
_DIFF = (
    "--- workflow\n+++ workflow\n@@ -8,4 +8,4 @@\n   - id: read\n"
    "-    range: UndefinedRange\n+    range: DefinedRange\n"
)
_REFUSALS = (
    InsufficientCredits(0, 1),
    Forbidden("edit", "approver", False),
    StaleBase(3, 4, _DIFF),
    InvalidInput("verify_runs", "must be a whole number from 1 to 100 (runs).", ""),
)


@cache
def examples() -> Mapping[str, tuple[Any, ...]]:
    """By the name that the description gives their form."""
    given = json.loads(files(str(__package__)).joinpath(_FILE).read_text(encoding="utf-8"))
    problems = tuple(json.loads(bytes(refusal(error).body)) for error in _REFUSALS)
    return {name: (answer,) for name, answer in given.items()} | {"Problem": problems}
