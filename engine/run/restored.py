"""What earlier rounds have left, as the next one finds it."""

from collections.abc import Sequence
from typing import Any

from ..execution import StepStatus
from ..storage import codec
from ..storage.journal import LiveStep


def outputs_by_path(steps: Sequence[LiveStep]) -> dict[str, Any]:
    """Of steps that have succeeded; not of those inside one that has."""
    found: dict[str, Any] = {}
    succeeded = [step for step in steps if step.status is StepStatus.SUCCEEDED]
    for step in sorted(succeeded, key=lambda step: step.path.count("/")):
        parts = step.path.split("/")
        if any("/".join(parts[:length]) in found for length in range(2, len(parts))):
            continue
        found[step.path] = None if step.output is None else codec.loads(step.output)
    return found
