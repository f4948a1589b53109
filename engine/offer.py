"""What an engine offers to definitions: on every way in, one that names anything else is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .definition import Workflow, parse_definition, to_data
from .definition.loader import Known
from .schedule.interval import ticks_of


@dataclass(frozen=True, slots=True)
class Offer:
    """The actions, parts and runtimes there are."""

    known: Known

    def read(self, definition: str | Mapping[str, Any]) -> Workflow:
        """The workflow in YAML or JSON text or plain data.

        Raises `InvalidDefinition` with every problem, or `InvalidSchedule`.
        """
        workflow = parse_definition(definition, self.known)
        ticks_of(workflow)
        return workflow

    def check(self, workflow: Workflow) -> None:
        """Raises what `read` does; for a workflow that was not read here."""
        self.read(to_data(workflow))
