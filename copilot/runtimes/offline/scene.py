"""A failed step with all that is known about it, as the offline repairs look at it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from pydantic import JsonValue

from ...definitions import PlacedStep, Pointer, leaves, step_at, steps, upstream
from ...fixes import Ceilings
from ...names import MissingName, close_names, missing_name
from ...ports import WorkspaceContext
from ...snapshot import Snapshot
from ...types import Diagnosis, Failure, RootCause

LONGEST_SHOWN = 100

#: What the knowledge base calls the name in question, by root cause, the most exact first.
_CAPTURED: Mapping[RootCause, tuple[str, ...]] = {
    RootCause.MISSING_TEMPLATE: ("template", "name"),
    RootCause.MISSING_RESOURCE: ("range", "file", "table", "object", "resource", "name"),
    RootCause.MISSING_FIELD: ("field", "name"),
    RootCause.MISSING_STEP_OUTPUT: ("variable", "name"),
}


@dataclass(frozen=True)
class Scene:
    """The failure, the definition it happened in, and what the workspace has."""

    diagnosis: Diagnosis
    failure: Failure
    snapshot: Snapshot
    context: WorkspaceContext
    output_names: Mapping[str, Sequence[str]]
    ceilings: Ceilings = field(default_factory=Ceilings)

    @cached_property
    def step(self) -> PlacedStep | None:
        """The failed step, if the definition still has it."""
        return step_at(self.snapshot.definition, self.failure.step_path)

    @cached_property
    def missing(self) -> MissingName | None:
        """What is not there: by the facts beside the error, else by the name found in its text."""
        error = self.failure.error
        found = missing_name(error.code, error.details)
        if found is not None:
            return found
        for kind in _CAPTURED.get(self.diagnosis.root_cause, ()):
            if name := self.diagnosis.captures.get(kind):
                return MissingName(kind, name)
        return None

    @cached_property
    def templates(self) -> Mapping[str, tuple[JsonValue, JsonValue]]:
        """Every template known of, by name: subject and body, None for a body not known."""
        named = self.snapshot.resources.get("template", {})
        return {
            **{one.name: (one.subject, one.body) for one in self.context.templates},
            **{name: (one.get("subject"), one.get("body")) for name, one in named.items()},
        }

    @cached_property
    def follows_instructions(self) -> bool:
        """Whether an agent, who follows the instructions, is or feeds the failed step."""
        if self.step is None:
            return False
        ids = upstream(self.snapshot.definition, self.step)
        return any(
            step.type == "agent" and step.id in ids for step in steps(self.snapshot.definition)
        )

    def close_to(self, missing: MissingName, available: Sequence[str]) -> tuple[str, ...]:
        """Existing names that may have been meant, the engine's own guesses first.

        When none is close and there are no more than three at all, those: a person will know.
        """
        names = tuple(dict.fromkeys(missing.available or available))
        found = close_names(missing, names) or (names if len(names) <= 3 else ())
        return tuple(name for name in found if name != missing.name)

    def leaves_of_step(self) -> Iterator[tuple[Pointer, str]]:
        """Every text of the failed step that is resolved when it runs, with its whole pointer."""
        if self.step is None:
            return
        for key in (self.step.parameters_key, "prompt"):
            value = self.step.data.get(key)
            for below, leaf in leaves(value):
                if isinstance(leaf, str):
                    yield (*self.step.pointer, key, *below), leaf

    def places_of(self, name: str) -> tuple[Pointer, ...]:
        """Where exactly *name* stands as a value in the failed step."""
        return tuple(pointer for pointer, leaf in self.leaves_of_step() if leaf == name)

    def parameter(self, *keys: str) -> JsonValue:
        """The failed step's first parameter of one of these names."""
        if self.step is None:
            return None
        return next(
            (self.step.parameters[key] for key in keys if key in self.step.parameters), None
        )


def shown(name: str) -> str:
    """A name as descriptions quote it; a long one is cut."""
    return f"'{name if len(name) <= LONGEST_SHOWN else name[: LONGEST_SHOWN - 1] + '…'}'"
