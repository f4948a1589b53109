"""One workflow with a fault in it, and what has to come of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import JsonValue

from .behaviours import Behaviour

#: `by_hand`: a person has to do it elsewhere. `by_time`: it is over at a time that is known. Both
#: can be diagnosed and handed over, and count as not fixed.
Ending = Literal["fixed", "by_hand", "by_time"]
Definition = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Case:
    """`meant` is the definition as its author meant it, where there is just one right fix."""

    kind: str
    key: str
    causes: frozenset[str]
    definition: Definition
    meant: Definition | None = None
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    templates: Mapping[str, Definition] = field(default_factory=dict[str, Definition])
    integrations: Mapping[str, Definition] = field(default_factory=dict[str, Definition])
    behaviour: Behaviour | None = None
    flaky: int = 0
    ending: Ending = "fixed"
